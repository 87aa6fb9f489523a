/* SPDX-License-Identifier: Apache-2.0 */
/* config/print.c - `weir -T`, and the options in force on a route.
 *
 * What is printed is the configuration itself, merged, with every default that is in force
 * written out where it first applies, so that reading it gives the same again. A default that
 * adds to what inner scopes say (lists that append, maps) would change them: it is a comment. */
#include <stdio.h>

#include "base/str.h"
#include "config/scope.h"

#define COMMENT_COLUMN 60

struct printer {
    FILE *out;
    struct arena arena; /* for texts */
    const struct config *config;
    unsigned depth;
};

static void line(struct printer *p, const struct source *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* One line, with the place that it comes from; `at` NULL: none is said. */
static void line(struct printer *p, const struct source *at, const char *fmt, ...)
{
    va_list args;
    int column = (int)p->depth * 2;

    fprintf(p->out, "%*s", column, "");
    va_start(args, fmt);
    column += vfprintf(p->out, fmt, args);
    va_end(args);
    if (at) {
        fprintf(p->out, "%*s # ", column < COMMENT_COLUMN ? COMMENT_COLUMN - column : 0, "");
        if (at->file) {
            fprintf(p->out, "%s:%u", at->file, at->line);
        } else {
            fputs("default", p->out);
        }
    }
    fputc('\n', p->out);
}

/* ---- options ---- */

static void print_group(struct printer *p, struct rows rows, uint32_t kind, uint32_t outer,
                        const struct node *own);

static bool is_whole(const weir_opt *row)
{
    return row->type & (WEIR_T_LIST | WEIR_T_MAP);
}

/* Items of LIST|GROUP and MAP|GROUP, whatever way they were written. */
static void print_items(struct printer *p, struct rows rows, const weir_opt *row, uint32_t kind,
                        const struct node *node)
{
    struct rows sub = row_sub(rows, row);
    bool is_map = node->type == NODE_GROUP && (row->type & WEIR_T_MAP);
    bool is_list = node->type == NODE_LIST;
    const struct node *item = is_map || is_list ? node->first : node;

    line(p, &node->at, "%s = %c", node->name.p, is_map ? '{' : '(');
    p->depth++;
    for (; item; item = is_map || is_list ? item->next : NULL) {
        const struct node *group = schema_item(&p->arena, sub, row, item);

        if (!group) {
            line(p, &item->at, "%s = false;", item->name.p);
            continue;
        }
        if (is_map) {
            line(p, &item->at, "%s = {", item->name.p);
        } else {
            line(p, &item->at, "{");
        }
        p->depth++;
        print_group(p, sub, kind, 0, group);
        p->depth--;
        line(p, NULL, is_map ? "};" : is_list && item->next ? "}," : "}");
    }
    p->depth--;
    line(p, NULL, "%c;", is_map ? '}' : ')');
}

static bool has_default(struct rows rows, uint32_t kind, uint32_t outer)
{
    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);

        if (row->flags & SCHEMA_LATER || !row_stands_in(row, kind)) {
            continue;
        }
        if (row_is_group(row) && !row_is_star(row)
                ? has_default(row_sub(rows, row), kind, outer)
                : row->dflt && !(row->scopes ? row->scopes & outer : outer)) {
            return true;
        }
    }
    return false;
}

static void print_inner_group(struct printer *p, struct rows rows, const weir_opt *row,
                              uint32_t kind, uint32_t outer, const struct node *node)
{
    struct rows sub = row_sub(rows, row);

    if (node && node->type != NODE_GROUP) {
        line(p, &node->at, "%s = %s;", row->name, node_is_false(node) ? "false" : "true");
        return;
    }
    if (!node && !has_default(sub, kind, outer)) {
        return;
    }
    line(p, node ? &node->at : NULL, "%s = {", row->name);
    p->depth++;
    print_group(p, sub, kind, outer, node);
    p->depth--;
    line(p, NULL, "};");
}

/* A map's entries have a line and a place each. */
static void print_map(struct printer *p, const weir_opt *row, const struct node *node)
{
    line(p, &node->at, "%s = {", node->name.p);
    p->depth++;
    for (const struct node *item = node->first; item; item = item->next) {
        weir_str text = schema_text(&p->arena, row, item);

        line(p, &item->at, "%s = %s;", item->name.p, text.p);
    }
    p->depth--;
    line(p, NULL, "};");
}

static void print_value(struct printer *p, struct rows rows, const weir_opt *row, uint32_t kind,
                        const struct node *node)
{
    if ((row->type & WEIR_T_KIND) == WEIR_T_GROUP) {
        print_items(p, rows, row, kind, node);
    } else if (node->type == NODE_GROUP) {
        print_map(p, row, node);
    } else {
        line(p, &node->at, "%s = %s;", node->name.p, schema_text(&p->arena, row, node).p);
    }
}

static void print_default(struct printer *p, const weir_opt *row, uint32_t outer)
{
    const struct source none = {0};
    struct node *node = schema_default(&p->arena, row);
    bool adds = row->inherit == WEIR_INHERIT_APPEND || row->inherit == WEIR_INHERIT_MERGE;

    if (!node || (row->scopes ? row->scopes & outer : outer)) {
        return;
    }
    line(p, &none, "%s%s = %s;", adds ? "# " : "", row->name, node_text(&p->arena, node, 0).p);
}

/* The named groups that a "*" row catches. */
static void print_star(struct printer *p, struct rows rows, const weir_opt *row, uint32_t kind,
                       const struct node *own)
{
    for (const struct node *c = own ? own->first : NULL; c; c = c->next) {
        const struct node *group;

        if (schema_row(rows, c->name, kind) != row) {
            continue;
        }
        weir_opt map = *row;
        map.type |= WEIR_T_MAP;
        group = schema_item(&p->arena, row_sub(rows, row), &map, c);
        if (!group) {
            line(p, &c->at, "%s = %s;", c->name.p, schema_text(&p->arena, row, c).p);
            continue;
        }
        line(p, &c->at, "%s = {", c->name.p);
        p->depth++;
        print_group(p, row_sub(rows, row), kind, 0, group);
        p->depth--;
        line(p, NULL, "};");
    }
}

/* `outer`: the kinds of the scopes around that have the group, too: their defaults stand there. */
static void print_group(struct printer *p, struct rows rows, uint32_t kind, uint32_t outer,
                        const struct node *own)
{
    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);
        const struct node *node = node_get(own, str_from(row->name));

        if (row->flags & SCHEMA_LATER || !row_stands_in(row, kind)) {
            continue;
        }
        if (row_is_star(row)) {
            print_star(p, rows, row, kind, own);
        } else if (row_is_group(row)) {
            print_inner_group(p, rows, row, kind, outer, node);
        } else if (node) {
            print_value(p, rows, row, kind, node);
        } else if (!is_whole(row) || (row->type & WEIR_T_KIND) != WEIR_T_GROUP) {
            print_default(p, row, outer);
        }
    }
}

static void print_named_group(struct printer *p, const char *name, struct rows rows, uint32_t kind,
                              uint32_t outer, const struct node *own)
{
    if (own && own->type != NODE_GROUP && (node_is_false(own) || !has_default(rows, kind, outer))) {
        line(p, &own->at, "%s = %s;", name, node_is_false(own) ? "false" : "true");
        return;
    }
    line(p, own ? &own->at : NULL, "%s = {", name);
    p->depth++;
    print_group(p, rows, kind, outer, own);
    p->depth--;
    line(p, NULL, "};");
}

/* ---- scopes ---- */

static void print_uses(struct printer *p, const struct scope *scope)
{
    for (const struct use *use = scope->uses; use; use = use->next) {
        uint32_t outer = 0;

        for (const struct use *o = use->outer; o; o = o->outer) {
            outer |= node_is_false(o->own) ? 0 : o->scope->kind;
        }
        if (use->module->desc->flags & WEIR_MODULE_ADDITIVE) {
            outer = 0;
        }
        print_named_group(p, use->module->desc->name, module_rows(use->module), scope->kind, outer,
                          use->own);
    }
}

/* A setting that has no row of a kind that could print it. */
static void print_raw(struct printer *p, const struct node *node)
{
    if (node) {
        line(p, &node->at, "%s = %s;", node->name.p, node_text(&p->arena, node, 0).p);
    }
}

static void print_host_names(struct printer *p, const struct scope *scope)
{
    struct rows rows = host_rows(scope->kind);

    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);
        const struct node *node = node_get(scope->node, str_from(row->name));

        if (!node || row->flags & SCHEMA_LATER || str_eq(node->name, STR("routes"))) {
            continue;
        }
        if (row_is_group(row)) {
            print_inner_group(p, rows, row, scope->kind, WEIR_S_TOP | WEIR_S_SITE, node);
        } else {
            print_raw(p, node);
        }
    }
}

static void print_route(struct printer *p, const struct scope *scope, bool is_last)
{
    line(p, &scope->node->at, "{");
    p->depth++;
    print_host_names(p, scope);
    print_uses(p, scope);
    p->depth--;
    line(p, NULL, is_last ? "}" : "},");
}

static void print_site(struct printer *p, const struct scope *scope, bool is_last)
{
    const struct site *site = scope->site;

    line(p, &scope->node->at, "{");
    p->depth++;
    print_host_names(p, scope);
    print_uses(p, scope);
    if (site->route_n) {
        line(p, NULL, "routes = (");
        p->depth++;
        for (uint32_t i = 0; i < site->route_n; i++) {
            print_route(p, scope->routes[i], i + 1 == site->route_n);
        }
        p->depth--;
        line(p, NULL, ");");
    }
    p->depth--;
    line(p, NULL, is_last ? "}" : "},");
}

static void print_upstreams(struct printer *p)
{
    const struct node *top = node_get(p->config->tree->root, STR("upstream"));

    if (!top || top->n == 0) {
        return;
    }
    line(p, NULL, "upstream = {");
    p->depth++;
    for (const struct node *group = top->first; group; group = group->next) {
        print_named_group(p, group->name.p, upstream_rows(), WEIR_S_TOP, 0, group);
    }
    p->depth--;
    line(p, NULL, "};");
}

void config_print(const struct config *config, FILE *out)
{
    struct printer p = {.out = out, .config = config};
    const struct config_tree *tree = config->tree;

    arena_init(&p.arena);
    print_named_group(&p, "server", server_rows(), WEIR_S_TOP, 0,
                      node_get(tree->root, STR("server")));
    print_named_group(&p, "client", client_rows(), WEIR_S_TOP, 0,
                      node_get(tree->root, STR("client")));
    print_upstreams(&p);
    print_uses(&p, &tree->top);
    if (config->site_n) {
        line(&p, NULL, "sites = (");
        p.depth++;
        for (uint32_t i = 0; i < config->site_n; i++) {
            print_site(&p, tree->sites[i], i + 1 == config->site_n);
        }
        p.depth--;
        line(&p, NULL, ");");
    }
    arena_fini(&p.arena);
}

/* ---- the options in force ---- */

struct teller {
    struct arena *arena;
    config_option_fn *fn;
    void *arg;
};

static void tell(const struct teller *t, const char *prefix, weir_str name, const weir_opt *row,
                 const struct node *node)
{
    weir_str option = arena_printf(t->arena, "%s%s", prefix, name.p);

    t->fn(t->arg, option.p, schema_text(t->arena, row, node).p, &node->at);
}

static void tell_group(const struct teller *t, const char *prefix, struct rows rows,
                       const struct node *group)
{
    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);
        const struct node *node = node_get(group, str_from(row->name));

        if (row_is_star(row)) {
            for (const struct node *c = group ? group->first : NULL; c; c = c->next) {
                if (schema_row(rows, c->name, WEIR_S_ALL) == row) {
                    tell(t, prefix, c->name, row, c);
                }
            }
        } else if (row_is_group(row)) {
            weir_str inner = arena_printf(t->arena, "%s%s.", prefix, row->name);

            tell_group(t, inner.p, row_sub(rows, row),
                       node && node->type == NODE_GROUP ? node : NULL);
        } else if (node && (row->type & WEIR_T_MAP) && node->type == NODE_GROUP) {
            weir_str inner = arena_printf(t->arena, "%s%s.", prefix, row->name);

            for (const struct node *item = node->first; item; item = item->next) {
                tell(t, inner.p, item->name, row, item);
            }
        } else if (node || (node = schema_default(t->arena, row))) {
            tell(t, prefix, str_from(row->name), row, node);
        }
    }
}

static void tell_use(const struct teller *t, const struct use *use)
{
    if (use->module->desc->flags & WEIR_MODULE_ADDITIVE && use->outer &&
        !node_is_false(use->outer->own)) {
        tell_use(t, use->outer);
    }
    tell_group(t, "", module_rows(use->module), use->effective);
}

void config_each_option(const struct config *config, const struct route *route,
                        const struct module *module, config_option_fn *fn, void *arg)
{
    const struct use *use = scope_find_use(scope_of_route(config, route), module);
    struct arena arena;

    if (!use || !use->effective) {
        return;
    }
    arena_init(&arena);
    tell_use(&(struct teller){&arena, fn, arg}, use);
    arena_fini(&arena);
}
