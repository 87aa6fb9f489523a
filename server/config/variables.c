/* SPDX-License-Identifier: Apache-2.0 */
#include "config/variables.h"

#include <ctype.h>

#include "base/str.h"
#include "config/config.h"
#include "config/scope.h"

/* A module's variables in the host's form, made when first asked for. */
struct module_variables {
    const struct module *module;
    struct variable *items;
    size_t n;
    struct module_variables *next;
};

static struct module_variables *variables_of(struct config *config, const struct module *module)
{
    const weir_module *desc = module->desc;

    for (struct module_variables *v = config->tree->variables; v; v = v->next) {
        if (v->module == module) {
            return v;
        }
    }
    struct module_variables *v = arena_zalloc(&config->arena, sizeof(*v));

    *v = (struct module_variables){
        .module = module, .n = desc->var_n, .next = config->tree->variables};
    v->items = arena_zalloc(&config->arena, v->n * sizeof(*v->items) + 1);
    for (size_t i = 0; i < v->n; i++) {
        const weir_var *var =
            (const weir_var *)(const void *)((const char *)desc->vars + i * desc->var_size);
        weir_str name = str_from(var->name);
        bool is_prefix = name.n && name.p[name.n - 1] == '*';

        name.n -= is_prefix;
        v->items[i] = (struct variable){name, is_prefix, var->from, var->get, module, var->doc};
    }
    config->tree->variables = v;
    return v;
}

static const struct variable *find_loaded(struct config *config, weir_str name, weir_str *suffix)
{
    const struct registry *registry = &config->registry;

    for (uint32_t i = 0; i < registry->module_n; i++) {
        struct module_variables *v = variables_of(config, registry->modules[i]);
        const struct variable *found = variable_find(v->items, v->n, name, suffix);

        if (found) {
            return found;
        }
    }
    return NULL;
}

/* ---- variables that the configuration defines: names in a group such as `map` ---- */

#define DEFINED_DEPTH 8 /* definitions that stand on one another */

static weir_phase known_from(struct config *config, const struct node *node, unsigned depth);

/* The module whose top-level group `key` has names of variables; NULL: it is not such a group. */
static const struct module *definer(struct config *config, const struct node *key)
{
    struct module_info *info = registry_find(&config->registry, key->name);
    char error[256];

    if (key->type != NODE_GROUP || !info ||
        (!info->loaded && !registry_load(&config->registry, info, error, sizeof(error)))) {
        return NULL;
    }
    struct rows rows = module_rows(info->loaded);
    const weir_opt *row = schema_row(rows, STR("*"), WEIR_S_TOP);
    return row && (row->flags & WEIR_OPT_VARIABLES) ? info->loaded : NULL;
}

static const struct variable *find_defined(struct config *config, weir_str name, weir_str *suffix,
                                           unsigned depth)
{
    for (const struct node *key = config->tree->root->first; key; key = key->next) {
        const struct node *definition = node_get(key, name);
        const struct module *module = definition ? definer(config, key) : NULL;
        struct module_variables *v = module ? variables_of(config, module) : NULL;

        for (size_t i = 0; v && i < v->n; i++) {
            if (v->items[i].name.n == 0) {
                struct variable *found = arena_alloc(&config->arena, sizeof(*found));

                *found = v->items[i];
                found->from = known_from(config, definition, depth + 1);
                *suffix = name;
                return found;
            }
        }
    }
    return NULL;
}

static bool is_variable_name(weir_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '_') {
            return false;
        }
    }
    return true;
}

static void check_definition(struct config *config, const struct node *key,
                             const struct node *definition)
{
    size_t n;
    weir_str suffix;
    const struct variable *items = host_variables(&n);
    const char *why = NULL;

    if (!is_variable_name(definition->name)) {
        why = "expected letters, digits and \"_\", as in other variables";
    } else if (host_group_variable(definition->name) ||
               variable_find(items, n, definition->name, &suffix)) {
        why = "weir has a variable of that name: choose another";
    }
    for (const struct node *k = config->tree->root->first; k != key && !why; k = k->next) {
        if (node_get(k, definition->name) && definer(config, k)) {
            why = arena_printf(&config->arena, "\"%s\" defines that name, too", k->name.p).p;
        }
    }
    if (why) {
        diag_add(&config->diag, DIAG_ERROR, definition->at.file, definition->at.line, "%s.%s: %s",
                 key->name.p, definition->name.p, why);
    }
}

void variables_check(struct config *config)
{
    for (const struct node *key = config->tree->root->first; key; key = key->next) {
        if (!definer(config, key)) {
            continue;
        }
        for (const struct node *child = key->first; child; child = child->next) {
            check_definition(config, key, child);
        }
    }
}

/* A text's latest variable decides. What is no variable is reported where the text is compiled. */
static weir_phase text_known_from(struct config *config, weir_str text, unsigned depth)
{
    weir_phase from = WEIR_REQ_START;

    for (size_t i = 0; i + 1 < text.n; i++) {
        size_t start = i + 1 + (text.p[i + 1] == '{'), end = start;
        size_t n;
        weir_str suffix;

        if (text.p[i] != '$') {
            continue;
        }
        while (end < text.n && (isalnum((unsigned char)text.p[end]) || text.p[end] == '_')) {
            end++;
        }
        weir_str name = {text.p + start, end - start};
        const struct variable *items = host_variables(&n);
        const struct variable *found = variable_find(items, n, name, &suffix);
        if (!found) {
            found = find_loaded(config, name, &suffix);
        }
        if (!found) {
            found = find_defined(config, name, &suffix, depth);
        }
        if (found && found->from > from) {
            from = found->from;
        }
    }
    return from;
}

static weir_phase known_from(struct config *config, const struct node *node, unsigned depth)
{
    weir_phase from = WEIR_REQ_START;

    if (depth > DEFINED_DEPTH) {
        if (depth == DEFINED_DEPTH + 1) {
            diag_add(&config->diag, DIAG_ERROR, node->at.file, node->at.line,
                     "\"%s\" is defined in a circle, or by more than %d others in a row",
                     node->name.p, DEFINED_DEPTH);
        }
        return from;
    }
    if (node->type == NODE_STR) {
        return text_known_from(config, node->v.s, depth);
    }
    if (node->type == NODE_GROUP || node->type == NODE_LIST) {
        for (const struct node *child = node->first; child; child = child->next) {
            weir_phase inner = known_from(config, child, depth);

            from = inner > from ? inner : from;
        }
    }
    return from;
}

const struct variable *variables_lookup(void *arg, weir_str name, weir_str *suffix)
{
    struct config *config = arg;
    size_t n;
    const struct variable *items = host_variables(&n);
    const struct variable *found = variable_find(items, n, name, suffix);
    char error[256];

    if (!found && (found = host_group_variable(name))) {
        *suffix = name;
    }
    if (!found) {
        found = find_loaded(config, name, suffix);
    }
    if (!found) {
        found = find_defined(config, name, suffix, 0);
    }
    if (found) {
        return found;
    }
    weir_str capability = arena_printf(&config->arena, "var:%.*s", (int)name.n, name.p);
    struct module_info *info = registry_find_provider(&config->registry, capability);
    if (info && !info->loaded && registry_load(&config->registry, info, error, sizeof(error))) {
        found = find_loaded(config, name, suffix);
    }
    return found;
}

#define WORD_MAX 512

weir_str variables_nearest(struct config *config, weir_str name)
{
    weir_str words[WORD_MAX];
    size_t count, n = 0;
    const struct variable *items = host_variables(&count);

    for (size_t i = 0; i < count && n < WORD_MAX; i++) {
        if (!items[i].is_prefix) {
            words[n++] = items[i].name;
        }
    }
    for (uint32_t i = 0; i < config->registry.module_n; i++) {
        struct module_variables *v = variables_of(config, config->registry.modules[i]);

        for (size_t k = 0; k < v->n && n < WORD_MAX; k++) {
            if (!v->items[k].is_prefix) {
                words[n++] = v->items[k].name;
            }
        }
    }
    for (const struct node *key = config->tree->root->first; key; key = key->next) {
        bool defines = definer(config, key) != NULL;

        for (const struct node *child = key->first; defines && child && n < WORD_MAX;
             child = child->next) {
            words[n++] = child->name;
        }
    }
    return diag_nearest(name, words, n);
}
