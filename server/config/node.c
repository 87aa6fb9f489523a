/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/str.h"

struct node *node_create(struct arena *arena, enum node_type type, weir_str name, struct source at)
{
    struct node *node = arena_zalloc(arena, sizeof(*node));

    node->type = type;
    node->name = name.n ? arena_dup(arena, name) : STR("");
    node->at = at;
    return node;
}

struct node *node_copy(struct arena *arena, const struct node *node)
{
    struct node *copy = arena_alloc(arena, sizeof(*copy));

    *copy = *node;
    copy->next = NULL;
    return copy;
}

void node_add(struct node *parent, struct node *child)
{
    if (parent->last) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    child->next = NULL;
    parent->n++;
}

struct node *node_get(const struct node *group, weir_str name)
{
    if (!group || group->type != NODE_GROUP) {
        return NULL;
    }
    for (struct node *child = group->first; child; child = child->next) {
        if (str_eq(child->name, name)) {
            return child;
        }
    }
    return NULL;
}

bool node_is_false(const struct node *node)
{
    return node && node->type == NODE_BOOL && !node->v.b;
}

const char *node_kind(const struct node *node)
{
    static const char *const kinds[] = {
        [NODE_GROUP] = "a group",  [NODE_LIST] = "a list",        [NODE_INT] = "a number",
        [NODE_FLOAT] = "a number", [NODE_BOOL] = "a truth value", [NODE_STR] = "text",
    };

    return kinds[node->type];
}

static void write_string(FILE *out, weir_str s)
{
    fputc('"', out);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c == '\n') {
            fputs("\\n", out);
        } else if (c == '\t') {
            fputs("\\t", out);
        } else if (c == '\r') {
            fputs("\\r", out);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\x%02x", c);
        } else {
            fputc(c, out);
        }
    }
    fputc('"', out);
}

/* libconfig takes a number with a point or an exponent for a float, any other for an integer. */
static void write_float(FILE *out, double f)
{
    char text[64];

    snprintf(text, sizeof(text), "%.17g", f);
    fputs(text, out);
    if (!strpbrk(text, ".eni")) {
        fputs(".0", out);
    }
}

static bool is_array(const struct node *list)
{
    for (const struct node *item = list->first; item; item = item->next) {
        if (item->type == NODE_GROUP || item->type == NODE_LIST ||
            item->type != list->first->type) {
            return false;
        }
    }
    return true;
}

static void write_node(FILE *out, const struct node *node);

static void write_children(FILE *out, const struct node *node)
{
    for (const struct node *child = node->first; child; child = child->next) {
        if (node->type == NODE_GROUP) {
            fprintf(out, "%s = ", child->name.p);
        }
        write_node(out, child);
        if (node->type == NODE_GROUP) {
            fputs("; ", out);
        } else {
            fputs(child->next ? ", " : " ", out);
        }
    }
}

static void write_node(FILE *out, const struct node *node)
{
    switch (node->type) {
    case NODE_INT:
        fprintf(out, "%" PRId64 "%s", node->v.i,
                node->v.i > INT32_MAX || node->v.i < INT32_MIN ? "L" : "");
        break;
    case NODE_FLOAT:
        write_float(out, node->v.f);
        break;
    case NODE_BOOL:
        fputs(node->v.b ? "true" : "false", out);
        break;
    case NODE_STR:
        write_string(out, node->v.s);
        break;
    case NODE_GROUP:
        fputs("{ ", out);
        write_children(out, node);
        fputc('}', out);
        break;
    case NODE_LIST:
        fputs(is_array(node) ? "[ " : "( ", out);
        write_children(out, node);
        fputc(is_array(node) ? ']' : ')', out);
        break;
    }
}

weir_str node_text(struct arena *arena, const struct node *node, size_t max)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (!out) {
        return STR("");
    }
    write_node(out, node);
    fclose(out);
    weir_str s = max && n > max ? arena_printf(arena, "%.*s...", (int)max, text)
                                : arena_dup(arena, (weir_str){text, n});
    free(text);
    return s;
}
