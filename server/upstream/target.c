/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/target.h"

#include <stdio.h>

#include "base/str.h"

static struct upstream_conf *find_conf(const struct config *config, weir_str name)
{
    for (uint32_t i = 0; i < config->upstream_n; i++) {
        if (str_eq(config->upstreams[i]->name, name)) {
            return config->upstreams[i];
        }
    }
    return NULL;
}

static weir_str nearest_name(const struct config *config, weir_str name)
{
    weir_str best = {0};
    unsigned best_distance = 3;

    for (uint32_t i = 0; i < config->upstream_n; i++) {
        unsigned distance = str_distance(name, config->upstreams[i]->name);

        if (distance < best_distance) {
            best = config->upstreams[i]->name;
            best_distance = distance;
        }
    }
    return best;
}

/* "localhost" aside, a word without dot and port is meant as the name of a group. */
static bool looks_like_group(weir_str authority)
{
    return !memchr(authority.p, '.', authority.n) && !memchr(authority.p, ':', authority.n) &&
           !str_eq(authority, STR("localhost"));
}

static struct upstream_conf *single_peer(struct config *config, weir_str address)
{
    struct arena *arena = &config->arena;
    struct upstream_conf *conf = arena_zalloc(arena, sizeof(*conf));
    struct peer_conf *peer = arena_zalloc(arena, sizeof(*peer));

    *peer = (struct peer_conf){.address = arena_dup(arena, address),
                               .weight = 1,
                               .max_fails = 1,
                               .fail_timeout_ms = 10000};
    *conf = (struct upstream_conf){.name = peer->address,
                                   .peers = peer,
                                   .peer_n = 1,
                                   .keepalive = 32,
                                   .keepalive_timeout_ms = 60000,
                                   .retry_budget = 20};
    return conf;
}

/* "host" of an https:// URL means port 443. */
static weir_str with_port(struct config *config, weir_str address, bool tls)
{
    bool has_port = str_starts_with(address, STR("unix:")) ||
                    (memchr(address.p, ':', address.n) && address.p[address.n - 1] != ']');

    return tls && !has_port
               ? arena_printf(&config->arena, "%.*s:443", (int)address.n, address.p)
               : address;
}

const weir_upstream *upstream_resolve(struct config *config, weir_str url, weir_str *prefix,
                                      char *error, size_t error_size)
{
    weir_str rest = url, path = {0};
    bool tls = str_starts_with(url, STR("https://"));
    size_t skip = tls ? 8 : str_starts_with(url, STR("http://")) ? 7 : 0;

    if (str_starts_with(url, STR("h2://")) || str_starts_with(url, STR("h2s://"))) {
        snprintf(error, error_size, "this version of weir speaks http:// and https:// to backends, "
                 "not \"%.*s\"", (int)url.n, url.p);
        return NULL;
    }
    rest = (weir_str){url.p + skip, url.n - skip};
    if (!str_starts_with(rest, STR("unix:"))) {
        const char *slash = skip ? memchr(rest.p, '/', rest.n) : NULL;

        if (slash) {
            path = (weir_str){slash, (size_t)(rest.p + rest.n - slash)};
            rest.n = (size_t)(slash - rest.p);
        }
        if (skip == 0 || rest.n == 0) {
            snprintf(error, error_size, "\"%.*s\": expected \"http://HOST:PORT\", "
                     "\"https://HOST\", \"http://UPSTREAM\" or \"unix:/PATH\"", (int)url.n, url.p);
            return NULL;
        }
    }
    while (path.n && path.p[path.n - 1] == '/') {
        path.n--;
    }
    if (prefix) {
        *prefix = path;
    }
    struct upstream_conf *conf = find_conf(config, rest);
    if (!conf && looks_like_group(rest)) {
        weir_str near = nearest_name(config, rest);

        snprintf(error, error_size, "there is no upstream \"%.*s\"%s%.*s%s", (int)rest.n, rest.p,
                 near.n ? ": did you mean \"" : "; for a host write its port, too: \"http://",
                 (int)(near.n ? near.n : rest.n), near.n ? near.p : rest.p,
                 near.n ? "\"?" : ":80\"");
        return NULL;
    }
    if (!conf) {
        conf = single_peer(config, with_port(config, rest, tls));
    }
    if (!conf->group) {
        conf->group = group_create(&config->arena, conf);
    }
    weir_upstream *upstream = arena_zalloc(&config->arena, sizeof(*upstream));
    *upstream = (weir_upstream){.group = conf->group, .host = rest, .tls = tls};
    return upstream;
}
