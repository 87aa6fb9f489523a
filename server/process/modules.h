/* SPDX-License-Identifier: Apache-2.0 */
/* process/modules.h - `weir modules`: what is installed, and a module's options. */
#ifndef PROCESS_MODULES_H
#define PROCESS_MODULES_H

#include "config/config.h"

/* Prints the list, or with `name` that module's options. Returns the exit status. */
int modules_main(struct config *config, const char *name);

#endif
