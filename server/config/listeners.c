/* SPDX-License-Identifier: Apache-2.0 */
/* config/listeners.c - `listen`: addresses and the sites behind them. See build.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "config/build.h"
#include "config/keys.h"

/* ---- addresses ---- */

/* Splits a listener's URL. False: reported. */
static bool parse_url(struct config *config, const struct node *node, weir_str url, bool *tls,
                      struct addr *addr)
{
    weir_str rest = url;

    *tls = str_starts_with(url, STR("https://"));
    if (!*tls && !str_starts_with(url, STR("http://"))) {
        config_error(config, &node->at,
                 "listen = \"%s\": expected \"http://ADDRESS:PORT\" or "
                 "\"https://ADDRESS:PORT\", such as \"http://*:80\"",
                 url.p);
        return false;
    }
    rest.p += *tls ? 8 : 7;
    rest.n -= *tls ? 8 : 7;
    bool is_unix = str_starts_with(rest, STR("unix:"));
    if (!is_unix && rest.n && rest.p[rest.n - 1] == '/') {
        rest.n--;
    }
    if (!is_unix && memchr(rest.p, '/', rest.n)) {
        config_error(config, &node->at,
                 "listen = \"%s\": a listener has no path: paths belong in "
                 "routes",
                 url.p);
        return false;
    }
    int rc = addr_parse(rest, *tls ? 443 : 80, addr);
    if (rc == -ENOENT) {
        config_error(config, &node->at,
                 "listen = \"%s\": expected an address of this machine, or * "
                 "for all; host names stand in \"names\"",
                 url.p);
    } else if (rc != 0) {
        config_error(config, &node->at,
                 "listen = \"%s\": \"%.*s\" is no address: expected one such as "
                 "*:80, 127.0.0.1:8080, [::]:443 or unix:/run/weir.sock",
                 url.p, (int)rest.n, rest.p);
    }
    return rc == 0;
}

/* Finds the listener of that address, or makes it. NULL: reported. */
static struct listener *take_listener(struct config *config, const struct node *node, weir_str url)
{
    struct addr addr;
    bool tls;

    if (!parse_url(config, node, url, &tls, &addr)) {
        return NULL;
    }
    for (uint32_t i = 0; i < config->listener_n; i++) {
        struct listener *known = config->listeners[i];

        if (!addr_eq(&known->addr, &addr)) {
            continue;
        }
        if (known->tls != tls) {
            config_error(config, &node->at, "listen = \"%s\": that address is \"%s\" at %s:%u", url.p,
                     known->text.p, known->source.file, known->source.line);
            return NULL;
        }
        return known;
    }
    const struct module *transport = tls ? keys_transport(config, &node->at) : NULL;
    if (tls && !transport) {
        return NULL;
    }
    struct listener *listener = arena_zalloc(&config->arena, sizeof(*listener));
    *listener = (struct listener){
        .addr = addr, .text = url, .tls = tls, .source = node->at, .index = config->listener_n};
    if (tls) {
        listener->transport = (struct transport){transport->desc->transport, transport};
    }
    struct listener **all = arena_alloc(&config->arena, (config->listener_n + 1) * sizeof(*all));
    if (config->listener_n) {
        memcpy(all, config->listeners, config->listener_n * sizeof(*all));
    }
    all[config->listener_n++] = listener;
    config->listeners = all;
    return listener;
}

/* ---- names ---- */

static void claimed_twice(struct config *config, const struct listener *listener,
                          const struct node *name, weir_str text, const struct site *other)
{
    config_error(config, &name->at, "the name \"%s\" on %s is taken by the site at %s:%u", text.p,
             listener->text.p, other->source.file, other->source.line);
}

/* False: some site has it. */
static bool add_pattern(struct config *config, struct host_pattern **patterns, uint32_t *n,
                        weir_str text, struct site *site, struct site **other)
{
    struct host_pattern *all;

    for (uint32_t i = 0; i < *n; i++) {
        if (str_eq((*patterns)[i].text, text)) {
            *other = (*patterns)[i].site;
            return false;
        }
    }
    all = arena_alloc(&config->arena, (*n + 1) * sizeof(*all));
    if (*n) {
        memcpy(all, *patterns, *n * sizeof(*all));
    }
    all[(*n)++] = (struct host_pattern){text, site};
    *patterns = all;
    return true;
}

static void add_name(struct config *config, struct listener *listener, struct site *site,
                     weir_str name, const struct node *node)
{
    struct site *other = NULL;
    bool ok;

    if (name.p[0] == '*') {
        ok = add_pattern(config, &listener->suffixes, &listener->suffix_n,
                         (weir_str){name.p + 1, name.n - 1}, site, &other);
    } else if (name.p[name.n - 1] == '*') {
        ok = add_pattern(config, &listener->prefixes, &listener->prefix_n,
                         (weir_str){name.p, name.n - 1}, site, &other);
    } else {
        ok = table_put(&listener->hosts, name, site);
        other = table_get(&listener->hosts, name);
    }
    if (!ok && other != site) {
        claimed_twice(config, listener, node, name, other);
    }
}

static void add_site(struct config *config, struct listener *listener, struct site *site,
                     const struct node *node)
{
    for (uint32_t i = 0; i < listener->site_n; i++) {
        if (listener->sites[i] == site) {
            diag_add(&config->diag, DIAG_WARNING, node->at.file, node->at.line,
                     "the site listens at %s twice", listener->text.p);
            return;
        }
    }
    struct site **all = arena_alloc(&config->arena, (listener->site_n + 1) * sizeof(*all));
    if (listener->site_n) {
        memcpy(all, listener->sites, listener->site_n * sizeof(*all));
    }
    all[listener->site_n++] = site;
    listener->sites = all;

    const struct node *site_node = config->tree->sites[site->index]->node;
    const struct node *names = node_get(site_node, STR("names"));
    const struct node *item = names && names->type == NODE_LIST ? names->first : names;
    for (uint32_t i = 0; i < site->name_n; i++) {
        add_name(config, listener, site, site->names[i], item ? item : site_node);
        item = item ? item->next : NULL;
    }
    if (site->name_n && !site->is_default) {
        return;
    }
    if (listener->fallback) {
        config_error(config, &site->source,
                 "two sites answer any host on %s: this one and the one at "
                 "%s:%u; give one of them names",
                 listener->text.p, listener->fallback->source.file,
                 listener->fallback->source.line);
        return;
    }
    listener->fallback = site;
}

/* ---- the setting ---- */

static void listen_at(struct config *config, struct site *site, const struct node *item)
{
    const struct node *url = item;

    if (item->type == NODE_GROUP) {
        url = node_get(item, STR("at"));
        if (!url) {
            config_error(config, &item->at,
                     "listen: the group has no address: add at = "
                     "\"http://*:80\";");
        }
        for (const struct node *key = item->first; key; key = key->next) {
            if (!str_eq(key->name, STR("at")) && !node_is_false(key)) {
                config_error(config, &key->at,
                         "listen.%s: a listener has an address only: settings stand at the top "
                         "level, in a site or in a route",
                         key->name.p);
            }
        }
        if (!url) {
            return;
        }
    }
    if (url->type != NODE_STR) {
        weir_str text = node_text(&config->arena, url, 40);

        config_error(config, &url->at, "listen = %s: expected an address such as \"http://*:%s\"",
                 text.p, url->type == NODE_INT ? text.p : "80");
        return;
    }
    struct listener *listener = take_listener(config, url, url->v.s);
    if (listener) {
        add_site(config, listener, site, url);
    }
}

void build_listen(struct config *config, struct site *site, const struct node *node)
{
    if (!node) {
        config_error(config, &site->source,
                 "the site listens nowhere: add listen = [ \"http://*:80\" "
                 "];");
        return;
    }
    if (node->type != NODE_LIST) {
        listen_at(config, site, node);
        return;
    }
    if (node->n == 0) {
        config_error(config, &node->at, "listen is empty: expected an address such as \"http://*:80\"");
    }
    for (const struct node *item = node->first; item; item = item->next) {
        listen_at(config, site, item);
    }
}

static int longest_first(const void *a, const void *b)
{
    const struct host_pattern *x = a, *y = b;

    return (x->text.n < y->text.n) - (x->text.n > y->text.n);
}

static void sort_patterns(struct host_pattern *patterns, uint32_t n)
{
    if (n > 1) {
        qsort(patterns, n, sizeof(*patterns), longest_first);
    }
}

/* ---- protocols ---- */

static bool has_codec(const struct listener *listener, const struct module *module)
{
    for (uint32_t i = 0; i < listener->codec_n; i++) {
        if (listener->codecs[i] == module) {
            return true;
        }
    }
    return false;
}

static void add_codec(struct config *config, struct listener *listener, struct site *site,
                      const struct plan_use *use)
{
    const weir_codec_ops *codec = use->module->desc->codec;
    const struct module **all;

    if (listener->tls && !site->protocols.n) {
        weir_str rest = site->protocols.n ? site->protocols : STR("\x08http/1.1");

        site->protocols = arena_printf(&config->arena, "%c%s%.*s", (int)strlen(codec->alpn),
                                       codec->alpn, (int)rest.n, rest.p);
    }
    if (!listener->tls && codec->preface && codec->is_cleartext && codec->is_cleartext(use->conf)) {
        listener->preface = codec->preface;
        listener->preface_codec = use->module;
    }
    if (!listener->tls && WEIR_HAS(codec, upgrade) && codec->upgrade_name && codec->upgrade &&
        codec->takes_upgrade && codec->takes_upgrade(use->conf)) {
        listener->upgrade_codec = use->module;
    }
    if (!has_codec(listener, use->module)) {
        all = arena_alloc(&config->arena, (listener->codec_n + 1) * sizeof(*all));
        if (listener->codec_n) {
            memcpy(all, listener->codecs, listener->codec_n * sizeof(*all));
        }
        all[listener->codec_n++] = use->module;
        listener->codecs = all;
    }
}

static void add_protocols(struct config *config, struct listener *listener, struct site *site)
{
    const struct plan *plan = &site->self->plan;

    if (listener->tls && !plan_conf(plan, listener->transport.module)) {
        config_error(config, &site->source,
                 "the site listens at %s, but has no certificate: add tls = { certificate = "
                 "\"...\"; key = \"...\"; };",
                 listener->text.p);
        return;
    }
    for (uint32_t i = 0; i < plan->use_n; i++) {
        const weir_codec_ops *codec = plan->uses[i].module->desc->codec;

        if (codec && codec->open) {
            add_codec(config, listener, site, &plan->uses[i]);
        }
    }
}

void build_listeners_done(struct config *config)
{
    bool is_sound = config->diag.errors == 0; /* else some sites have no plan */

    for (uint32_t i = 0; i < config->listener_n; i++) {
        struct listener *listener = config->listeners[i];

        sort_patterns(listener->suffixes, listener->suffix_n);
        sort_patterns(listener->prefixes, listener->prefix_n);
        for (uint32_t k = 0; is_sound && k < listener->site_n; k++) {
            add_protocols(config, listener, listener->sites[k]);
        }
    }
}
