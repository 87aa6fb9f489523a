/* SPDX-License-Identifier: Apache-2.0 */
/* process/modules.h - `weir modules`: what is installed, and a module's options. */
#ifndef PROCESS_MODULES_H
#define PROCESS_MODULES_H

#include "config/config.h"

/* Prints the list, or with `name` that module's options; `as_json`: all there is to know, the host's own
 * settings and variables included. Returns the exit status. */
int modules_main(struct config *config, const char *name, bool as_json);

#endif
