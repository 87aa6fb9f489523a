/* SPDX-License-Identifier: Apache-2.0 */
/* http/router.c - host name to site, path to route. See site.h. */
#include "base/str.h"
#include "config/config.h"
#include "http/fields.h"
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

static bool condition_holds(const struct route_match *match, const struct routed *request)
{
    const weir_field *field;
    weir_str value;

    switch (match->of) {
    case MATCH_FIELD:
        /* Any line of that name will do. */
        for (field = fields_get_named(request->fields, match->name); field;
             field = fields_next(request->fields, field)) {
            if (regex_match(match->regex, field->value, NULL, 0) > 0) {
                return true;
            }
        }
        return false;
    case MATCH_ARGUMENT:
        value = uri_query_arg(request->query, match->name);
        break;
    default:
        value = fields_cookie(request->fields, match->name);
    }
    return value.p && regex_match(match->regex, value, NULL, 0) > 0;
}

/* Does it want this request, of the paths that it takes? */
static bool is_for(const struct route *route, const struct routed *request, uint32_t *allowed)
{
    for (uint32_t i = 0; i < route->match_n; i++) {
        if (!condition_holds(&route->matches[i], request)) {
            return false;
        }
    }
    if (route->methods == 0 || route->methods & request->method) {
        return true;
    }
    if (allowed) {
        *allowed |= route->methods;
    }
    return false;
}

static struct route *longest_prefix(const struct site *site, const struct routed *request,
                                    uint32_t *allowed)
{
    struct route *best = NULL;

    for (uint32_t i = 0; i < site->route_n; i++) {
        struct route *route = site->routes[i];

        if (route->kind == ROUTE_PREFIX && (!best || route->path.n > best->path.n) &&
            uri_path_has_prefix(request->path, route->path) && is_for(route, request, allowed)) {
            best = route;
        }
    }
    return best;
}

struct route *site_find_route(const struct site *site, const struct routed *request,
                              uint32_t *allowed)
{
    for (struct route *route = table_get(&site->exact, request->path); route;
         route = route->next_exact) {
        if (is_for(route, request, allowed)) {
            return route;
        }
    }
    struct route *prefix = longest_prefix(site, request, allowed);
    if (prefix && prefix->final) {
        return prefix;
    }
    for (uint32_t i = 0; i < site->route_n; i++) {
        struct route *route = site->routes[i];

        if (route->kind == ROUTE_REGEX &&
            regex_match(route->regex, request->path, NULL, 0) > 0 &&
            is_for(route, request, allowed)) {
            return route;
        }
    }
    return prefix ? prefix : site->self;
}
