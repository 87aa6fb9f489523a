/* SPDX-License-Identifier: Apache-2.0 */
/* process/why.h - `weir why`: what the error logs say of a request, and what to do about it. */
#ifndef PROCESS_WHY_H
#define PROCESS_WHY_H

#include "config/config.h"

/* Prints the entries of the request with that id. Returns an exit status: 1 when there are none. */
int why_main(const struct config *config, const char *id, bool as_json);

#endif
