/* SPDX-License-Identifier: Apache-2.0 */
/* config/schema.h - rows of options (weir/options.h) applied to settings: keys are checked,
 * values become C values in a struct. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <weir/options.h>

#include "config/node.h"

struct config;

/* A table of options. Rows are `size` bytes apart: a module may be older than this host. */
struct rows {
    const weir_opt *p;
    uint32_t n;
    uint32_t size;
};

/* Flags that only the host's own tables use. */
enum {
    SCHEMA_AUTO = 0x10000,  /* INT: "auto" is taken, too; it gives 0 */
    SCHEMA_FIRST = 0x20000, /* LIST|GROUP: a plain item is a group with just its first option */
    SCHEMA_APART = 0x80000, /* known; read by code of its own */
    SCHEMA_WORD = 0x100000  /* STR: a number is taken as its text */
};

#define ROWS(table) ((struct rows){(table), (uint32_t)WEIR_COUNT(table), sizeof(weir_opt)})

static inline const weir_opt *row_at(struct rows rows, uint32_t i)
{
    return (const weir_opt *)(const void *)((const char *)rows.p + (size_t)i * rows.size);
}

static inline bool row_stands_in(const weir_opt *row, uint32_t scope)
{
    return row->scopes == 0 || (row->scopes & scope);
}

/* A group in place, neither list nor map. */
static inline bool row_is_group(const weir_opt *row)
{
    return row->type == WEIR_T_GROUP;
}

/* The rows of a GROUP option, which are as far apart as those of its own table. */
static inline struct rows row_sub(struct rows rows, const weir_opt *row)
{
    return (struct rows){row->sub, row->sub_n, rows.size};
}

/* The option of that name; else the "*" one. Only those that may stand in `scope`. NULL: none. */
const weir_opt *schema_row(struct rows rows, weir_str name, uint32_t scope);
/* Is `row` the "*" one? */
bool row_is_star(const weir_opt *row);

/* The default as if it had been written; NULL: none. */
struct node *schema_default(struct arena *arena, const weir_opt *row);

/* An item of LIST|GROUP or MAP|GROUP as a group: `true` is an empty one, a list gives the options
 * in the order of the rows. NULL: it cannot be taken as a group. */
const struct node *schema_item(struct arena *arena, struct rows sub, const weir_opt *row,
                               const struct node *item);

/* Reports the keys of `group`, as written, that no row has for `scope`. `what` names it in
 * messages: "proxy"; "" for none. */
void schema_check_keys(struct config *config, const char *what, struct rows rows, uint32_t scope,
                       const struct node *group);

/* The same for one key, which `row` has. */
void schema_check_key(struct config *config, const char *what, struct rows rows,
                      const weir_opt *row, uint32_t scope, const struct node *child);

/* Fills *conf (zeroed) from `group` (NULL: nothing is set) and the defaults. `complete`: required
 * options must be there. False: a mistake was reported. */
bool schema_fill(struct config *config, const char *what, struct rows rows, uint32_t scope,
                 bool complete, const struct node *group, void *conf);

/* The value as -T writes it: paths absolute. */
weir_str schema_text(struct arena *arena, const weir_opt *row, const struct node *node);

#endif
