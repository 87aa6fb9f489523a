/* SPDX-License-Identifier: Apache-2.0 */
/* config/node.h - a configuration as read: groups, lists and values, each with its place.
 *
 * Nodes live in an arena. A child belongs to one parent; node_copy() makes another header that
 * shares what is below. */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include "base/arena.h"
#include "http/site.h"

enum node_type { NODE_GROUP, NODE_LIST, NODE_INT, NODE_FLOAT, NODE_BOOL, NODE_STR };

struct node {
    weir_str name; /* in a group; NUL-terminated. In a list: empty */
    enum node_type type;
    struct source at;
    union {
        int64_t i;
        double f;
        bool b;
        weir_str s; /* NUL-terminated */
    } v;
    struct node *first, *last; /* GROUP, LIST */
    struct node *next;
    uint32_t n; /* of children */
};

struct node *node_create(struct arena *arena, enum node_type type, weir_str name, struct source at);
struct node *node_copy(struct arena *arena, const struct node *node);
void node_add(struct node *parent, struct node *child);
/* NULL: no such key, or `group` is NULL or not a group. */
struct node *node_get(const struct node *group, weir_str name);
bool node_is_false(const struct node *node); /* NULL: no */

/* What a node is, for messages: "a number", "text", "a list". */
const char *node_kind(const struct node *node);
/* The value as it would be written, on one line; cut after about `max` bytes (0: never). */
weir_str node_text(struct arena *arena, const struct node *node, size_t max);

#endif
