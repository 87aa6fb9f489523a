/* SPDX-License-Identifier: Apache-2.0 */
/* config/print.c - `weir -T`, the same line by line for `weir diff`, and the options in force on a
 * route.
 *
 * What is printed is the configuration itself, merged, with every default that is in force
 * written out where it first applies, so that reading it gives the same again. A default that
 * adds to what inner scopes say (lists that append, maps) would change them: it is a comment. */
#include <stdio.h>

#include "base/str.h"
#include "config/scope.h"

#define COMMENT_COLUMN 60
#define DEPTH_MAX 32

struct printer {
    FILE *out;
    struct arena arena; /* for texts */
    const struct config *config;
    unsigned depth;
    bool is_flat;              /* each value with its whole path, on a line of its own */
    weir_str paths[DEPTH_MAX]; /* flat: of the groups around, by depth */
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

/* ---- groups and values ---- */

static weir_str path_of(const struct printer *p)
{
    return p->depth && p->depth <= DEPTH_MAX ? p->paths[p->depth - 1] : STR("");
}

static void put_flat(struct printer *p, const char *name, const char *value,
                     const struct source *at)
{
    weir_str path = path_of(p);

    fprintf(p->out, "%.*s%s%s\t%s\t", (int)path.n, path.p, path.n && *name ? "." : "", name,
            value);
    if (at->file) {
        fprintf(p->out, "%s:%u\n", at->file, at->line);
    } else {
        fputs("default\n", p->out);
    }
}

/* name = value; `is_comment`: as one that would say something else if it were read back. */
static void value(struct printer *p, const struct source *at, bool is_comment, const char *name,
                  const char *text)
{
    if (p->is_flat) {
        put_flat(p, name, text, at);
    } else {
        line(p, at, "%s%s = %s;", is_comment ? "# " : "", name, text);
    }
}

static void enter(struct printer *p, weir_str path)
{
    if (p->is_flat && p->depth < DEPTH_MAX) {
        p->paths[p->depth] = path;
    }
    p->depth++;
}

/* name = {, or another bracket. */
static void open_group(struct printer *p, const struct source *at, const char *name, char bracket)
{
    weir_str path = path_of(p);

    if (p->is_flat) {
        if (at) {
            put_flat(p, name, "set", at);
        }
        path = arena_printf(&p->arena, "%.*s%s%s", (int)path.n, path.p, path.n ? "." : "", name);
    } else {
        line(p, at, "%s = %c", name, bracket);
    }
    enter(p, path);
}

/* A group in a list; `key` tells it from the others. */
static void open_item(struct printer *p, const struct source *at, weir_str key)
{
    weir_str path = path_of(p);

    if (p->is_flat) {
        path = arena_printf(&p->arena, "%.*s[%.*s]", (int)path.n, path.p, (int)key.n, key.p);
    } else {
        line(p, at, "{");
    }
    enter(p, path);
    if (p->is_flat) {
        put_flat(p, "", "set", at);
    }
}

static void close_group(struct printer *p, const char *bracket)
{
    p->depth--;
    if (!p->is_flat) {
        line(p, NULL, "%s", bracket);
    }
}

/* ---- options ---- */

static void print_group(struct printer *p, struct rows rows, uint32_t kind, uint32_t outer,
                        const struct node *own);

static bool is_whole(const weir_opt *row)
{
    return row->type & (WEIR_T_LIST | WEIR_T_MAP);
}

/* A peer's address, or the place in the list. */
static weir_str item_key(struct printer *p, const struct node *group, unsigned index)
{
    const struct node *address = node_get(group, STR("address"));

    return address && address->type == NODE_STR ? address->v.s
                                                   : arena_printf(&p->arena, "%u", index);
}

/* Items of LIST|GROUP and MAP|GROUP, whatever way they were written. */
static void print_items(struct printer *p, struct rows rows, const weir_opt *row, uint32_t kind,
                        const struct node *node)
{
    struct rows sub = row_sub(rows, row);
    bool is_map = node->type == NODE_GROUP && (row->type & WEIR_T_MAP);
    bool is_list = node->type == NODE_LIST;
    const struct node *item = is_map || is_list ? node->first : node;
    unsigned index = 0;

    open_group(p, &node->at, node->name.p, is_map ? '{' : '(');
    for (; item; item = is_map || is_list ? item->next : NULL) {
        const struct node *group = schema_item(&p->arena, sub, row, item);

        if (!group) {
            value(p, &item->at, false, item->name.p, "false");
            continue;
        }
        if (is_map) {
            open_group(p, &item->at, item->name.p, '{');
        } else {
            open_item(p, &item->at, item_key(p, group, index++));
        }
        print_group(p, sub, kind, 0, group);
        close_group(p, is_map ? "};" : is_list && item->next ? "}," : "}");
    }
    close_group(p, is_map ? "};" : ");");
}

static bool has_default(struct rows rows, uint32_t kind, uint32_t outer)
{
    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);

        if (!row_stands_in(row, kind)) {
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
        value(p, &node->at, false, row->name, node_is_false(node) ? "false" : "true");
        return;
    }
    if (!node && !has_default(sub, kind, outer)) {
        return;
    }
    open_group(p, node ? &node->at : NULL, row->name, '{');
    print_group(p, sub, kind, outer, node);
    close_group(p, "};");
}

/* A map's entries have a line and a place each. */
static void print_map(struct printer *p, const weir_opt *row, const struct node *node)
{
    open_group(p, &node->at, node->name.p, '{');
    for (const struct node *item = node->first; item; item = item->next) {
        value(p, &item->at, false, item->name.p, schema_text(&p->arena, row, item).p);
    }
    close_group(p, "};");
}

static void print_value(struct printer *p, struct rows rows, const weir_opt *row, uint32_t kind,
                        const struct node *node)
{
    if ((row->type & WEIR_T_KIND) == WEIR_T_GROUP) {
        print_items(p, rows, row, kind, node);
    } else if (node->type == NODE_GROUP) {
        print_map(p, row, node);
    } else {
        value(p, &node->at, false, node->name.p, schema_text(&p->arena, row, node).p);
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
    value(p, &none, adds, row->name, node_text(&p->arena, node, 0).p);
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
            value(p, &c->at, false, c->name.p, schema_text(&p->arena, row, c).p);
            continue;
        }
        open_group(p, &c->at, c->name.p, '{');
        print_group(p, row_sub(rows, row), kind, 0, group);
        close_group(p, "};");
    }
}

/* `outer`: the kinds of the scopes around that have the group, too: their defaults stand there. */
static void print_group(struct printer *p, struct rows rows, uint32_t kind, uint32_t outer,
                        const struct node *own)
{
    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);
        const struct node *node = node_get(own, str_from(row->name));

        if (!row_stands_in(row, kind)) {
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
        value(p, &own->at, false, name, node_is_false(own) ? "false" : "true");
        return;
    }
    open_group(p, own ? &own->at : NULL, name, '{');
    print_group(p, rows, kind, outer, own);
    close_group(p, "};");
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
        value(p, &node->at, false, node->name.p, node_text(&p->arena, node, 0).p);
    }
}

static void print_host_names(struct printer *p, const struct scope *scope)
{
    struct rows rows = host_rows(scope->kind);

    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);
        const struct node *node = node_get(scope->node, str_from(row->name));

        if (!node || str_eq(node->name, STR("routes"))) {
            continue;
        }
        if (row_is_group(row)) {
            print_inner_group(p, rows, row, scope->kind, WEIR_S_TOP | WEIR_S_SITE, node);
        } else {
            print_raw(p, node);
        }
    }
}

/* "KEY", or "KEY #2" for the second one of those that are called so. */
static weir_str nth(struct printer *p, weir_str key, unsigned before)
{
    return before ? arena_printf(&p->arena, "%.*s #%u", (int)key.n, key.p, before + 1) : key;
}

static weir_str route_key(struct printer *p, const struct site *site, uint32_t index)
{
    unsigned before = 0;

    for (uint32_t i = 0; i < index; i++) {
        before += str_eq(site->routes[i]->name, site->routes[index]->name);
    }
    return nth(p, site->routes[index]->name, before);
}

static void print_route(struct printer *p, const struct site *site, uint32_t index,
                        const struct scope *scope)
{
    open_item(p, &scope->node->at, p->is_flat ? route_key(p, site, index) : STR(""));
    print_host_names(p, scope);
    print_uses(p, scope);
    close_group(p, index + 1 == site->route_n ? "}" : "},");
}

/* Which of two routes wins may be a matter of their order. */
static void print_route_order(struct printer *p, const struct scope *scope)
{
    const struct site *site = scope->site;
    struct source at = site->route_n ? site->routes[0]->source : (struct source){0};
    weir_str text = STR("");

    for (uint32_t i = 0; i < site->route_n; i++) {
        weir_str key = route_key(p, site, i);

        text = arena_printf(&p->arena, "%.*s%s%.*s", (int)text.n, text.p, i ? ", " : "", (int)key.n,
                            key.p);
    }
    put_flat(p, "routes", text.p, &at);
}

static weir_str site_name(const struct site *site)
{
    return site->name_n ? site->names[0] : STR("*");
}

static weir_str site_key(struct printer *p, const struct config *config, uint32_t index)
{
    unsigned before = 0;

    for (uint32_t i = 0; i < index && p->is_flat; i++) {
        before += str_eq(site_name(config->sites[i]), site_name(config->sites[index]));
    }
    return nth(p, site_name(config->sites[index]), before);
}

static void print_site(struct printer *p, uint32_t index, const struct scope *scope)
{
    const struct site *site = scope->site;

    open_item(p, &scope->node->at, site_key(p, p->config, index));
    print_host_names(p, scope);
    print_uses(p, scope);
    if (site->route_n) {
        if (p->is_flat) {
            print_route_order(p, scope);
        }
        open_group(p, NULL, "routes", '(');
        for (uint32_t i = 0; i < site->route_n; i++) {
            print_route(p, site, i, scope->routes[i]);
        }
        close_group(p, ");");
    }
    close_group(p, index + 1 == p->config->site_n ? "}" : "},");
}

static void print_upstreams(struct printer *p)
{
    const struct node *top = node_get(p->config->tree->root, STR("upstream"));

    if (!top || top->n == 0) {
        return;
    }
    open_group(p, NULL, "upstream", '{');
    for (const struct node *group = top->first; group; group = group->next) {
        print_named_group(p, group->name.p, upstream_rows(), WEIR_S_TOP, 0, group);
    }
    close_group(p, "};");
}

static void print_all(const struct config *config, FILE *out, bool is_flat)
{
    struct printer p = {.out = out, .config = config, .is_flat = is_flat};
    const struct config_tree *tree = config->tree;

    arena_init(&p.arena);
    print_named_group(&p, "server", server_rows(), WEIR_S_TOP, 0,
                      node_get(tree->root, STR("server")));
    print_named_group(&p, "client", client_rows(), WEIR_S_TOP, 0,
                      node_get(tree->root, STR("client")));
    print_upstreams(&p);
    print_uses(&p, &tree->top);
    if (config->site_n) {
        open_group(&p, NULL, "sites", '(');
        for (uint32_t i = 0; i < config->site_n; i++) {
            print_site(&p, i, tree->sites[i]);
        }
        close_group(&p, ");");
    }
    arena_fini(&p.arena);
}

void config_print(const struct config *config, FILE *out)
{
    print_all(config, out, false);
}

void config_print_flat(const struct config *config, FILE *out)
{
    print_all(config, out, true);
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
