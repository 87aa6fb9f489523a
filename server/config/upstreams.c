/* SPDX-License-Identifier: Apache-2.0 */
/* config/upstreams.c - the group `upstream`. See build.h. */
#include <errno.h>

#include "base/addr.h"
#include "base/str.h"
#include "config/build.h"
#include "config/host_schema.h"
#include "config/keys.h"
#include "upstream/group.h"

/* ---- peers ---- */

static void check_address(struct config *config, const char *upstream, const struct peer_conf *peer,
                          const struct node *at)
{
    struct addr addr;
    weir_str text = peer->address;

    if (str_starts_with(text, STR("http://")) || str_starts_with(text, STR("https://"))) {
        config_error(config, &at->at, "upstream.%s: \"%s\": a server is \"host:port\", without %.*s://",
                 upstream, text.p, text.p[4] == 's' ? 5 : 4, text.p);
    } else if (addr_parse(text, 80, &addr) == -EINVAL) {
        config_error(config, &at->at,
                 "upstream.%s: \"%s\" is no address: expected \"host:port\", \"[v6]:port\" or "
                 "\"unix:/path\"",
                 upstream, text.p);
    }
}

static void read_peers(struct config *config, struct upstream_conf *up, const struct node *servers)
{
    struct rows rows = upstream_rows();
    const weir_opt *row = schema_row(rows, STR("servers"), WEIR_S_TOP);
    struct rows sub = row_sub(rows, row);
    bool is_list = servers->type == NODE_LIST;
    const struct node *item = is_list ? servers->first : servers;

    up->peers = arena_zalloc(&config->arena, (is_list ? servers->n : 1) * sizeof(*up->peers) + 1);
    for (; item; item = is_list ? item->next : NULL) {
        struct peer_conf *peer = &up->peers[up->peer_n];
        weir_str what = arena_printf(&config->arena, "upstream.%s.servers", up->name.p);
        const struct node *group = item->type == NODE_STR || item->type == NODE_GROUP
                                       ? schema_item(&config->arena, sub, row, item)
                                       : NULL;

        if (!group) {
            weir_str text = node_text(&config->arena, item, 40);

            config_error(config, &item->at, "%s: %s: expected \"host:port\" or { address = \"host:port\"; }",
                     what.p, text.p);
            continue;
        }
        peer->source = item->at;
        if (schema_fill(config, what.p, sub, WEIR_S_TOP, true, group, peer)) {
            check_address(config, up->name.p, peer, item);
        }
        up->peer_n++;
    }
    if (servers->type == NODE_LIST && servers->n == 0) {
        config_error(config, &servers->at, "upstream.%s.servers is empty: expected at least one address",
                 up->name.p);
    }
}

/* ---- balancers ---- */

static const weir_balancer_ops *find_balancer(const struct module *module, weir_str name)
{
    for (const weir_balancer_ops *const *b = module->desc->balancers; b && *b; b++) {
        if (str_eq(name, str_from((*b)->name))) {
            return *b;
        }
    }
    return NULL;
}

/* What "balancer:NAME" installed modules offer, as a list for a message; *near the nearest. */
static weir_str offered_balancers(struct config *config, weir_str name, weir_str *near)
{
    weir_str words[64], list = STR("");
    size_t n = 0;

    for (uint32_t i = 0; i < config->registry.info_n; i++) {
        weir_str rest = config->registry.infos[i].provides;

        while (rest.p) {
            weir_str word = str_cut(&rest, ' ');

            if (n < 64 && str_starts_with(word, STR("balancer:"))) {
                words[n] = (weir_str){word.p + 9, word.n - 9};
                list = arena_printf(&config->arena, "%s%s%.*s", list.p, n ? ", " : "",
                                    (int)words[n].n, words[n].p);
                n++;
            }
        }
    }
    *near = diag_nearest(name, words, n);
    return list;
}

static void unknown_balancer(struct config *config, const struct upstream_conf *up,
                             const struct node *node)
{
    weir_str near, list = offered_balancers(config, up->balance, &near);

    if (near.n) {
        config_error(config, &node->at,
                 "upstream.%s.balance = \"%s\": there is no such balancer: did you "
                 "mean \"%.*s\"?",
                 up->name.p, up->balance.p, (int)near.n, near.p);
    } else if (list.n) {
        config_error(config, &node->at,
                 "upstream.%s.balance = \"%s\": no installed module provides it; "
                 "there are %s",
                 up->name.p, up->balance.p, list.p);
    } else {
        config_error(config, &node->at,
                 "upstream.%s.balance = \"%s\": no installed module provides it: "
                 "install the module balance (searched in %s)",
                 up->name.p, up->balance.p, config->tree->searched.p);
    }
}

static void read_balancer(struct config *config, struct upstream_conf *up, const struct node *group)
{
    const struct node *node = node_get(group, STR("balance"));
    weir_str capability = arena_printf(&config->arena, "balancer:%s", up->balance.p);
    struct module_info *info = registry_find_provider(&config->registry, capability);
    struct module *module;
    char error[512];

    if (!info) {
        /* Without the module balance the host asks one peer after the other, which is what the
         * default promises. */
        if (!str_eq(up->balance, STR("round_robin"))) {
            unknown_balancer(config, up, node ? node : group);
        }
        return;
    }
    module = registry_load(&config->registry, info, error, sizeof(error));
    if (!module) {
        config_error(config, &(node ? node : group)->at, "upstream.%s.balance: %s", up->name.p, error);
        return;
    }
    up->balancer = find_balancer(module, up->balance);
    up->balancer_module = module;
    if (up->balancer && WEIR_HAS(up->balancer, needs_key) && !up->key) {
        config_error(config, &(node ? node : group)->at,
                 "upstream.%s.balance = \"%s\" needs a key: add key = \"$request_uri\";",
                 up->name.p, up->balance.p);
    }
    if (!up->balancer) {
        config_error(config, &(node ? node : group)->at,
                 "the module \"%s\" does not provide the balancer "
                 "\"%s\" that it promises",
                 module->desc->name, up->balance.p);
    }
}

/* ---- words and statuses ---- */

static const struct node *inner_node(const struct node *group, const char *outer,
                                     const char *inner)
{
    const struct node *node = node_get(group, str_from(outer));

    return node && node->type == NODE_GROUP ? node_get(node, str_from(inner)) : NULL;
}

static bool add_retry_word(struct upstream_conf *up, weir_str word)
{
    static const struct {
        const char *name;
        uint32_t bits;
    } words[] = {
        {"connect", RETRY_CONNECT},
        {"error", RETRY_CONNECT | RETRY_ERROR},
        {"timeout", RETRY_TIMEOUT},
        {"invalid", RETRY_INVALID},
    };

    for (size_t i = 0; i < WEIR_COUNT(words); i++) {
        if (str_eq(word, str_from(words[i].name))) {
            up->retry_on |= words[i].bits;
            return true;
        }
    }
    return status_set_add(&up->retry_status, word);
}

static void read_statuses(struct config *config, const struct upstream_conf *up,
                          const weir_list *list, const char *what, const struct node *at,
                          struct status_set *set)
{
    const weir_str *words = list->items;

    for (size_t i = 0; i < list->n; i++) {
        if (!status_set_add(set, words[i])) {
            config_error(config, &at->at, "upstream.%s.%s: \"%s\": expected a status or some: 503, "
                     "\"500-504\", \"5xx\"", up->name.p, what, words[i].p);
        }
    }
}

static void read_words(struct config *config, struct upstream_conf *up, const struct node *group)
{
    const weir_str *words = up->retry_words.items;
    const struct node *at = inner_node(group, "retry", "on");

    for (size_t i = 0; i < up->retry_words.n; i++) {
        if (!add_retry_word(up, words[i])) {
            config_error(config, &(at ? at : group)->at, "upstream.%s.retry.on: \"%s\": expected connect, "
                     "error, timeout, invalid, or a status", up->name.p, words[i].p);
        }
    }
    at = inner_node(group, "eject", "status");
    read_statuses(config, up, &up->eject_words, "eject.status", at ? at : group,
                  &up->eject_status);
}

/* A group whose presence switches something on. */
static bool read_switch(struct config *config, struct upstream_conf *up, const struct node *group,
                        const char *name)
{
    struct rows rows = upstream_rows();
    const weir_opt *row = schema_row(rows, str_from(name), WEIR_S_TOP);
    const struct node *node = node_get(group, row ? str_from(row->name) : STR(""));

    if (!node || node_is_false(node)) {
        return false;
    }
    struct rows sub = row_sub(rows, row);
    weir_str what = arena_printf(&config->arena, "upstream.%s.%s", up->name.p, name);
    const struct node *item = node->type == NODE_GROUP || node->type == NODE_BOOL
                                  ? schema_item(&config->arena, sub, row, node)
                                  : NULL;
    if (!item) {
        config_error(config, &node->at, "%s: expected a group { ... }", what.p);
        return false;
    }
    return schema_fill(config, what.p, sub, WEIR_S_TOP, true, item, up);
}

/* ---- names ---- */

static void read_resolver(struct config *config, struct upstream_conf *up, const struct node *group)
{
    const struct node *at = node_get(group, STR("resolve"));
    struct module_info *info;
    char error[512];

    if (!up->resolve) {
        return;
    }
    info = registry_find_provider(&config->registry, STR("resolver"));
    if (!info) {
        config_error(config, &at->at, "upstream.%s.resolve: no installed module looks names up: install "
                 "the module dns (searched in %s)", up->name.p, config->tree->searched.p);
        return;
    }
    up->resolver = registry_load(&config->registry, info, error, sizeof(error));
    if (!up->resolver) {
        config_error(config, &at->at, "upstream.%s.resolve: %s", up->name.p, error);
    } else if (!up->resolver->desc->resolver) {
        config_error(config, &at->at, "the module \"%s\" does not provide the resolver that it promises",
                 up->resolver->desc->name);
    }
}

/* ---- active checks ---- */

static void read_health_tls(struct config *config, struct upstream_conf *up, const struct node *tls)
{
    if (!tls || node_is_false(tls)) {
        return;
    }
    up->health.uses_tls = true;
    up->health.tls_source = tls->at;
    up->health.transport = keys_transport(config, &tls->at);
}

/* What a module's settings are to cfg_api.c. */
static void commit_health_tls(struct config *config, struct upstream_conf *up)
{
    struct health_conf *health = &up->health;
    struct use *use = arena_zalloc(&config->arena, sizeof(*use));
    struct tls_client *made = arena_zalloc(&config->arena, sizeof(*made));
    const weir_tls_client client = {
        .size = sizeof(client),
        .verify = health->tls.verify,
        .ca = health->tls.ca,
        .name = health->tls.name.n ? health->tls.name : health->host,
        .certificate = health->tls.certificate,
        .key = health->tls.key,
        .protocols = health->type == WEIR_HEALTH_GRPC ? STR("\x02h2") : STR(""),
    };

    *use = (struct use){.module = health->transport,
                        .scope = &config->tree->top,
                        .own = node_create(&config->arena, NODE_BOOL, STR("tls"), health->tls_source),
                        .cfg = {config, use}};
    made->transport = (struct transport){health->transport->desc->transport, health->transport};
    made->settings = made->transport.ops->client_settings(&use->cfg, "health", &client);
    health->tls_client = made->settings ? made : NULL;
}

void upstreams_commit(struct config *config)
{
    for (uint32_t i = 0; i < config->upstream_n && !config_private; i++) {
        if (config->upstreams[i]->health.uses_tls) {
            commit_health_tls(config, config->upstreams[i]);
        }
    }
}

static void read_health(struct config *config, struct upstream_conf *up, const struct node *group)
{
    const struct node *at = node_get(group, STR("health"));
    struct module_info *info;
    struct module *module;
    char error[512];

    if (!read_switch(config, up, group, "health")) {
        return;
    }
    read_statuses(config, up, &up->health.expect_words, "health.expect", at, &up->health.expect);
    read_health_tls(config, up, node_get(at, STR("tls")));
    info = registry_find_provider(&config->registry, STR("health"));
    if (!info) {
        config_error(config, &at->at, "upstream.%s.health: no installed module provides active checks: "
                 "install the module health (searched in %s)", up->name.p,
                 config->tree->searched.p);
    } else if (!(module = registry_load(&config->registry, info, error, sizeof(error)))) {
        config_error(config, &at->at, "upstream.%s.health: %s", up->name.p, error);
    } else if (!module->desc->health) {
        config_error(config, &at->at, "the module \"%s\" does not provide the checks that it promises",
                 module->desc->name);
    } else {
        up->health.module = module;
    }
}

/* ---- groups ---- */

static void read_upstream(struct config *config, struct upstream_conf *up, const struct node *group)
{
    weir_str what = arena_printf(&config->arena, "upstream.%s", group->name.p);
    const struct node *servers = node_get(group, STR("servers"));

    up->name = group->name;
    up->source = group->at;
    schema_check_keys(config, what.p, upstream_rows(), WEIR_S_TOP, group);
    bool ok = schema_fill(config, what.p, upstream_rows(), WEIR_S_TOP, true, group, up);
    if (servers) {
        read_peers(config, up, servers);
    } else {
        config_error(config, &group->at, "%s has no servers: add servers = [ \"127.0.0.1:3000\" ];", what.p);
    }
    read_switch(config, up, group, "sticky");
    if (ok) {
        read_words(config, up, group);
        read_health(config, up, group);
        read_resolver(config, up, group);
        read_balancer(config, up, group);
    }
}

void build_upstreams(struct config *config)
{
    const struct node *top = node_get(config->tree->root, STR("upstream"));

    if (!top) {
        return;
    }
    if (top->type != NODE_GROUP) {
        config_error(config, &top->at,
                 "upstream: expected a group of named groups: upstream = { NAME = { "
                 "servers = [ ... ]; }; };");
        return;
    }
    config->upstreams = arena_zalloc(&config->arena, (top->n + 1) * sizeof(*config->upstreams));
    for (const struct node *group = top->first; group; group = group->next) {
        if (group->type != NODE_GROUP) {
            weir_str text = node_text(&config->arena, group, 40);

            config_error(config, &group->at, "upstream.%s = %s: expected a group { servers = [ ... ]; }",
                     group->name.p, text.p);
            continue;
        }
        struct upstream_conf *up = arena_zalloc(&config->arena, sizeof(*up));
        config->upstreams[config->upstream_n++] = up;
        read_upstream(config, up, group);
    }
}
