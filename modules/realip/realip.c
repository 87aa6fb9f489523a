/* SPDX-License-Identifier: Apache-2.0 */
/* realip - who the client is behind proxies that are trusted: from X-Forwarded-For or Forwarded, read
 * from the right, or from the PROXY protocol. What others say of themselves is dropped. */
#include <stdlib.h>
#include <string.h>

#include <weir/module.h>

#include "cidr.h"
#include "forwarded.h"
#include "proxy_header.h"

enum {
    BY_X_FORWARDED_FOR,
    BY_FORWARDED,
    BY_PROXY_PROTOCOL
};
static const char *const headers[] = {"X-Forwarded-For", "Forwarded", "proxy_protocol", NULL};

struct conf {
    weir_list from; /* of weir_str */
    uint32_t header;
    /* made by check and commit */
    struct cidr_rule *rules;
    size_t rule_n;
    struct cidr_set networks;
    bool trusts_unix;
};

/* Of a request. */
struct state {
    const struct conf *conf; /* by which the client was looked for before; NULL: nobody has */
    bool is_settled;
    weir_str proto;          /* what a trusted proxy says of the client's connection */
    weir_str chain;          /* the client and the trusted proxies, as X-Forwarded-For has them */
};

static const weir_opt opts[] = {
    {.name = "from",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct conf, from),
     .doc = "Networks and addresses of proxies that are believed; \"unix:\" for unix sockets.",
     .example = "[ \"10.0.0.0/8\" ]"},
    {.name = "header",
     .type = WEIR_T_ENUM,
     .names = headers,
     .offset = offsetof(struct conf, header),
     .dflt = "X-Forwarded-For",
     .doc = "Where they say it; what stands in the others is dropped."},
};

/* ---- trust ---- */

/* Of "1.2.3.4", "1.2.3.4:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static weir_str without_port(weir_str text)
{
    const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;

    if (text.n && text.p[0] == '[') {
        const char *end = memchr(text.p, ']', text.n);

        return end ? (weir_str){text.p + 1, (size_t)(end - text.p) - 1} : (weir_str){0};
    }
    if (colon && !memchr(colon + 1, ':', text.n - (size_t)(colon + 1 - text.p))) {
        text.n = (size_t)(colon - text.p);
    }
    return text;
}

static bool parse_address(weir_str text, struct cidr *out)
{
    return cidr_parse_address(without_port(text), out);
}

static bool is_trusted(const struct conf *conf, weir_str addr)
{
    struct cidr cidr;

    if (addr.n >= 5 && memcmp(addr.p, "unix:", 5) == 0) {
        return conf->trusts_unix;
    }
    return parse_address(addr, &cidr) && cidr_set_find(&conf->networks, &cidr);
}

/* ---- PROXY ---- */

static weir_rc on_preread(weir_conn *conn, const void *conf_)
{
    const struct conf *conf = conf_;
    weir_str addr = weir_conn_addr(conn), bytes;
    struct proxy_header header;

    if (conf->header != BY_PROXY_PROTOCOL || !is_trusted(conf, addr)) {
        return WEIR_NEXT;
    }
    weir_rc rc = weir_conn_preread(conn, &bytes);
    if (rc != WEIR_NEXT) {
        return rc;
    }
    switch (proxy_header_parse(bytes, &header)) {
    case PROXY_HEADER_MORE:
        return WEIR_WANT_READ;
    case PROXY_HEADER_BAD:
        weir_log(WEIR_LOG_WARN, NULL,
                 "[client %.*s] realip: a trusted proxy's connection does not begin with the PROXY "
                 "protocol: let it send that, or take its address out of realip.from",
                 (int)addr.n, addr.p);
        return WEIR_HANDLED;
    case PROXY_HEADER_ADDR:
        if (weir_conn_set_addr(conn, (weir_str){header.addr, header.addr_n}) != WEIR_OK) {
            return WEIR_HANDLED;
        }
        break;
    case PROXY_HEADER_OWN:
        break;
    }
    return weir_conn_consume(conn, header.used);
}

/* ---- fields ---- */

static void read_hops(const weir_req *req, const struct conf *conf, struct hops *hops)
{
    uint32_t wanted = conf->header == BY_FORWARDED ? WEIR_F_FORWARDED : WEIR_F_X_FORWARDED_FOR;
    weir_field field;

    hops->n = 0;
    for (size_t i = 0; weir_fields(req, WEIR_REQUEST, &field, 1, i) == 1; i++) {
        if (field.id != wanted) {
            continue;
        }
        if (conf->header == BY_FORWARDED) {
            hops_add_forwarded(hops, field.value);
        } else {
            hops_add_x_forwarded_for(hops, field.value);
        }
    }
}

/* The first from the right that is not trusted, or the last before something that is no address.
 * NULL: there is none. */
static const struct hop *find_client(const struct conf *conf, const struct hops *hops)
{
    const struct hop *client = NULL;
    struct cidr cidr;

    for (size_t i = hops->n; i-- > 0;) {
        if (!parse_address(hops->list[i].addr, &cidr)) {
            break;
        }
        client = &hops->list[i];
        if (!is_trusted(conf, client->addr)) {
            break;
        }
    }
    return client;
}

/* From now on nobody meets what was said of the client, but for what was believed. */
static void drop_fields(weir_req *req)
{
    static const uint32_t ids[] = {WEIR_F_X_FORWARDED_FOR, WEIR_F_X_FORWARDED_PROTO,
                                   WEIR_F_X_FORWARDED_HOST, WEIR_F_X_REAL_IP, WEIR_F_FORWARDED};

    for (size_t i = 0; i < WEIR_COUNT(ids); i++) {
        weir_edit_known(req, WEIR_REQUEST, WEIR_REMOVE, ids[i], WEIR_STR(""));
    }
}

static weir_str believed_proto(const weir_req *req, const struct conf *conf, const struct hop *hop)
{
    weir_str proto = hop->proto;

    if (conf->header == BY_X_FORWARDED_FOR) {
        weir_field_get(req, WEIR_REQUEST, WEIR_F_X_FORWARDED_PROTO, &proto);
    }
    bool is_known = (proto.n == 4 && memcmp(proto.p, "http", 4) == 0) ||
                    (proto.n == 5 && memcmp(proto.p, "https", 5) == 0);
    return is_known ? proto : (weir_str){0};
}

/* "client, proxy, proxy": what is believed of the hops, and the last one, which weir sees itself. */
static weir_str make_chain(weir_req *req, const struct hops *hops, const struct hop *client)
{
    weir_str peer = weir_conn_addr(weir_conn_of(req));
    size_t n = peer.n;
    struct cidr cidr;

    for (const struct hop *hop = client; hop < hops->list + hops->n; hop++) {
        n += hop->addr.n + 2;
    }
    char *text = weir_alloc(req, n), *at = text;
    for (const struct hop *hop = client; hop < hops->list + hops->n; hop++) {
        memcpy(at, hop->addr.p, hop->addr.n);
        memcpy(at + hop->addr.n, ", ", 2);
        at += hop->addr.n + 2;
    }
    if (!parse_address(peer, &cidr)) {
        return (weir_str){text, (size_t)(at - text) - 2}; /* it came by a unix socket */
    }
    peer = without_port(peer);
    memcpy(at, peer.p, peer.n);
    return (weir_str){text, (size_t)(at - text) + peer.n};
}

static void believe(weir_req *req, const struct conf *conf, struct state *state)
{
    struct hops hops;

    if (conf->header == BY_PROXY_PROTOCOL || !is_trusted(conf, weir_conn_addr(weir_conn_of(req)))) {
        return;
    }
    read_hops(req, conf, &hops);
    const struct hop *client = find_client(conf, &hops);
    if (client && weir_set_client_addr(req, client->addr) == WEIR_OK) {
        state->proto = believed_proto(req, conf, client);
        state->chain = make_chain(req, &hops, client);
    }
}

/* Before a site is chosen: by the top level's settings. */
static weir_rc on_start(weir_req *req, const void *conf)
{
    struct state *state = weir_ctx(req);

    state->conf = conf;
    believe(req, conf, state);
    return WEIR_NEXT;
}

/* By the site's, if those are others. */
static weir_rc on_rewrite(weir_req *req, const void *conf)
{
    struct state *state = weir_ctx(req);

    if (state->is_settled) {
        return WEIR_NEXT; /* it was sent to another route */
    }
    state->is_settled = true;
    if (state->conf && state->conf != conf) {
        state->proto = state->chain = (weir_str){0};
        weir_set_client_addr(req, weir_conn_addr(weir_conn_of(req)));
    }
    if (state->conf != conf) {
        believe(req, conf, state);
    }
    drop_fields(req);
    if (state->chain.n) {
        weir_edit_known(req, WEIR_REQUEST, WEIR_SET, WEIR_F_X_FORWARDED_FOR, state->chain);
    }
    if (state->proto.n) {
        weir_edit_known(req, WEIR_REQUEST, WEIR_SET, WEIR_F_X_FORWARDED_PROTO, state->proto);
    }
    return WEIR_NEXT;
}

/* ---- configuration ---- */

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    const weir_str *from = conf->from.items;

    conf->rules = weir_cfg_alloc(cfg, (conf->from.n + 1) * sizeof(*conf->rules));
    conf->rule_n = 0;
    for (size_t i = 0; i < conf->from.n; i++) {
        struct cidr_rule *rule = &conf->rules[conf->rule_n];
        bool stray;

        if (from[i].n == 5 && memcmp(from[i].p, "unix:", 5) == 0) {
            conf->trusts_unix = true;
        } else if (cidr_parse(from[i], &rule->cidr, &stray)) {
            rule->says = 1;
            conf->rule_n++;
        } else {
            weir_cfg_error(cfg, "from", "\"%.*s\": %s", (int)from[i].n, from[i].p,
                           stray ? "it has bits behind its prefix: write the network's first address, "
                                   "or a longer prefix"
                                 : "expected an address, a network such as \"10.0.0.0/8\", or "
                                   "\"unix:\"");
        }
    }
}

static void *alloc(void *cfg, size_t size)
{
    return weir_cfg_alloc(cfg, size);
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    cidr_set_build(&conf->networks, conf->rules, conf->rule_n, alloc, cfg);
}

static const weir_hook hooks[] = {
    {.phase = WEIR_CONN_PREREAD, .stage = -2, .conn_fn = on_preread},
    {.phase = WEIR_REQ_START, .stage = -2, .fn = on_start},
    {.phase = WEIR_REQ_REWRITE, .stage = -2, .fn = on_rewrite},
};

static const weir_module module = {
    WEIR_MODULE_HEAD("realip", "0.1"),
    .doc = "Finds out who the client is behind trusted proxies.",
    .flags = WEIR_MODULE_TOP_ENABLES | WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_TOP | WEIR_S_SITE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .check = check,
    .commit = commit,
};

WEIR_MODULE(realip, 3, "", module)
