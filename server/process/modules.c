/* SPDX-License-Identifier: Apache-2.0 */
#include "process/modules.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "config/host_schema.h"
#include "config/scope.h"
#include "http/variable.h"

static const char *const kind_names[] = {
    [WEIR_T_BOOL] = "true or false", [WEIR_T_INT] = "number",
    [WEIR_T_SIZE] = "size",          [WEIR_T_DURATION] = "duration",
    [WEIR_T_STR] = "text",           [WEIR_T_PATH] = "path",
    [WEIR_T_ENUM] = "one of",        [WEIR_T_TEMPLATE] = "template",
    [WEIR_T_REGEX] = "regex",        [WEIR_T_GROUP] = "group"};

static const char *kind_name(uint32_t type)
{
    uint32_t kind = type & WEIR_T_KIND;

    return kind < WEIR_COUNT(kind_names) && kind_names[kind] ? kind_names[kind] : "value";
}

/* ---- for people ---- */

static void print_options(struct rows rows, const char *outer)
{
    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *opt = row_at(rows, i);
        char name[128];

        snprintf(name, sizeof(name), "%s%s%s", outer, outer[0] ? "." : "", opt->name);
        if ((opt->type & WEIR_T_KIND) == WEIR_T_GROUP && opt->sub) {
            print_options(row_sub(rows, opt), name);
            continue;
        }
        printf("  %-24s %s%s", name,
               opt->type & WEIR_T_LIST  ? "list of "
               : opt->type & WEIR_T_MAP ? "map of "
                                        : "",
               kind_name(opt->type));
        for (uint32_t k = 0; (opt->type & WEIR_T_KIND) == WEIR_T_ENUM && opt->names[k]; k++) {
            printf("%s %s", k ? "," : "", opt->names[k]);
        }
        printf(opt->dflt ? ", default %s\n" : "%s\n", opt->dflt ? opt->dflt : "");
        printf("  %-24s %s\n", "", opt->doc ? opt->doc : "");
    }
}

static int print_one(const struct module *module)
{
    const weir_module *desc = module->desc;

    printf("%s %s - %s\n", desc->name, desc->version, desc->doc ? desc->doc : "");
    printf("scopes:%s%s%s\n", desc->scopes & WEIR_S_TOP ? " top" : "",
           desc->scopes & WEIR_S_SITE ? " site" : "", desc->scopes & WEIR_S_ROUTE ? " route" : "");
    print_options(module_rows(module), "");
    return 0;
}

static void print_list(const struct registry *registry)
{
    for (uint32_t i = 0; i < registry->info_n; i++) {
        const struct module_info *info = &registry->infos[i];

        printf("%-14.*s ABI %u.%u  %-24.*s %s\n", (int)info->name.n, info->name.p,
               info->abi_major, info->abi_minor, (int)info->provides.n,
               info->provides.p ? info->provides.p : "", info->path);
    }
}

/* ---- for programs ---- */

static void json_scopes(struct json *json, uint32_t scopes)
{
    json_open(json, "scopes", '[');
    if (scopes & WEIR_S_TOP) {
        json_text(json, NULL, "top");
    }
    if (scopes & WEIR_S_SITE) {
        json_text(json, NULL, "site");
    }
    if (scopes & WEIR_S_ROUTE) {
        json_text(json, NULL, "route");
    }
    json_close(json, ']');
}

static void json_options(struct json *json, const char *key, struct rows rows);

static void json_option(struct json *json, struct rows rows, const weir_opt *opt)
{
    uint32_t kind = opt->type & WEIR_T_KIND;
    bool is_apart = opt->flags & SCHEMA_APART;

    json_open(json, NULL, '{');
    json_text(json, "name", opt->name);
    /* What is read by code of its own has no one type that could be told here. */
    json_text(json, "type", is_apart && kind != WEIR_T_GROUP ? "value" : kind_name(opt->type));
    json_bool(json, "list", opt->type & WEIR_T_LIST);
    json_bool(json, "map", opt->type & WEIR_T_MAP || row_is_star(opt));
    json_bool(json, "required", opt->flags & WEIR_OPT_REQUIRED);
    json_bool(json, "auto", opt->flags & SCHEMA_AUTO);
    json_bool(json, "short", opt->flags & SCHEMA_FIRST);
    if (opt->dflt) {
        json_text(json, "default", opt->dflt);
    }
    if (opt->scopes) {
        json_scopes(json, opt->scopes);
    }
    if (kind == WEIR_T_INT) {
        json_int(json, "min", opt->min);
        json_int(json, "max", opt->max);
    }
    if (kind == WEIR_T_ENUM) {
        json_open(json, "names", '[');
        for (uint32_t k = 0; opt->names[k]; k++) {
            json_text(json, NULL, opt->names[k]);
        }
        json_close(json, ']');
    }
    json_text(json, "doc", opt->doc ? opt->doc : "");
    if (opt->example) {
        json_text(json, "example", opt->example);
    }
    if (opt->sub) {
        json_options(json, "options", row_sub(rows, opt));
    }
    json_close(json, '}');
}

static void json_options(struct json *json, const char *key, struct rows rows)
{
    json_open(json, key, '[');
    for (uint32_t i = 0; i < rows.n; i++) {
        json_option(json, rows, row_at(rows, i));
    }
    json_close(json, ']');
}

static void json_variable(struct json *json, weir_str name, bool is_prefix, const char *doc)
{
    char text[128];

    snprintf(text, sizeof(text), "%.*s%s", (int)name.n, name.p, is_prefix ? "NAME" : "");
    json_open(json, NULL, '{');
    json_text(json, "name", text);
    json_text(json, "doc", doc ? doc : "");
    json_close(json, '}');
}

static void json_module(struct json *json, const struct module *module)
{
    const weir_module *desc = module->desc;

    json_open(json, NULL, '{');
    json_text(json, "name", desc->name);
    json_text(json, "version", desc->version);
    json_text(json, "doc", desc->doc ? desc->doc : "");
    json_text(json, "path", module->info->path);
    json_str(json, "provides", module->info->provides);
    json_bool(json, "content", desc->handler != NULL);
    json_scopes(json, desc->scopes);
    json_options(json, "options", module_rows(module));
    json_open(json, "variables", '[');
    for (uint32_t i = 0; i < desc->var_n; i++) {
        const weir_var *var =
            (const weir_var *)(const void *)((const char *)desc->vars + (size_t)i * desc->var_size);
        weir_str name = str_from(var->name);
        bool is_prefix = name.n && name.p[name.n - 1] == '*';

        name.n -= is_prefix;
        if (name.n) {
            json_variable(json, name, is_prefix, var->doc);
        }
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void json_host(struct json *json)
{
    size_t n;
    const struct variable *variables = host_variables(&n);

    json_open(json, "host", '{');
    json_options(json, "top", host_rows(WEIR_S_TOP));
    json_options(json, "server", server_rows());
    json_options(json, "upstream", upstream_rows());
    json_options(json, "client", client_rows());
    json_options(json, "site", host_rows(WEIR_S_SITE));
    json_options(json, "route", host_rows(WEIR_S_ROUTE));
    json_open(json, "variables", '[');
    for (size_t i = 0; i < n; i++) {
        json_variable(json, variables[i].name, variables[i].is_prefix, variables[i].doc);
    }
    json_close(json, ']');
    json_close(json, '}');
}

/* ---- the command ---- */

static const struct module *load(struct registry *registry, struct module_info *info)
{
    char error[512];
    const struct module *module = registry_load(registry, info, error, sizeof(error));

    if (!module) {
        fprintf(stderr, "weir: %s\n", error);
    }
    return module;
}

/* A module that cannot be loaded is said on standard error and left out. */
static int json_all(struct registry *registry)
{
    struct json json = {.out = stdout};
    int status = 0;

    json_open(&json, NULL, '{');
    json_text(&json, "version", WEIR_VERSION);
    json_host(&json);
    json_open(&json, "modules", '[');
    for (uint32_t i = 0; i < registry->info_n; i++) {
        const struct module *module = load(registry, &registry->infos[i]);

        if (module) {
            json_module(&json, module);
        } else {
            status = 1;
        }
    }
    json_close(&json, ']');
    json_close(&json, '}');
    putchar('\n');
    return status;
}

int modules_main(struct config *config, const char *name, bool as_json)
{
    struct registry *registry = &config->registry;

    if (!name && as_json) {
        return json_all(registry);
    }
    if (!name) {
        print_list(registry);
        return 0;
    }
    struct module_info *info = registry_find(registry, str_from(name));
    if (!info) {
        fprintf(stderr, "weir: module \"%s\" is not installed: weir modules lists those that are\n",
                name);
        return 1;
    }
    const struct module *module = load(registry, info);
    if (!module) {
        return 1;
    }
    if (as_json) {
        struct json json = {.out = stdout};

        json_module(&json, module);
        putchar('\n');
        return 0;
    }
    return print_one(module);
}
