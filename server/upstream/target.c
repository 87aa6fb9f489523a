/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/target.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "config/scope.h"

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
                                   .retry_on = RETRY_CONNECT | RETRY_ERROR | RETRY_TIMEOUT |
                                               RETRY_INVALID,
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

/* The length of "https://" and its like; 0: none. */
static size_t scheme_of(weir_str url, bool *tls)
{
    static const struct {
        const char *text;
        bool tls;
    } schemes[] = {{"http://", false}, {"https://", true}, {"h2://", false}, {"h2s://", true}};

    for (size_t i = 0; i < WEIR_COUNT(schemes); i++) {
        if (str_starts_with(url, str_from(schemes[i].text))) {
            *tls = schemes[i].tls;
            return strlen(schemes[i].text);
        }
    }
    *tls = false;
    return 0;
}

/* The module for h2:// and h2s://. NULL: `error` is set. */
static const struct module *find_codec(struct config *config, char *error, size_t error_size)
{
    struct module_info *info = registry_find_provider(&config->registry, STR("codec:h2"));
    const struct module *module = NULL;

    if (!info) {
        snprintf(error, error_size, "h2:// and h2s:// need the module http2, which is not installed "
                 "(searched in %s)", config->tree->searched.p);
        return NULL;
    }
    module = registry_load(&config->registry, info, error, error_size);
    if (module && !(module->desc->codec && module->desc->codec->connect)) {
        snprintf(error, error_size, "the module \"%s\" does not provide the codec that it promises",
                 module->desc->name);
        return NULL;
    }
    return module;
}

const weir_upstream *upstream_resolve(struct config *config, weir_str url, weir_str *prefix,
                                      char *error, size_t error_size)
{
    weir_str rest = url, path = {0};
    const struct module *codec = NULL;
    bool tls;
    size_t skip = scheme_of(url, &tls);

    if (skip && url.p[1] == '2' && !(codec = find_codec(config, error, error_size))) {
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
                     "\"https://HOST\", \"h2://HOST:PORT\", \"h2s://HOST\", "
                     "\"http://UPSTREAM\" or \"unix:/PATH\"", (int)url.n, url.p);
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
    *upstream = (weir_upstream){.group = conf->group, .host = rest, .tls = tls,
                                .codec = config_private ? NULL : codec};
    return upstream;
}
