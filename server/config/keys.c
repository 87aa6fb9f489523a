/* SPDX-License-Identifier: Apache-2.0 */
#include "config/keys.h"

#include <stdio.h>

#include "base/str.h"
#include "config/host_schema.h"

#define WORD_MAX 256 /* names among which the nearest is looked for */

/* Modules of this project. One that is not installed can still be named in a message. */
static const char *const project_modules[] = {
    "proxy",      "balance",      "static", "headers", "redirect", "respond",    "rewrite",
    "map",        "split",        "tls",    "http2",   "cache",    "limit",      "access",
    "auth_basic", "auth_request", "jwt",    "realip",  "compress", "access_log", "trace",
    "fastcgi",    "status",       "mirror", "sub",     "health",   "dns",        "regex",
};

/* What admins write who come from other servers. */
static const struct {
    const char *name, *instead;
} foreign_names[] = {
    {"server_name", "names = [ \"example.com\" ];"},
    {"location", "routes = ( { path = \"/\"; ... } );"},
    {"proxy_pass", "proxy = { to = \"http://...\"; };"},
    {"root", "static = { root = \"/var/www\"; };"},
    {"alias", "static = { mount = \"/var/www\"; };"},
    {"try_files", "static = { try = [ ... ]; };"},
    {"index", "static = { index = ...; };"},
    {"return", "redirect = { to = ...; }; or respond = { status = ...; };"},
    {"add_header", "headers = { response = { set = { Name = \"value\"; }; }; };"},
    {"proxy_set_header", "headers = { request = { set = { Name = \"value\"; }; }; };"},
    {"ssl_certificate", "tls = { certificate = ...; key = ...; };"},
    {"ssl_certificate_key", "tls = { certificate = ...; key = ...; };"},
    {"client_max_body_size", "client = { max_body = \"10m\"; };"},
    {"keepalive_timeout", "client = { keepalive_timeout = \"75s\"; };"},
    {"upstreams", "upstream = { NAME = { servers = [ ... ]; }; };"},
    {"worker_processes", "server = { workers = \"auto\"; };"},
    {"gzip", "compress = true;"},
    {"include", "@include \"FILE\", on a line of its own"},
    {"http", "sites = ( { ... } ); at the top level"},
};

const char *keys_in(uint32_t scopes)
{
    static const char *const words[] = {
        [0] = "nowhere: it has no settings",
        [WEIR_S_TOP] = "at the top level",
        [WEIR_S_SITE] = "in a site",
        [WEIR_S_ROUTE] = "in a route",
        [WEIR_S_TOP | WEIR_S_SITE] = "at the top level or in a site",
        [WEIR_S_TOP | WEIR_S_ROUTE] = "at the top level or in a route",
        [WEIR_S_SITE | WEIR_S_ROUTE] = "in a site or a route",
        [WEIR_S_ALL] = "anywhere",
    };

    return words[scopes & WEIR_S_ALL];
}

/* ---- modules ---- */

static bool is_project_module(weir_str name)
{
    for (size_t i = 0; i < WEIR_COUNT(project_modules); i++) {
        if (str_eq(name, str_from(project_modules[i]))) {
            return true;
        }
    }
    return false;
}

/* A folder that modules_path names may be the very thing that could not be read. */
static bool is_folder_unknown(const struct config *config)
{
    return config->tree->incomplete && !node_get(config->tree->root, STR("server"));
}

static void not_installed(struct config *config, const struct source *at, const char *what,
                          const char *module)
{
    if (is_folder_unknown(config)) {
        return;
    }
    config_error(config, at, "%s is not installed: install the module %s (searched in %s)", what,
             module, config->tree->searched.p);
}

static struct module *load(struct config *config, const struct source *at, struct module_info *info)
{
    char error[512] = "";
    struct module *module = registry_load(&config->registry, info, error, sizeof(error));

    if (!module) {
        config_error(config, at, "%s", error);
    }
    return module;
}

const struct module *keys_transport(struct config *config, const struct source *at)
{
    struct module_info *info = registry_find_provider(&config->registry, STR("transport"));

    if (!info && is_folder_unknown(config)) {
        return NULL;
    }
    if (!info) {
        config_error(config, at,
                 "https:// needs the module tls, which is not installed (searched in %s)",
                 config->tree->searched.p);
        return NULL;
    }
    const struct module *module = load(config, at, info);
    if (module && !module->desc->transport) {
        config_error(config, at, "the module \"%s\" does not provide the transport it promises",
                 module->desc->name);
        return NULL;
    }
    return module;
}

const weir_regex_ops *keys_regex(struct config *config, const struct source *at)
{
    struct module_info *info;
    const struct module *module;

    if (config->regex) {
        return config->regex;
    }
    info = registry_find_provider(&config->registry, STR("regex"));
    if (!info && is_folder_unknown(config)) {
        return NULL;
    }
    if (!info) {
        config_error(config, at,
                 "regular expressions need the module regex, which is not installed (searched in "
                 "%s)",
                 config->tree->searched.p);
        return NULL;
    }
    module = load(config, at, info);
    config->regex = module ? module->desc->regex : NULL;
    if (module && !config->regex) {
        config_error(config, at,
                 "the module \"%s\" does not provide the regular expressions it "
                 "promises",
                 module->desc->name);
    }
    return config->regex;
}

/* ---- mistakes ---- */

/* An error is certain by now, so a module that is loaded only to look into its table will not
 * run. */
static void load_all(struct config *config)
{
    char ignored[512];

    if (config->tree->all_loaded) {
        return;
    }
    config->tree->all_loaded = true;
    for (uint32_t i = 0; i < config->registry.info_n; i++) {
        struct module_info *info = &config->registry.infos[i];

        if (!info->loaded) {
            registry_load(&config->registry, info, ignored, sizeof(ignored));
        }
    }
}

/* A module that has an option of this name and may stand in the scope; NULL: none. */
static const struct module *module_with_option(struct config *config, weir_str name, uint32_t scope)
{
    load_all(config);
    for (uint32_t i = 0; i < config->registry.module_n; i++) {
        const struct module *module = config->registry.modules[i];
        const weir_opt *row = schema_row(module_rows(module), name, scope);

        if ((module->desc->scopes & scope) && row && !row_is_star(row)) {
            return module;
        }
    }
    return NULL;
}

static bool is_foreign(struct scope *scope, const struct node *key)
{
    for (size_t i = 0; i < WEIR_COUNT(foreign_names); i++) {
        if (str_eq(key->name, str_from(foreign_names[i].name))) {
            config_error(scope->config, &key->at, "unknown name \"%s\": write %s", key->name.p,
                     foreign_names[i].instead);
            return true;
        }
    }
    return false;
}

/* A name of the host's that belongs somewhere else. */
static bool is_misplaced(struct scope *scope, const struct node *key)
{
    for (uint32_t kind = WEIR_S_TOP; kind <= WEIR_S_ROUTE; kind <<= 1) {
        if (schema_row(host_rows(kind), key->name, kind)) {
            config_error(scope->config, &key->at, "\"%s\" cannot stand %s: it belongs %s", key->name.p,
                     keys_in(scope->kind), keys_in(kind));
            return true;
        }
    }
    return false;
}

static weir_str nearest_key(struct scope *scope, weir_str name)
{
    const struct registry *registry = &scope->config->registry;
    struct rows rows = host_rows(scope->kind);
    weir_str words[WORD_MAX];
    size_t n = 0;

    for (uint32_t i = 0; i < rows.n; i++) {
        words[n++] = str_from(row_at(rows, i)->name);
    }
    for (uint32_t i = 0; i < registry->info_n && n < WORD_MAX; i++) {
        words[n++] = registry->infos[i].name;
    }
    for (size_t i = 0; i < WEIR_COUNT(project_modules) && n < WORD_MAX; i++) {
        words[n++] = str_from(project_modules[i]);
    }
    return diag_nearest(name, words, n);
}

static void unknown_key(struct scope *scope, const struct node *key)
{
    struct config *config = scope->config;
    weir_str near = nearest_key(scope, key->name);
    const struct module *owner;

    if (is_foreign(scope, key) || is_misplaced(scope, key)) {
        return;
    }
    owner = near.n ? NULL : module_with_option(config, key->name, scope->kind);
    if (near.n) {
        config_error(config, &key->at, "unknown name \"%s\": did you mean \"%.*s\"?", key->name.p,
                 (int)near.n, near.p);
    } else if (owner) {
        config_error(config, &key->at, "\"%s\" is an option of %s: write %s = { %s = ...; };",
                 key->name.p, owner->desc->name, owner->desc->name, key->name.p);
    } else {
        config_error(config, &key->at,
                 "unknown name \"%s\": it is no setting of weir %s, and no such module is "
                 "installed (searched in %s)",
                 key->name.p, keys_in(scope->kind), config->tree->searched.p);
    }
}

const struct module *keys_module(struct scope *scope, const struct node *key)
{
    struct config *config = scope->config;
    struct rows rows = host_rows(scope->kind);
    const weir_opt *row = schema_row(rows, key->name, scope->kind);
    struct module_info *info;

    if (row) {
        schema_check_key(config, "", rows, row, scope->kind, key);
        return NULL;
    }
    info = registry_find(&config->registry, key->name);
    if (info) {
        return load(config, &key->at, info);
    }
    if (is_project_module(key->name)) {
        if (!node_is_false(key)) {
            not_installed(config, &key->at, arena_printf(&config->arena, "\"%s\"", key->name.p).p,
                          key->name.p);
        }
        return NULL;
    }
    unknown_key(scope, key);
    return NULL;
}

void keys_unknown_option(struct config *config, const char *what, struct rows rows, uint32_t scope,
                         const struct node *option)
{
    const weir_opt *elsewhere = schema_row(rows, option->name, WEIR_S_ALL);
    const struct module *owner;
    weir_str words[WORD_MAX];
    size_t n = 0;

    if (elsewhere && !row_is_star(elsewhere)) {
        config_error(config, &option->at, "%s.%s cannot stand %s: it belongs %s", what, option->name.p,
                 keys_in(scope), keys_in(elsewhere->scopes));
        return;
    }
    for (uint32_t i = 0; i < rows.n && n < WORD_MAX; i++) {
        if (row_stands_in(row_at(rows, i), scope)) {
            words[n++] = str_from(row_at(rows, i)->name);
        }
    }
    weir_str near = diag_nearest(option->name, words, n);
    if (near.n) {
        config_error(config, &option->at, "%s has no option \"%s\": did you mean \"%.*s\"?", what,
                 option->name.p, (int)near.n, near.p);
        return;
    }
    owner = module_with_option(config, option->name, scope);
    if (!owner && registry_find(&config->registry, option->name)) {
        config_error(config, &option->at,
                 "%s has no option \"%s\"; the group of the module \"%s\" "
                 "stands beside it, not in it",
                 what, option->name.p, option->name.p);
    } else if (owner && strcmp(owner->desc->name, what) != 0) {
        config_error(config, &option->at, "%s has no option \"%s\"; \"%s\" has", what, option->name.p,
                 owner->desc->name);
    } else {
        weir_str list = STR("");

        for (size_t i = 0; i < n && i < 30; i++) {
            list = arena_printf(&config->arena, "%s%s%s", list.p, i ? ", " : "", words[i].p);
        }
        config_error(config, &option->at, "%s has no option \"%s\"%s%s", what, option->name.p,
                 n ? ": its options are " : "", list.p);
    }
}
