/* SPDX-License-Identifier: Apache-2.0 */
#include "config/scope.h"

#include "base/str.h"
#include "config/keys.h"

#define SCOPE_DEPTH 3 /* top, site, route */

struct rows module_rows(const struct module *module)
{
    const weir_module *desc = module->desc;

    return (struct rows){desc->opts, desc->opt_n, desc->opt_size};
}

/* ---- inheritance ---- */

static void set_child(struct node *group, struct node *child)
{
    struct node *before = NULL;

    for (struct node *c = group->first; c; before = c, c = c->next) {
        if (!str_eq(c->name, child->name)) {
            continue;
        }
        child->next = c->next;
        if (before) {
            before->next = child;
        } else {
            group->first = child;
        }
        if (group->last == c) {
            group->last = child;
        }
        return;
    }
    node_add(group, child);
}

static struct node *append_lists(struct arena *arena, struct node *outer, const struct node *inner)
{
    struct node *list = node_create(arena, NODE_LIST, inner->name, inner->at);
    const struct node *parts[] = {outer, inner};

    for (int i = 0; i < 2; i++) {
        if (parts[i]->type != NODE_LIST) {
            node_add(list, node_copy(arena, parts[i]));
            continue;
        }
        for (const struct node *item = parts[i]->first; item; item = item->next) {
            node_add(list, node_copy(arena, item));
        }
    }
    return list;
}

static struct node *merge_maps(struct arena *arena, struct node *outer, const struct node *inner)
{
    struct node *map = node_create(arena, NODE_GROUP, inner->name, inner->at);

    for (const struct node *item = outer->first; item; item = item->next) {
        node_add(map, node_copy(arena, item));
    }
    for (const struct node *item = inner->first; item; item = item->next) {
        set_child(map, node_copy(arena, item));
    }
    return map;
}

/* One option's value, from the outermost to the innermost. NULL: not set. */
static struct node *merge_row(struct arena *arena, const weir_opt *row,
                              const struct node *const *groups, uint32_t n)
{
    struct node *value = NULL;

    for (uint32_t i = row->inherit == WEIR_INHERIT_NONE ? n - 1 : 0; i < n; i++) {
        const struct node *inner = node_get(groups[i], str_from(row->name));

        if (!inner) {
            continue;
        }
        if (value && row->inherit == WEIR_INHERIT_APPEND) {
            value = append_lists(arena, value, inner);
        } else if (value && row->inherit == WEIR_INHERIT_MERGE && value->type == NODE_GROUP &&
                   inner->type == NODE_GROUP) {
            value = merge_maps(arena, value, inner);
        } else {
            value = node_copy(arena, inner);
        }
    }
    return value;
}

static struct node *merge_group_row(struct arena *arena, struct rows rows, const weir_opt *row,
                                    const struct node *const *groups, uint32_t n)
{
    const struct node *inner[SCOPE_DEPTH] = {NULL};
    const struct node *last = NULL;
    bool is_set = false;

    for (uint32_t i = row->inherit == WEIR_INHERIT_NONE ? n - 1 : 0; i < n; i++) {
        const struct node *group = node_get(groups[i], str_from(row->name));

        if (!group) {
            continue;
        }
        last = group;
        inner[i] = group->type == NODE_GROUP ? group : NULL;
        is_set = is_set || group->type == NODE_GROUP;
        if (node_is_false(group)) {
            /* Switched off: what was set further out is gone, too. */
            memset(inner, 0, sizeof(inner));
            is_set = false;
        }
    }
    if (!is_set) {
        return last ? node_copy(arena, last) : NULL;
    }
    struct node *merged = scope_merge(arena, row_sub(rows, row), inner, n);
    merged->name = str_from(row->name);
    return merged;
}

/* Named groups: by name, the inner one wins. */
static void merge_star(struct arena *arena, struct rows rows, const struct node *const *groups,
                       uint32_t n, struct node *out)
{
    for (uint32_t i = 0; i < n; i++) {
        for (const struct node *c = groups[i] ? groups[i]->first : NULL; c; c = c->next) {
            /* groups[0] is the top level's, and so on, as in SCOPE_DEPTH. */
            const weir_opt *row = schema_row(rows, c->name, WEIR_S_TOP << i);

            if (row && row_is_star(row)) {
                set_child(out, node_copy(arena, c));
            }
        }
    }
}

struct node *scope_merge(struct arena *arena, struct rows rows, const struct node *const *groups,
                         uint32_t n)
{
    struct node *out = node_create(arena, NODE_GROUP, STR(""), (struct source){0});

    for (uint32_t i = 0; i < n; i++) {
        if (groups[i]) {
            out->at = groups[i]->at;
            out->name = groups[i]->name;
        }
    }
    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);
        struct node *value = NULL;

        if (row_is_star(row)) {
            merge_star(arena, rows, groups, n, out);
        } else if (row_is_group(row)) {
            value = merge_group_row(arena, rows, row, groups, n);
        } else {
            value = merge_row(arena, row, groups, n);
        }
        if (value) {
            node_add(out, value);
        }
    }
    return out;
}

/* ---- uses ---- */

struct use *scope_find_use(const struct scope *scope, const struct module *module)
{
    for (; scope; scope = scope->outer) {
        for (struct use *use = scope->uses; use; use = use->next) {
            if (use->module == module) {
                return use;
            }
        }
    }
    return NULL;
}

/* The option that a group written as a bare list is. NULL: the module has none. */
static const weir_opt *bare_row(const struct module *module)
{
    struct rows rows = module_rows(module);

    for (uint32_t i = 0; i < rows.n; i++) {
        if (row_at(rows, i)->flags & WEIR_OPT_BARE) {
            return row_at(rows, i);
        }
    }
    return NULL;
}

/* NAME = ( ... ) becomes NAME = { OPTION = ( ... ); }, in place. */
static void wrap_bare_list(struct arena *arena, const weir_opt *row, struct node *node)
{
    struct node *list = node_copy(arena, node);

    list->name = str_from(row->name);
    list->next = NULL;
    node->type = NODE_GROUP;
    node->first = node->last = NULL;
    node->n = 0;
    node_add(node, list);
}

/* A list stands for itself: what is written in the other form further out does not mix with it. */
static bool same_form(const struct module *module, const struct node *a, const struct node *b)
{
    const weir_opt *row = bare_row(module);

    return !row || !node_get(a, str_from(row->name)) == !node_get(b, str_from(row->name));
}

static struct node *effective_settings(const struct use *use)
{
    const struct node *groups[SCOPE_DEPTH] = {NULL};
    uint32_t n = 0;

    for (const struct scope *s = use->scope; s; s = s->outer) {
        n++;
    }
    uint32_t i = n;
    for (const struct scope *s = use->scope; s; s = s->outer) {
        const struct node *group = node_get(s->node, use->module->name);
        bool is_own = s == use->scope;

        i--;
        if (group && group->type == NODE_GROUP &&
            (is_own || (!(use->module->desc->flags & WEIR_MODULE_ADDITIVE) &&
                        (!s->outer || same_form(use->module, group, use->own))))) {
            groups[i] = group;
        }
    }
    struct node *merged =
        scope_merge(&use->scope->config->arena, module_rows(use->module), groups, n);
    merged->at = use->own->at;
    return merged;
}

static void fill_conf(struct use *use)
{
    struct config *config = use->scope->config;
    const struct module *module = use->module;
    uint32_t size = module->desc->conf_size;
    void *conf = arena_zalloc(&config->arena, size ? size : 1);

    use->effective = effective_settings(use);
    if (schema_fill(config, module->desc->name, module_rows(module), use->scope->kind, use->on,
                    use->effective, conf)) {
        use->conf = conf;
        use->plan.conf = conf;
    }
}

static bool use_is_valid(struct scope *scope, const struct module *module, const struct node *own)
{
    struct config *config = scope->config;

    if (!(module->desc->scopes & scope->kind)) {
        diag_add(&config->diag, DIAG_ERROR, own->at.file, own->at.line,
                 "\"%s\" cannot stand %s: it belongs %s", module->desc->name, keys_in(scope->kind),
                 keys_in(module->desc->scopes));
        return false;
    }
    if (own->type != NODE_GROUP && own->type != NODE_BOOL) {
        weir_str text = node_text(&config->arena, own, 40);

        diag_add(&config->diag, DIAG_ERROR, own->at.file, own->at.line,
                 "%s = %s: expected a group { ... }, true or false", module->desc->name, text.p);
        return false;
    }
    return true;
}

static void add_use(struct scope *scope, const struct module *module, const struct node *own)
{
    struct config *config = scope->config;
    struct use *use = arena_zalloc(&config->arena, sizeof(*use));
    uint32_t flags = module->desc->flags;

    *use = (struct use){.module = module, .scope = scope, .own = own};
    use->cfg = (struct weir_cfg){.config = config, .use = use};
    use->outer = scope_find_use(scope->outer, module);
    use->on = !node_is_false(own) && (scope->outer || (flags & WEIR_MODULE_TOP_ENABLES));
    use->plan.module = module;
    if ((flags & WEIR_MODULE_ADDITIVE) && use->outer && !node_is_false(use->outer->own)) {
        use->plan.outer = &use->outer->plan;
    }
    if (scope->last) {
        scope->last->next = use;
    } else {
        scope->uses = use;
    }
    scope->last = use;
    if (own->type == NODE_GROUP) {
        schema_check_keys(config, module->desc->name, module_rows(module), scope->kind, own);
    }
    if (!node_is_false(own)) {
        fill_conf(use);
    }
}

void scope_read_uses(struct scope *scope)
{
    if (!scope->node || scope->node->type != NODE_GROUP) {
        return;
    }
    for (const struct node *child = scope->node->first; child; child = child->next) {
        const struct module *module = keys_module(scope, child);
        const weir_opt *bare = module && child->type == NODE_LIST ? bare_row(module) : NULL;

        if (bare && row_stands_in(bare, scope->kind)) {
            wrap_bare_list(&scope->config->arena, bare, (struct node *)(uintptr_t)child);
        }
        if (module && use_is_valid(scope, module, child)) {
            add_use(scope, module, child);
        }
    }
}

/* A content handler that a scope names itself takes the place of what it would inherit. */
static const struct use *own_handler(const struct scope *scope)
{
    for (; scope; scope = scope->outer) {
        for (const struct use *use = scope->uses; use; use = use->next) {
            if (use->on && use->module->desc->handler) {
                return use;
            }
        }
    }
    return NULL;
}

const struct plan_use *scope_plan_uses(const struct scope *scope, uint32_t *n)
{
    const struct registry *registry = &scope->config->registry;
    const struct use *handler = own_handler(scope);
    struct plan_use *uses =
        arena_zalloc(&scope->config->arena, (registry->module_n + 1) * sizeof(*uses));

    *n = 0;
    for (uint32_t i = 0; i < registry->module_n; i++) {
        const struct module *module = registry->modules[i];
        const struct use *use = scope_find_use(scope, module);

        if (!use || !use->on || !use->conf) {
            continue;
        }
        if (module->desc->handler && use->scope != handler->scope) {
            continue;
        }
        uses[(*n)++] = use->plan;
    }
    return uses;
}

/* `weir test` is anybody's to run, and has no use for a transport. */
static bool reads_keys(const struct use *use)
{
    return config_private && use->module->desc->transport;
}

bool scope_check(struct scope *scope)
{
    const struct use *handler = NULL;
    bool ok = true;

    for (struct use *use = scope->uses; use; use = use->next) {
        if (use->on && use->module->desc->handler) {
            if (handler) {
                diag_add(&scope->config->diag, DIAG_ERROR, use->own->at.file, use->own->at.line,
                         "\"%s\" and \"%s\" (%s:%u) both make the content of %s: there can be "
                         "one only",
                         use->module->desc->name, handler->module->desc->name,
                         handler->own->at.file, handler->own->at.line, scope->label);
                ok = false;
            }
            handler = use;
        }
        if (use->conf && use->module->desc->check && !reads_keys(use)) {
            use->module->desc->check(&use->cfg, use->conf);
        }
    }
    return ok;
}

void scope_commit(struct scope *scope)
{
    for (struct use *use = scope->uses; use; use = use->next) {
        if (use->conf && use->module->desc->commit && !reads_keys(use)) {
            use->module->desc->commit(&use->cfg, use->conf);
        }
    }
}

struct scope *scope_of_route(const struct config *config, const struct route *route)
{
    struct scope *site = config->tree->sites[route->site->index];

    return route->kind == ROUTE_SITE ? site : site->routes[route->index];
}
