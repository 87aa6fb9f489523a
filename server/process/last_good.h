/* SPDX-License-Identifier: Apache-2.0 */
/* process/last_good.h - the configuration that served last, in a file (weir --last-good FILE): a
 * start whose configuration is refused begins with that one instead. */
#ifndef PROCESS_LAST_GOOD_H
#define PROCESS_LAST_GOOD_H

#include <stdbool.h>

struct config;

/* For this process and those that it starts. False: there is no memory. */
bool last_good_use(const char *path);
/* NULL: nobody wants it. */
const char *last_good_path(void);
/* Is there one to begin with? */
bool last_good_exists(void);
/* Writes it as `weir -T` does, whole or not at all; what fails is logged. */
void last_good_save(const struct config *config);

#endif
