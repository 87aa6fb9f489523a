/* SPDX-License-Identifier: Apache-2.0 */
/* config/log_file.h - files that weir writes: made by the loader, given to the worker user. */
#ifndef CONFIG_LOG_FILE_H
#define CONFIG_LOG_FILE_H

#include "config/config.h"

/* Makes the file's folder when that one's parent exists. False: errno says why not. */
bool log_file_make_folder(const struct config *config, const char *path);

/* Creates or opens for appending, mode 0640. A negative errno: it cannot be. */
int log_file_open(const struct config *config, const char *path);

/* Where it is written while config_private is set: one name in there, made of the whole path. */
weir_str log_file_private(struct arena *arena, weir_str path);

#endif
