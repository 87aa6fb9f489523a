/* SPDX-License-Identifier: Apache-2.0 */
/* mirror - sends copies of requests to another upstream as well, and ignores what that answers. An
 * example of a filter for the bodies of requests.
 *
 * A body is copied as it passes, up to a limit, and the copy leaves once it is complete: so nothing
 * about the copy can hold the request up, and half a request is never sent. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weir/module.h>
#include <weir/accept.h>
#include <weir/share.h>

#define TELL_MS 10000 /* between two lines of the log about copies that got lost */

/* What becomes of a copy. */
enum result {
    SENT,   /* and answered, in whatever way */
    FAILED, /* nobody has answered */
    BUSY,   /* there were too many under way */
    LARGE,  /* its body is over the limit */
    CUT,    /* the request's body did not come to its end */
    RESULTS
};

struct conf {
    weir_str to;
    weir_str share_text;
    uint64_t max_body;
    int64_t copies;
    uint64_t timeout_ms;
    /* made by check and commit */
    uint64_t share;
    weir_forward_conf forward;
    weir_str prefix;           /* the path in `to`, put before what is sent */
    uint32_t results[RESULTS]; /* metrics */
};

/* Of a request whose body is copied. */
struct state {
    const struct conf *conf;
    char *body;
    size_t n, room;
    bool is_taken; /* by the filter: nothing is left to do in on_lookup() */
    bool is_held;  /* counted in `under_way` */
};

/* A copy that was sent, with what its target and Host are in. */
struct copy {
    const struct conf *conf;
    char text[];
};

/* Of this worker. */
static uint32_t under_way; /* copies, and bodies that are collected for one */
static uint64_t lost;      /* since the last line about it */
static uint64_t told_ms;

static const weir_opt opts[] = {
    {.name = "to",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct conf, to),
     .doc = "Where copies go: an upstream's name or a host, as a URL.",
     .example = "\"http://127.0.0.1:9000\""},
    {.name = "share",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, share_text),
     .dflt = "100%",
     .doc = "The part of requests that is copied.",
     .example = "\"5%\""},
    {.name = "max_body",
     .type = WEIR_T_SIZE,
     .offset = offsetof(struct conf, max_body),
     .dflt = "1m",
     .doc = "Requests with a larger body are not copied."},
    {.name = "copies",
     .type = WEIR_T_INT,
     .offset = offsetof(struct conf, copies),
     .dflt = "64",
     .min = 1,
     .max = 100000,
     .doc = "Copies under way in a worker; while there are as many, requests are not copied."},
    {.name = "timeout",
     .type = WEIR_T_DURATION,
     .offset = offsetof(struct conf, timeout_ms),
     .dflt = "10s",
     .min = 1,
     .doc = "Time for a copy, its answer included."},
};

/* ---- what becomes of copies ---- */

static void count(const struct conf *conf, enum result result, weir_str why)
{
    weir_metric_add(conf->results[result], 1);
    if (result == SENT || result == CUT) {
        return; /* as it should be; and a client that left is no concern of the target's */
    }
    lost++;
    if (told_ms && weir_now_ms() - told_ms < TELL_MS) {
        return;
    }
    weir_log(WEIR_LOG_WARN, NULL, "mirror: copies for %.*s that got lost: %llu, the last one: %.*s",
             (int)conf->to.n, conf->to.p, (unsigned long long)lost, (int)why.n, why.n ? why.p : "");
    lost = 0;
    told_ms = weir_now_ms();
}

static bool take_place(const struct conf *conf)
{
    if (under_way >= (uint64_t)conf->copies) {
        count(conf, BUSY, WEIR_STR("as many as `copies` are under way"));
        return false;
    }
    under_way++;
    return true;
}

static void on_answer(void *arg, const weir_fetch_answer *answer)
{
    struct copy *copy = arg;

    under_way--;
    count(copy->conf, answer->status ? SENT : FAILED, answer->detail);
    free(copy);
}

/* ---- the copy ---- */

static bool is_named_by_connection(const weir_req *req, weir_str name)
{
    weir_str list;

    weir_field_get(req, WEIR_REQUEST, WEIR_F_CONNECTION, &list);
    while (list.p) {
        weir_str word = weir_list_cut(&list, ',');

        if (word.n == name.n && strncasecmp(word.p, name.p, name.n) == 0) {
            return true;
        }
    }
    return false;
}

/* What belongs to the client's connection, and what weir says itself. */
static bool is_left_out(const weir_req *req, const weir_field *field)
{
    switch (field->id) {
    case WEIR_F_HOST:
    case WEIR_F_CONTENT_LENGTH:
    case WEIR_F_EXPECT:
        return true;
    case WEIR_F_AUTHORIZATION:
    case WEIR_F_COOKIE:
        return false;
    case WEIR_F_X_FORWARDED_FOR:
    case WEIR_F_X_REAL_IP:
    case WEIR_F_X_FORWARDED_PROTO:
    case WEIR_F_X_FORWARDED_HOST:
        return !(field->flags & WEIR_FIELD_RULE);
    default:
        return !(field->flags & WEIR_FIELD_RULE) && is_named_by_connection(req, field->name);
    }
}

static const weir_field *make_fields(weir_req *req, uint32_t *n)
{
    const weir_str addr = weir_get(req, WEIR_GET_CLIENT_ADDR);
    const weir_field own[] = {
        {WEIR_STR("X-Forwarded-For"), addr, WEIR_F_X_FORWARDED_FOR, 0},
        {WEIR_STR("X-Real-IP"), addr, WEIR_F_X_REAL_IP, 0},
        {WEIR_STR("X-Forwarded-Proto"), weir_get(req, WEIR_GET_SCHEME), WEIR_F_X_FORWARDED_PROTO,
         0},
        {WEIR_STR("X-Forwarded-Host"), weir_get(req, WEIR_GET_AUTHORITY), WEIR_F_X_FORWARDED_HOST,
         0},
    };
    size_t total = 0;
    weir_field field;

    while (weir_fields(req, WEIR_REQUEST, &field, 1, total) == 1) {
        total++;
    }
    weir_field *fields = weir_alloc(req, (total + WEIR_COUNT(own)) * sizeof(*fields));
    *n = 0;
    for (size_t i = 0; i < total; i++) {
        weir_fields(req, WEIR_REQUEST, &field, 1, i);
        if (!is_left_out(req, &field)) {
            fields[(*n)++] = field;
        }
    }
    for (size_t i = 0; i < WEIR_COUNT(own); i++) {
        if (!weir_field_ruled(req, own[i].id).p) {
            fields[(*n)++] = own[i];
        }
    }
    return fields;
}

static weir_str put(char **at, weir_str a, weir_str b)
{
    char *text = *at;

    if (a.n) {
        memcpy(text, a.p, a.n);
    }
    if (b.n) {
        memcpy(text + a.n, b.p, b.n);
    }
    *at += a.n + b.n;
    return (weir_str){text, a.n + b.n};
}

/* Sends it off; its place among those under way is given back when it is answered. */
static void send_copy(weir_req *req, const struct conf *conf, weir_str body)
{
    const weir_str none = {NULL, 0}, target = weir_get(req, WEIR_GET_TARGET);
    weir_str host = weir_field_ruled(req, WEIR_F_HOST);
    weir_forward_conf forward = conf->forward;
    weir_fetch_conf fetch = {.size = sizeof(fetch),
                             .forward = &forward,
                             .req = req,
                             .method = weir_get(req, WEIR_GET_METHOD),
                             .body = body,
                             .is_quiet = true};

    if (!host.p) {
        host = weir_get(req, WEIR_GET_AUTHORITY);
    }
    struct copy *copy = malloc(sizeof(*copy) + conf->prefix.n + target.n + host.n);
    if (!copy) {
        under_way--;
        count(conf, FAILED, WEIR_STR("no memory"));
        return;
    }
    char *at = copy->text;
    copy->conf = conf;
    forward.target = put(&at, conf->prefix, target);
    forward.host = put(&at, host, none);
    fetch.fields = make_fields(req, &fetch.field_n);
    weir_fetch_start(&fetch, on_answer, copy);
}

static bool is_wanted(weir_req *req, const struct conf *conf)
{
    return !weir_is_background(req) && weir_share_has(conf->share, weir_get(req, WEIR_GET_ID));
}

/* ---- with a body: a filter ---- */

static void drop(struct state *state)
{
    free(state->body);
    state->body = NULL;
    if (state->is_held) {
        state->is_held = false;
        under_way--;
    }
}

static weir_rc open_filter(weir_req *req, const void *conf_, void **filter)
{
    const struct conf *conf = conf_;

    if (!is_wanted(req, conf)) {
        return WEIR_NEXT;
    }
    struct state *state = weir_ctx(req);
    state->is_taken = true;
    if (!take_place(conf)) {
        return WEIR_NEXT;
    }
    state->conf = conf;
    state->is_held = true;
    *filter = state;
    return WEIR_DONE;
}

static bool keep(struct state *state, weir_str bytes)
{
    if (state->n + bytes.n > state->conf->max_body) {
        count(state->conf, LARGE, WEIR_STR("a body is larger than `max_body`"));
        return false;
    }
    if (state->n + bytes.n > state->room) {
        size_t room = 2 * (state->n + bytes.n);
        char *body = realloc(state->body, room);

        if (!body) {
            count(state->conf, FAILED, WEIR_STR("no memory"));
            return false;
        }
        state->body = body;
        state->room = room;
    }
    memcpy(state->body + state->n, bytes.p, bytes.n);
    state->n += bytes.n;
    return true;
}

/* Everything passes; what of it is a copy's is kept. */
static weir_rc run(weir_req *req, void *filter, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct state *state = filter;
    weir_str bytes;

    while (state->is_held && weir_chain_first(in, &bytes)) {
        if (weir_chain_room(out) == 0) {
            return WEIR_MORE;
        }
        if (!keep(state, bytes)) {
            drop(state);
            break;
        }
        weir_chain_move(out, in, bytes.n);
    }
    weir_chain_move(out, in, UINT64_MAX);
    if (flags & WEIR_IN_END && state->is_held) {
        state->is_held = false; /* its place is the copy's now */
        send_copy(req, state->conf, (weir_str){state->body, state->n});
        drop(state);
    }
    return WEIR_OK;
}

static void close_filter(weir_req *req, void *filter)
{
    struct state *state = filter;

    (void)req;
    if (state->is_held) {
        count(state->conf, CUT, WEIR_STR(""));
    }
    drop(state);
}

/* ---- without one ---- */

/* Filters of bodies have been opened by now, where there is one. */
static weir_rc on_lookup(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    const struct state *state = weir_ctx(req);

    if (!state->is_taken && is_wanted(req, conf) && take_place(conf)) {
        send_copy(req, conf, (weir_str){NULL, 0});
    }
    return WEIR_NEXT;
}

/* ---- configuration ---- */

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    if (!weir_share_parse(conf->share_text, &conf->share)) {
        weir_cfg_error(cfg, "share", "\"%s\": expected a percentage such as \"5%%\"",
                       conf->share_text.p);
    }
}

static void commit(weir_cfg *cfg, void *conf_)
{
    static const char *const labels[RESULTS] = {"result=\"sent\"", "result=\"failed\"",
                                                "result=\"busy\"", "result=\"large\"",
                                                "result=\"cut\""};
    struct conf *conf = conf_;
    const weir_upstream *upstream = weir_cfg_upstream(cfg, "to", conf->to, &conf->prefix);

    if (!upstream) {
        return;
    }
    while (conf->prefix.n && conf->prefix.p[conf->prefix.n - 1] == '/') {
        conf->prefix.n--;
    }
    conf->forward = (weir_forward_conf){
        .size = sizeof(conf->forward),
        .upstream = upstream,
        .connect_timeout_ms = conf->timeout_ms,
        .send_timeout_ms = conf->timeout_ms,
        .read_timeout_ms = conf->timeout_ms,
        .deadline_ms = conf->timeout_ms,
        .buffer_head = 65536,
        .tls = weir_cfg_tls_for(cfg, "to", conf->to),
    };
    for (size_t i = 0; i < RESULTS; i++) {
        conf->results[i] = weir_cfg_metric(cfg, "copies_total", WEIR_METRIC_COUNTER, labels[i],
                                           "Copies of requests, by what became of them.");
    }
}

static const weir_filter_ops filter_ops = {
    .size = sizeof(filter_ops),
    .stage = WEIR_FILTER_CAPTURE,
    .props = WEIR_FILTER_READONLY,
    .name = "mirror",
    .side = WEIR_REQUEST,
    .open = open_filter,
    .run = run,
    .close = close_filter,
};
static const weir_filter_ops *const filters[] = {&filter_ops, NULL};
static const weir_hook hooks[] = {{.phase = WEIR_REQ_LOOKUP, .stage = -2, .fn = on_lookup}};

static const weir_module module = {
    WEIR_MODULE_HEAD("mirror", "1.0"),
    .doc = "Sends copies of requests to another upstream as well.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .check = check,
    .commit = commit,
    .filters = filters,
};

WEIR_MODULE(mirror, 3, "filter", module)
