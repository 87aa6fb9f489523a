/* SPDX-License-Identifier: Apache-2.0 */
/* config/source.h - finds and reads configuration files. The only part that knows libconfig. */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include "config/diag.h"
#include "config/node.h"

/* All *.conf of a folder in name order, merged, or one file. Mistakes go to `diag`; files that can
 * be read are in the result, which is a group and never NULL. */
struct node *source_load(struct arena *arena, struct diag *diag, const char *path);

/* The settings in `text`, as if read from `file`. NULL: *diag says what is wrong. */
struct node *source_parse(struct arena *arena, struct diag *diag, const char *file, weir_str text);

/* `path` as seen from the folder of the file that it is written in. */
weir_str source_path(struct arena *arena, const struct source *at, weir_str path);

#endif
