/* SPDX-License-Identifier: Apache-2.0 */
#include "config/variables.h"

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

const struct variable *variables_lookup(void *arg, weir_str name, weir_str *suffix)
{
    struct config *config = arg;
    size_t n;
    const struct variable *items = host_variables(&n);
    const struct variable *found = variable_find(items, n, name, suffix);
    char error[256];

    if (!found) {
        found = find_loaded(config, name, suffix);
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
    return diag_nearest(name, words, n);
}
