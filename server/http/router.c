/* SPDX-License-Identifier: Apache-2.0 */
/* http/router.c - host name to site, path to route. See site.h. */
#include "base/str.h"
#include "config/config.h"
#include "http/site.h"
#include "http/uri.h"
#include "module/regex.h"

struct site *listener_find_site(const struct listener *listener, weir_str host)
{
    struct site *site = host.n ? table_get(&listener->hosts, host) : NULL;

    if (site) {
        return site;
    }
    for (uint32_t i = 0; i < listener->suffix_n; i++) {
        weir_str suffix = listener->suffixes[i].text;

        if (host.n > suffix.n && str_ends_with(host, suffix)) {
            return listener->suffixes[i].site;
        }
    }
    for (uint32_t i = 0; i < listener->prefix_n; i++) {
        weir_str prefix = listener->prefixes[i].text;

        if (host.n > prefix.n && str_starts_with(host, prefix)) {
            return listener->prefixes[i].site;
        }
    }
    return listener->fallback;
}

struct site *listener_site_or_default(const struct listener *listener, weir_str name,
                                      bool *is_known)
{
    struct site *site = name.n ? listener_find_site(listener, name) : listener->fallback;

    if (is_known) {
        *is_known = site != NULL;
    }
    return site ? site : listener->sites[0];
}

static bool takes_method(const struct route *route, uint32_t method, uint32_t *allowed)
{
    if (route->methods == 0 || route->methods & method) {
        return true;
    }
    if (allowed) {
        *allowed |= route->methods;
    }
    return false;
}

static struct route *longest_prefix(const struct site *site, weir_str path, uint32_t method,
                                    uint32_t *allowed)
{
    struct route *best = NULL;

    for (uint32_t i = 0; i < site->route_n; i++) {
        struct route *route = site->routes[i];

        if (route->kind == ROUTE_PREFIX && (!best || route->path.n > best->path.n) &&
            uri_path_has_prefix(path, route->path) && takes_method(route, method, allowed)) {
            best = route;
        }
    }
    return best;
}

struct route *site_find_route(const struct site *site, weir_str path, uint32_t method,
                              uint32_t *allowed)
{
    struct route *route = table_get(&site->exact, path);

    if (route && takes_method(route, method, allowed)) {
        return route;
    }
    struct route *prefix = longest_prefix(site, path, method, allowed);
    if (prefix && prefix->final) {
        return prefix;
    }
    for (uint32_t i = 0; i < site->route_n; i++) {
        route = site->routes[i];
        if (route->kind == ROUTE_REGEX && regex_match(route->regex, path, NULL, 0) > 0 &&
            takes_method(route, method, allowed)) {
            return route;
        }
    }
    return prefix ? prefix : site->self;
}
