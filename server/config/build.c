/* SPDX-License-Identifier: Apache-2.0 */
/* config/build.c - sites and routes. See build.h. */
#include "config/build.h"

#include <ctype.h>

#include "base/str.h"
#include "config/host_schema.h"
#include "config/keys.h"
#include "http/http1_parse.h"
#include "http/uri.h"
#include "module/regex.h"

/* ---- what sites and routes share ---- */

void build_client(struct scope *scope, const struct client_conf *outer, struct client_conf *out)
{
    struct config *config = scope->config;
    const struct node *own = node_get(scope->node, STR("client"));
    const struct node *groups[3] = {NULL};
    uint32_t n = 0;

    *out = *outer;
    if (own && own->type != NODE_GROUP && own->type != NODE_BOOL) {
        config_error(config, &own->at, "client: expected a group { ... }");
        return;
    }
    if (own && own->type == NODE_BOOL) {
        return;
    }
    if (!own && scope->outer) {
        return;
    }
    for (const struct scope *s = scope; s; s = s->outer) {
        n++;
    }
    uint32_t i = n;
    for (const struct scope *s = scope; s; s = s->outer) {
        const struct node *group = node_get(s->node, STR("client"));

        groups[--i] = group && group->type == NODE_GROUP ? group : NULL;
    }
    struct node *merged = scope_merge(&config->arena, client_rows(), groups, n);
    *out = (struct client_conf){0};
    if (own && !scope->outer) {
        /* A site's and a route's are checked with the other names there. */
        schema_check_keys(config, "client", client_rows(), scope->kind, own);
    }
    schema_fill(config, "client", client_rows(), scope->kind, true, merged, out);
    const struct node *max_body = node_get(merged, STR("max_body"));
    out->max_body_source = max_body ? max_body->at : (struct source){0};
}

static void build_plan(struct scope *scope, struct route *route, const struct plan_order *orders,
                       uint32_t order_n)
{
    struct config *config = scope->config;
    char error[512] = "";
    uint32_t n;
    const struct plan_use *uses = scope_plan_uses(scope, &n);

    if (!plan_build(&config->arena, uses, n, orders, order_n, &route->plan, error, sizeof(error))) {
        config_error(config, &route->source, "%s: %s", scope->label, error);
    }
}

/* ---- routes ---- */

static const char methods_known[] = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, TRACE";

static uint32_t read_methods(struct config *config, const struct node *node, const weir_list *list)
{
    const weir_str *names = list->items;
    uint32_t set = 0;

    for (size_t i = 0; i < list->n; i++) {
        enum http1_method method = http1_method_parse(names[i]);

        if (method == METHOD_OTHER || method == METHOD_CONNECT) {
            config_error(config, &node->at, "methods: \"%s\": expected one of %s", names[i].p,
                     methods_known);
            continue;
        }
        set |= method;
    }
    /* What answers GET answers HEAD (RFC 9110, 9.3.2). */
    return set & METHOD_GET ? set | METHOD_HEAD : set;
}

/* The path as requests will have it: decoded, with dots resolved. False: reported. */
static bool read_path(struct config *config, const struct node *node, weir_str text, weir_str *out)
{
    struct uri_path uri;

    if (text.n == 0 || text.p[0] != '/') {
        config_error(config, &node->at, "%s = \"%s\": expected a path that begins with \"/\"%s",
                 node->name.p, text.p,
                 memchr(text.p, '*', text.n) || memchr(text.p, '^', text.n)
                     ? "; patterns are written as regex = \"...\""
                     : "");
        return false;
    }
    if (memchr(text.p, '?', text.n)) {
        config_error(config, &node->at, "%s = \"%s\": a route's path has no query", node->name.p,
                 text.p);
        return false;
    }
    enum uri_result result = uri_parse(text, &config->arena, &uri);
    if (result != URI_OK) {
        config_error(config, &node->at, "%s = \"%s\": %s", node->name.p, text.p, uri_error(result));
        return false;
    }
    *out = arena_dup(&config->arena, uri.path);
    return true;
}

static bool read_regex(struct config *config, const struct node *node, struct route *route)
{
    const weir_regex_ops *ops = keys_regex(config, &node->at);
    char error[256] = "";

    if (!ops) {
        return false;
    }
    route->regex = regex_compile(&config->arena, ops, route->path, error, sizeof(error));
    if (!route->regex) {
        config_error(config, &node->at, "regex = \"%s\": %s", route->path.p, error);
    }
    return route->regex != NULL;
}

/* Exactly one of path, exact and regex. False: reported. */
static bool read_rule(struct config *config, const struct node *node,
                      const struct route_settings *settings, struct route *route)
{
    const struct {
        const char *name;
        enum route_kind kind;
        weir_str text;
    } rules[] = {
        {"path", ROUTE_PREFIX, settings->path},
        {"exact", ROUTE_EXACT, settings->exact},
        {"regex", ROUTE_REGEX, settings->regex},
    };
    const struct node *rule = NULL;

    for (int i = 0; i < 3; i++) {
        const struct node *key = node_get(node, str_from(rules[i].name));

        if (!key) {
            continue;
        }
        if (rule) {
            config_error(config, &key->at, "a route has either \"%s\" or \"%s\", not both",
                     rule->name.p, key->name.p);
            return false;
        }
        rule = key;
        route->kind = rules[i].kind;
        route->path = rules[i].text;
    }
    if (!rule) {
        config_error(config, &node->at, "the route has no rule: add path, exact or regex");
        return false;
    }
    if (route->kind == ROUTE_REGEX) {
        return read_regex(config, rule, route);
    }
    return read_path(config, rule, route->path, &route->path);
}

static uint32_t add_matches(struct route_match *out, enum match_of of, const weir_map *map)
{
    const weir_regex *const *regexes = map->items;

    for (size_t i = 0; i < map->n; i++) {
        out[i] = (struct route_match){.of = of, .name = map->keys[i], .regex = regexes[i]};
    }
    return (uint32_t)map->n;
}

static void read_match(struct config *config, const struct match_settings *settings,
                       struct route *route)
{
    size_t most = settings->header.n + settings->query.n + settings->cookie.n;
    uint32_t n = 0;

    if (most == 0) {
        return;
    }
    struct route_match *list = arena_alloc(&config->arena, most * sizeof(*list));
    n += add_matches(list + n, MATCH_FIELD, &settings->header);
    n += add_matches(list + n, MATCH_ARGUMENT, &settings->query);
    n += add_matches(list + n, MATCH_COOKIE, &settings->cookie);
    route->matches = list;
    route->match_n = n;
}

static void add_exact(struct site *site, struct route *route)
{
    struct route *first = table_get(&site->exact, route->path);

    if (!first) {
        table_put(&site->exact, route->path, route);
        return;
    }
    while (first->next_exact) {
        first = first->next_exact;
    }
    first->next_exact = route;
}

/* A route that can never be chosen because of an earlier one. */
static void check_duplicate(struct config *config, const struct site *site,
                            const struct route *route)
{
    for (uint32_t i = 0; i < site->route_n; i++) {
        const struct route *earlier = site->routes[i];
        bool covers =
            earlier->match_n == 0 &&
            (earlier->methods == 0 ||
             (route->methods != 0 && (route->methods & ~earlier->methods) == 0));

        if (earlier->kind == route->kind && str_eq(earlier->path, route->path) && covers) {
            config_error(config, &route->source, "the route \"%s\" is there already, at %s:%u",
                     route->path.p, earlier->source.file, earlier->source.line);
            return;
        }
    }
}

static struct scope *read_route(struct scope *site_scope, const struct node *node)
{
    struct config *config = site_scope->config;
    struct site *site = site_scope->site;
    struct scope *scope = arena_zalloc(&config->arena, sizeof(*scope));
    struct route *route = arena_zalloc(&config->arena, sizeof(*route));
    struct route_settings settings = {0};

    *route = (struct route){
        .site = site, .source = node->at, .index = site->route_n, .error_log = log_default};
    *scope = (struct scope){.config = config,
                            .outer = site_scope,
                            .kind = WEIR_S_ROUTE,
                            .node = node,
                            .label = "a route",
                            .site = site,
                            .route = route};
    bool ok = schema_fill(config, "", host_rows(WEIR_S_ROUTE), WEIR_S_ROUTE, true, node, &settings);
    ok = ok && read_rule(config, node, &settings, route);
    route->methods = read_methods(config, node, &settings.methods);
    route->final = settings.final;
    route->internal = settings.internal;
    read_match(config, &settings.match, route);
    route->satisfy = node_get(node, STR("satisfy")) ? settings.satisfy : site->self->satisfy;
    route->name = settings.name.n ? settings.name : route->path;
    if (route->name.n) {
        scope->label = arena_printf(&config->arena, "%s", route->name.p).p;
    }
    build_client(scope, &site->self->client, &route->client);
    build_on_error(scope, &site->self->on_errors, &route->on_errors);
    scope_read_uses(scope);
    if (ok) {
        check_duplicate(config, site, route);
    }
    if (ok && route->kind == ROUTE_EXACT) {
        add_exact(site, route);
    }
    return scope;
}

static void read_routes(struct scope *scope, const struct plan_order *orders, uint32_t order_n,
                        bool site_ok)
{
    struct config *config = scope->config;
    struct site *site = scope->site;
    const struct node *routes = node_get(scope->node, STR("routes"));

    if (!routes) {
        return;
    }
    bool is_list = routes->type == NODE_LIST;
    uint32_t n = is_list ? routes->n : 1;
    const struct node *item = is_list ? routes->first : routes;
    scope->routes = arena_zalloc(&config->arena, n * sizeof(*scope->routes) + 1);
    site->routes = arena_zalloc(&config->arena, n * sizeof(*site->routes) + 1);
    for (; item; item = is_list ? item->next : NULL) {
        if (item->type != NODE_GROUP) {
            config_error(config, &item->at,
                     "routes: expected a list of groups: routes = ( { path = "
                     "\"/\"; ... } );");
            continue;
        }
        struct scope *inner = read_route(scope, item);

        if (scope_check(inner) && site_ok) {
            build_plan(inner, inner->route, orders, order_n);
        }
        scope->routes[site->route_n] = inner;
        site->routes[site->route_n++] = inner->route;
    }
}

/* ---- sites ---- */

/* Letters, digits, "-", "_" and "."; one "*" as the first or last label. */
static bool is_host_name(weir_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_star = c == '*' && ((i == 0 && name.n > 2 && name.p[1] == '.') ||
                                    (i > 1 && i == name.n - 1 && name.p[i - 1] == '.'));

        if (!isalnum((unsigned char)c) && !strchr("-_.:[]", c) && !is_star) {
            return false;
        }
    }
    return name.n > 0 && name.n < 254 && !(name.p[0] == '*' && name.p[name.n - 1] == '*');
}

static void read_name(struct config *config, struct site *site, const struct node *node,
                      weir_str name)
{
    char *lower = arena_alloc(&config->arena, name.n + 1);

    for (size_t i = 0; i <= name.n; i++) {
        lower[i] = ascii_lower(name.p[i]);
    }
    if (name.n > 1 && lower[name.n - 1] == '.') {
        lower[--name.n] = '\0';
    }
    name.p = lower;
    bool is_v6 = name.n && name.p[0] == '[' && name.p[name.n - 1] == ']';
    if (memchr(name.p, '/', name.n) || (!is_v6 && memchr(name.p, ':', name.n))) {
        config_error(config, &node->at,
                 "names: \"%s\": expected a host name without scheme, port and "
                 "path",
                 name.p);
    } else if (!is_host_name(name)) {
        config_error(config, &node->at,
                 "names: \"%s\" is no host name: expected \"example.com\", "
                 "\"*.example.com\" or \"example.*\"%s",
                 name.p,
                 str_eq(name, STR("*")) ? "; for any host leave names out, or write default = true"
                                        : "");
    } else {
        site->names[site->name_n++] = name;
    }
}

static void read_names(struct config *config, struct site *site, const struct node *node,
                       const weir_list *list)
{
    const weir_str *names = list->items;
    const struct node *item = node && node->type == NODE_LIST ? node->first : node;

    site->names = arena_zalloc(&config->arena, list->n * sizeof(*site->names) + 1);
    for (size_t i = 0; i < list->n; i++) {
        read_name(config, site, item, names[i]);
        item = item->next;
    }
}

static int phase_by_name(weir_str name, weir_str *near)
{
    weir_str words[PHASE_COUNT];

    for (int i = 0; i < PHASE_COUNT; i++) {
        words[i] = str_from(phase_name((enum phase)i));
        if (str_eq(words[i], name)) {
            return i;
        }
    }
    *near = diag_nearest(name, words, PHASE_COUNT);
    return -1;
}

static void read_order_names(struct config *config, const struct node *node,
                             struct plan_order *order)
{
    weir_str *names = arena_zalloc(&config->arena, (node->n + 1) * sizeof(*names));
    const struct node *item = node->type == NODE_LIST ? node->first : node;

    order->names = names;
    for (; item; item = node->type == NODE_LIST ? item->next : NULL) {
        if (item->type != NODE_STR) {
            config_error(config, &item->at, "order.%s: expected names of modules: [ \"one\", \"two\" ]",
                     node->name.p);
        } else if (!registry_find(&config->registry, item->v.s)) {
            config_error(config, &item->at, "order.%s: there is no module \"%s\"", node->name.p,
                     item->v.s.p);
        } else {
            names[order->n++] = item->v.s;
        }
    }
}

/* order = { access = [ "geo", "auth_basic" ]; }; */
static const struct plan_order *read_order(struct config *config, const struct node *node,
                                           uint32_t *n)
{
    struct plan_order *orders;

    *n = 0;
    if (!node) {
        return NULL;
    }
    if (node->type != NODE_GROUP) {
        config_error(config, &node->at, "order: expected a group { PHASE = [ modules ]; }");
        return NULL;
    }
    orders = arena_zalloc(&config->arena, (node->n + 1) * sizeof(*orders));
    for (const struct node *key = node->first; key; key = key->next) {
        weir_str near = {0};
        int phase = phase_by_name(key->name, &near);

        if (phase < 0) {
            config_error(config, &key->at, "order: there is no phase \"%s\"%s%.*s%s", key->name.p,
                     near.n ? ": did you mean \"" : "", (int)near.n, near.n ? near.p : "",
                     near.n ? "\"?" : "");
            continue;
        }
        orders[*n].phase = (enum phase)phase;
        read_order_names(config, key, &orders[(*n)++]);
    }
    return orders;
}

static void warn_if_empty(const struct scope *scope)
{
    const struct site *site = scope->site;
    bool has_content = site->self->plan.handler != NULL;

    for (uint32_t i = 0; i < site->route_n; i++) {
        has_content = has_content || site->routes[i]->plan.handler;
    }
    if (!has_content && scope->config->diag.errors == 0) {
        diag_add(&scope->config->diag, DIAG_WARNING, site->source.file, site->source.line,
                 "the site has no content: no proxy, static, redirect or respond in it; it answers "
                 "404");
    }
}

static struct scope *create_site(struct config *config, const struct node *node)
{
    struct scope *scope = arena_zalloc(&config->arena, sizeof(*scope));
    struct site *site = arena_zalloc(&config->arena, sizeof(*site));
    struct route *self = arena_zalloc(&config->arena, sizeof(*self));

    *site = (struct site){.source = node->at, .index = config->site_n, .self = self};
    *self = (struct route){.site = site,
                           .kind = ROUTE_SITE,
                           .path = STR(""),
                           .name = STR("site"),
                           .source = node->at,
                           .index = UINT32_MAX,
                           .error_log = log_default};
    *scope = (struct scope){.config = config,
                            .outer = &config->tree->top,
                            .kind = WEIR_S_SITE,
                            .node = node,
                            .label = "the default site",
                            .site = site,
                            .route = self};
    config->tree->sites[config->site_n] = scope;
    config->sites[config->site_n++] = site;
    return scope;
}

/* A site's log takes from the server's what it does not set itself. */
static void read_log(struct scope *scope)
{
    struct config *config = scope->config;
    const struct node *server = node_get(config->tree->root, STR("server"));
    const struct node *own = node_get(scope->node, STR("error_log"));

    if (!own || node_is_false(own)) {
        return;
    }
    if (own->type != NODE_GROUP) {
        config_error(config, &own->at, "error_log: expected a group { path = \"...\"; }");
        return;
    }
    const struct node *groups[] = {node_get(server, STR("error_log")), own};
    const struct node *merged = scope_merge(&config->arena, log_rows(), groups, 2);

    scope->log_at = own->at;
    scope->has_log =
        schema_fill(config, "error_log", log_rows(), WEIR_S_SITE, true, merged, &scope->log);
}

static void read_site(struct config *config, const struct node *node)
{
    struct scope *scope = create_site(config, node);
    struct site *site = scope->site;
    struct site_settings settings = {0};
    uint32_t order_n;

    schema_fill(config, "", host_rows(WEIR_S_SITE), WEIR_S_SITE, true, node, &settings);
    read_names(config, site, node_get(node, STR("names")), &settings.names);
    site->is_default = settings.is_default;
    site->self->satisfy = settings.satisfy;
    if (site->name_n) {
        scope->label = site->names[0].p;
    }
    build_client(scope, &config->client, &site->self->client);
    build_on_error(scope, &config->on_errors, &site->self->on_errors);
    read_log(scope);
    scope_read_uses(scope);
    const struct plan_order *orders = read_order(config, node_get(node, STR("order")), &order_n);
    bool ok = scope_check(scope);
    if (ok) {
        build_plan(scope, site->self, orders, order_n);
    }
    read_routes(scope, orders, order_n, ok);
    build_on_error_done(scope);
    build_listen(config, site, node_get(node, STR("listen")));
    warn_if_empty(scope);
}

void build_sites(struct config *config)
{
    const struct node *sites = node_get(config->tree->root, STR("sites"));
    uint32_t n = sites && sites->type == NODE_LIST ? sites->n : 0;

    config->sites = arena_zalloc(&config->arena, (n + 1) * sizeof(*config->sites));
    config->tree->sites = arena_zalloc(&config->arena, (n + 1) * sizeof(*config->tree->sites));
    if (sites && sites->type != NODE_LIST) {
        config_error(config, &sites->at,
                 "sites: expected a list of groups: sites = ( { ... }, { ... } "
                 ");");
        return;
    }
    for (const struct node *site = sites ? sites->first : NULL; site; site = site->next) {
        if (site->type != NODE_GROUP) {
            weir_str text = node_text(&config->arena, site, 40);

            config_error(config, &site->at,
                     "sites: expected groups: sites = ( { ... }, { ... } ); "
                     "found %s",
                     text.p);
            continue;
        }
        read_site(config, site);
    }
    build_listeners_done(config);
}
