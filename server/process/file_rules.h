/* SPDX-License-Identifier: Apache-2.0 */
/* process/file_rules.h - which files a worker may touch, by Landlock: what the system needs to
 * resolve names and load libraries, and the paths of the configuration. */
#ifndef PROCESS_FILE_RULES_H
#define PROCESS_FILE_RULES_H

#include "config/config.h"

/* True as well when the kernel has no Landlock: the file modes alone protect then. False after a
 * line in the log. */
bool file_rules_enter(const struct config *config);

#endif
