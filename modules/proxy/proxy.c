/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.c - hands requests to an upstream: which one, with which path, and what it is told about
 * the client. Connections, retries and bodies are the host's. */
#include <string.h>

#include <weir/module.h>

#define FORWARDED_FIELDS 4

struct proxy_tls {
    bool verify;
    weir_str ca, name, certificate, key;
};

struct proxy_conf {
    weir_str to;
    const weir_template *host;
    weir_str strip_prefix, add_prefix;
    bool forwarded, websocket, buffering, request_buffering, retry, accel_redirect;
    uint64_t connect_timeout_ms, send_timeout_ms, read_timeout_ms, deadline_ms, tunnel_timeout_ms;
    uint64_t buffer_head, buffer_body, buffer_file;
    struct proxy_tls tls;
    /* made by commit */
    const weir_upstream *upstream;
    weir_str prefix;      /* the path in `to`, put before what is sent */
    weir_forward_conf base;
    bool is_simple;       /* nothing depends on the request: `base` serves as it is */
};

#define OPT(name_, type_, default_, doc_)                                                          \
    {.name = #name_, .type = (type_), .offset = offsetof(struct proxy_conf, name_),                \
     .dflt = (default_), .doc = (doc_)}
#define OPT_MS(name_, default_, doc_)                                                              \
    {.name = #name_, .type = WEIR_T_DURATION, .offset = offsetof(struct proxy_conf, name_##_ms),   \
     .dflt = (default_), .doc = (doc_)}

#define TLS(name_, type_, default_, doc_)                                                          \
    {.name = #name_, .type = (type_), .offset = offsetof(struct proxy_tls, name_),                 \
     .dflt = (default_), .doc = (doc_)}

static const weir_opt tls_options[] = {
    TLS(verify, WEIR_T_BOOL, "true", "Checks the backend's certificate and its name."),
    TLS(ca, WEIR_T_PATH, NULL, "File with the certificates to trust; absent: the system's."),
    TLS(name, WEIR_T_STR, NULL, "The name in the certificate, and for SNI; absent: the URL's."),
    TLS(certificate, WEIR_T_PATH, NULL, "File with weir's own certificate, if backends ask."),
    TLS(key, WEIR_T_PATH, NULL, "File with its key."),
};

static const weir_opt options[] = {
    {.name = "to",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct proxy_conf, to),
     .doc = "Where requests go: an upstream's name or a host, as a URL.",
     .example = "\"http://127.0.0.1:3000\""},
    OPT_MS(connect_timeout, "10s", "Time for a connection to a peer."),
    OPT_MS(send_timeout, "60s", "Time between two writes to a peer."),
    OPT_MS(read_timeout, "60s", "Time between two reads from a peer."),
    OPT_MS(deadline, NULL, "Time for the whole exchange, retries included; absent: none."),
    OPT_MS(tunnel_timeout, "1h", "Idle time of an upgraded connection, such as a WebSocket."),
    OPT(buffering, WEIR_T_BOOL, "true",
        "Takes a response off the peer as fast as it comes, even if the client is slower."),
    OPT(buffer_head, WEIR_T_SIZE, "64k", "Largest head of a response."),
    OPT(buffer_body, WEIR_T_SIZE, "256k", "Bytes of a response held in memory for a slow client."),
    OPT(buffer_file, WEIR_T_SIZE, "1g", "Further bytes held in a temporary file."),
    OPT(request_buffering, WEIR_T_BOOL, "false",
        "Takes the whole request body before a peer is asked."),
    OPT(forwarded, WEIR_T_BOOL, "true",
        "Sends X-Forwarded-For, -Proto, -Host and X-Real-IP as weir knows them."),
    OPT(websocket, WEIR_T_BOOL, "true", "Passes protocol upgrades on."),
    OPT(host, WEIR_T_TEMPLATE, NULL, "The Host to send; absent: as the client sent it."),
    OPT(strip_prefix, WEIR_T_STR, NULL, "Path segments cut off the front of the path."),
    OPT(add_prefix, WEIR_T_STR, NULL, "Path segments put in front of the path."),
    OPT(retry, WEIR_T_BOOL, "true", "Tries the next peer when one gave no answer."),
    OPT(accel_redirect, WEIR_T_BOOL, "false",
        "An answer with X-Accel-Redirect leads to an `internal` route, which makes the answer."),
    {.name = "tls",
     .type = WEIR_T_GROUP,
     .offset = offsetof(struct proxy_conf, tls),
     .sub = tls_options,
     .sub_n = WEIR_COUNT(tls_options),
     .doc = "For https:// and h2s:// backends."},
};

/* ---- the target ---- */

static bool has_segments(weir_str path, weir_str prefix)
{
    size_t n = prefix.n;

    while (n > 0 && prefix.p[n - 1] == '/') {
        n--;
    }
    return path.n >= n && memcmp(path.p, prefix.p, n) == 0 &&
           (path.n == n || path.p[n] == '/');
}

static char *put(char *at, weir_str s)
{
    if (s.n) {
        memcpy(at, s.p, s.n);
    }
    return at + s.n;
}

/* prefix of `to` + add_prefix + (path without strip_prefix) + query */
static weir_str make_target(weir_req *req, const struct proxy_conf *conf)
{
    weir_str target = weir_get(req, WEIR_GET_TARGET);
    weir_str path = weir_get(req, WEIR_GET_RAW_PATH);
    weir_str tail = {path.p + path.n, target.n - path.n}; /* '?' and the query */

    if (conf->strip_prefix.n && has_segments(weir_get(req, WEIR_GET_PATH), conf->strip_prefix)) {
        path = weir_strip_prefix(path, conf->strip_prefix);
    }
    bool needs_slash = path.n == 0 || path.p[0] != '/';
    char *text = (char *)weir_alloc(req, conf->prefix.n + conf->add_prefix.n + target.n + 2);
    char *at = put(put(text, conf->prefix), conf->add_prefix);
    if (needs_slash) {
        *at++ = '/';
    }
    at = put(put(at, path), tail);
    return (weir_str){text, (size_t)(at - text)};
}

/* ---- what the peer is told about the client ---- */

static void set_forwarded(weir_field *field, weir_req *req, uint32_t id, weir_str name,
                          weir_str value)
{
    /* A rule of the admin's has the last word; what the client sent has none. */
    weir_str ruled = weir_field_ruled(req, id);

    *field = (weir_field){
        .name = name, .value = ruled.p ? ruled : value, .id = id, .flags = WEIR_FIELD_RULE};
}

static uint32_t add_forwarded(weir_req *req, weir_field *fields)
{
    weir_str addr = weir_get(req, WEIR_GET_CLIENT_ADDR);

    set_forwarded(&fields[0], req, WEIR_F_X_FORWARDED_FOR, WEIR_STR("X-Forwarded-For"), addr);
    set_forwarded(&fields[1], req, WEIR_F_X_REAL_IP, WEIR_STR("X-Real-IP"), addr);
    set_forwarded(&fields[2], req, WEIR_F_X_FORWARDED_PROTO, WEIR_STR("X-Forwarded-Proto"),
                  weir_get(req, WEIR_GET_SCHEME));
    set_forwarded(&fields[3], req, WEIR_F_X_FORWARDED_HOST, WEIR_STR("X-Forwarded-Host"),
                  weir_get(req, WEIR_GET_AUTHORITY));
    return FORWARDED_FIELDS;
}

static weir_rc start(weir_req *req, const void *conf_)
{
    const struct proxy_conf *conf = (const struct proxy_conf *)conf_;

    if (conf->is_simple) {
        return weir_forward(req, &conf->base);
    }
    weir_forward_conf *forward = (weir_forward_conf *)weir_alloc(req, sizeof(*forward));
    *forward = conf->base;
    if (conf->prefix.n || conf->add_prefix.n || conf->strip_prefix.n) {
        forward->target = make_target(req, conf);
    }
    weir_eval(req, conf->host, &forward->host);
    if (conf->forwarded) {
        weir_field *fields = (weir_field *)weir_alloc(req, FORWARDED_FIELDS * sizeof(*fields));

        forward->field_n = add_forwarded(req, fields);
        forward->fields = fields;
    }
    return weir_forward(req, forward);
}

/* ---- configuration ---- */

static void check_prefix(weir_cfg *cfg, const char *name, weir_str prefix)
{
    if (prefix.n && prefix.p[0] != '/') {
        weir_cfg_error(cfg, name, "\"%.*s\" must begin with '/'", (int)prefix.n, prefix.p);
    }
}

static weir_str without_last_slash(weir_str s)
{
    while (s.n && s.p[s.n - 1] == '/') {
        s.n--;
    }
    return s;
}

static void check(weir_cfg *cfg, void *conf_)
{
    struct proxy_conf *conf = (struct proxy_conf *)conf_;

    check_prefix(cfg, "strip_prefix", conf->strip_prefix);
    check_prefix(cfg, "add_prefix", conf->add_prefix);
    if (conf->buffer_head < 1024) {
        weir_cfg_error(cfg, "buffer_head", "heads of less than 1k are too small for real answers");
    }
}

static bool begins_with(weir_str s, weir_str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

static const void *tls_settings(weir_cfg *cfg, const struct proxy_conf *conf)
{
    bool is_h2 = begins_with(conf->to, WEIR_STR("h2s://"));
    const weir_tls_client client = {
        .size = sizeof(client),
        .verify = conf->tls.verify,
        .ca = conf->tls.ca,
        .name = conf->tls.name,
        .certificate = conf->tls.certificate,
        .key = conf->tls.key,
        .protocols = is_h2 ? WEIR_STR("\x02h2") : WEIR_STR(""),
    };

    return is_h2 || begins_with(conf->to, WEIR_STR("https://")) ? weir_cfg_tls_client(cfg, "to", &client) : NULL;
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct proxy_conf *conf = (struct proxy_conf *)conf_;

    conf->upstream = weir_cfg_upstream(cfg, "to", conf->to, &conf->prefix);
    if (!conf->upstream) {
        return;
    }
    conf->add_prefix = without_last_slash(conf->add_prefix);
    conf->base = (weir_forward_conf){
        .size = sizeof(conf->base),
        .upstream = conf->upstream,
        .buffering = conf->buffering,
        .request_buffering = conf->request_buffering,
        .websocket = conf->websocket,
        .retry = conf->retry,
        .accel_redirect = conf->accel_redirect,
        .connect_timeout_ms = conf->connect_timeout_ms,
        .send_timeout_ms = conf->send_timeout_ms,
        .read_timeout_ms = conf->read_timeout_ms,
        .deadline_ms = conf->deadline_ms,
        .tunnel_timeout_ms = conf->tunnel_timeout_ms,
        .buffer_head = conf->buffer_head,
        .buffer_body = conf->buffer_body,
        .buffer_file = conf->buffer_file,
        .tls = tls_settings(cfg, conf),
    };
    conf->is_simple = !conf->forwarded && !conf->host && conf->prefix.n == 0 &&
                      conf->add_prefix.n == 0 && conf->strip_prefix.n == 0;
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("proxy", "0.1"),
    .doc = "Hands requests to backends and passes their answers on.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct proxy_conf),
    .check = check,
    .commit = commit,
    .handler = &handler,
};

WEIR_MODULE(proxy, 2, "handler", module)
