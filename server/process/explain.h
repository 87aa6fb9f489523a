/* SPDX-License-Identifier: Apache-2.0 */
/* process/explain.h - `weir explain URL...`: what would happen to requests, found with the very
 * functions that a worker uses. */
#ifndef PROCESS_EXPLAIN_H
#define PROCESS_EXPLAIN_H

#include "config/config.h"

/* `headers` are "Name: value" texts and end with NULL; a Host among them overrides the URL's.
 * Prints to standard output, an empty line between two. Returns the exit status: 0 when there is an
 * answer for each. */
int explain_main(struct config *config, const char *method, const char *const *headers,
                 const char *const *urls, unsigned n);

#endif
