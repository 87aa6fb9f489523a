/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - the life of a request, phase by phase, and what may go wrong in it. */
#include "kit.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TURNS_MAX 1000
#define BODY_MAX 400

unsigned filters_opened;

static const struct {
    weir_phase phase;
    const char *name;
    bool waits, decides; /* AGAIN, HANDLED are right */
} phases[] = {
    {WEIR_REQ_START, "start", false, true},         {WEIR_REQ_REWRITE, "rewrite", true, true},
    {WEIR_REQ_LIMIT, "limit", true, true},          {WEIR_REQ_ACCESS, "access", true, true},
    {WEIR_REQ_PREPARE, "prepare", false, true},     {WEIR_REQ_LOOKUP, "lookup", true, true},
    {WEIR_UP_RESPONSE, "up_response", false, true}, {WEIR_RES_START, "res_start", true, false},
    {WEIR_RES_HEADERS, "res_headers", true, false}, {WEIR_LOG, "log", false, false},
    {WEIR_REQ_END, "req_end", false, false},
};

static const char *where(const char *what, const char *name)
{
    static char text[128];

    snprintf(text, sizeof(text), "%s %s:", what, name);
    return text;
}

/* ---- making and ending ---- */

static void add_field(struct weir_req *req, weir_side side, uint32_t id, const char *name,
                      const char *value)
{
    req->fields[side][req->field_n[side]++] =
        (weir_field){.name = {name, strlen(name)}, .value = {value, strlen(value)}, .id = id};
}

static struct weir_req *request_make(void)
{
    static const char *const methods[] = {"GET", "GET", "HEAD", "POST", "OPTIONS"};
    static const char *const targets[] = {
        "/",      "/a/b?c=d", "/%2e%2e/x?",
        "/a%20b", "*",        "/very/long/path/that/goes/on/and/on?q=1&r=2"};
    struct weir_req *req = guard_alloc(sizeof(*req), "a request");

    req->method = WEIR_STR("");
    req->method.p = methods[pick(WEIR_COUNT(methods))];
    req->method.n = strlen(req->method.p);
    req->target.p = targets[pick(WEIR_COUNT(targets))];
    req->target.n = strlen(req->target.p);
    req->host = pick(4) ? WEIR_STR("kit.test") : WEIR_STR("");
    if (req->host.n) {
        add_field(req, WEIR_REQUEST, WEIR_F_HOST, "Host", "kit.test");
    }
    if (pick(2)) {
        add_field(req, WEIR_REQUEST, WEIR_F_ACCEPT_ENCODING, "Accept-Encoding", "gzip, br, zstd");
        add_field(req, WEIR_REQUEST, WEIR_F_COOKIE, "Cookie", pick(2) ? "a=b; c=d" : "");
        add_field(req, WEIR_REQUEST, WEIR_FIELD_OTHER, "X-Key", "1");
    }
    if (pick(4) == 0) {
        add_field(req, WEIR_REQUEST, WEIR_F_AUTHORIZATION, "Authorization",
                  pick(2) ? "Basic eDp5" : "Basic");
        add_field(req, WEIR_REQUEST, WEIR_F_RANGE, "Range", "bytes=1-2");
    }
    req->length = -1;
    return req;
}

/* Everything that was lent goes: touching it later is found out. */
static void request_end(struct weir_req *req)
{
    if (req->token && !req->resumed && req->on_cancel) {
        module_enter("on_cancel()");
        req->on_cancel(req->cancel_arg);
        module_leave();
    }
    req->token = 0;
    if (req->end) {
        module_enter("end() of the answer");
        req->end(req, req->pull_state);
        module_leave();
    }
    if (req->ctx && kit_module->ctx_free) {
        module_enter("ctx_free()");
        kit_module->ctx_free(req->ctx);
        module_leave();
    }
    chain_free(&req->body);
    req->ended = true;
    current = NULL;
    for (unsigned i = 0; i < req->memory_n; i++) {
        guard_retire(req->memory[i]);
    }
    if (req->ctx) {
        guard_retire(req->ctx);
    }
    guard_retire(req);
    while (loop_timers() && loop_turn()) { /* what goes on now has a stale token */
    }
}

/* ---- hooks ---- */

enum way { WAY_ON, WAY_GONE };

/* The hook has suspended the request. WAY_GONE: the client has left. */
static enum way wait_for(struct weir_req *req, const char *phase, weir_rc *rc)
{
    enum fate fate = ++kit_suspensions == plan.suspension ? plan.fate : FATE_RESUME;
    unsigned turns = 0;

    if (fate == FATE_CANCEL) {
        return WAY_GONE;
    }
    while (fate == FATE_RESUME && !req->resumed && turns++ < TURNS_MAX && loop_turn()) {
    }
    if (fate == FATE_RESUME && !req->resumed) {
        module_enter(where("phase", phase));
        fault(
            "suspends the request, and nothing that it waits for resumes it: somebody has to call "
            "weir_resume(token, ...), as does the timer, fetch, watch or done() that is waited "
            "for; "
            "now each request ends at its deadline of %u ms",
            req->deadline_ms);
    }
    if (req->resumed) {
        *rc = req->outcome;
    } else {
        if (req->on_cancel) {
            module_enter("on_cancel()");
            req->on_cancel(req->cancel_arg);
            module_leave();
        }
        *rc = WEIR_ERROR;
    }
    req->token = 0;
    current = NULL;
    return WAY_ON;
}

static void judge(const struct weir_req *req, size_t phase, weir_rc rc)
{
    module_enter(where("phase", phases[phase].name));
    if (rc == WEIR_AGAIN && !req->token) {
        fault("returns WEIR_AGAIN without having called weir_suspend()%s",
              phases[phase].waits ? "" : "; and this phase does not wait");
    }
    if (rc != WEIR_AGAIN && req->token) {
        fault("has called weir_suspend(), and returns %d: it has to return WEIR_AGAIN", (int)rc);
    }
    if (rc == WEIR_HANDLED && !req->has_reply && phases[phase].decides &&
        phases[phase].phase < WEIR_UP_RESPONSE) {
        fault("returns WEIR_HANDLED, and nothing is decided: return what weir_reply() or "
              "weir_respond_from() returned");
    }
    if (rc < WEIR_NOTFOUND || rc > WEIR_WANT_READ || rc == WEIR_MORE) {
        fault("returns %d, which says nothing here: an HTTP status goes to weir_reply()", (int)rc);
    }
    module_leave();
}

/* The module's hooks of one phase. WAY_GONE: the request is over. */
static enum way run_phase(struct weir_req *req, size_t phase, weir_rc *rc)
{
    *rc = WEIR_NEXT;
    for (uint32_t i = 0; i < kit_module->hook_n && *rc == WEIR_NEXT; i++) {
        if (kit_module->hooks[i].phase != phases[phase].phase) {
            continue;
        }
        bool had_reply = req->has_reply;
        req->suspendable = phases[phase].waits;
        module_enter(where("phase", phases[phase].name));
        *rc = kit_module->hooks[i].fn(req, kit_conf);
        module_leave();
        req->suspendable = false;
        if (!had_reply || phases[phase].decides) {
            judge(req, phase, *rc);
        }
        if (*rc == WEIR_AGAIN && wait_for(req, phases[phase].name, rc) == WAY_GONE) {
            return WAY_GONE;
        }
    }
    return WAY_ON;
}

static size_t phase_index(weir_phase phase)
{
    for (size_t i = 0; i < WEIR_COUNT(phases); i++) {
        if (phases[i].phase == phase) {
            return i;
        }
    }
    return 0;
}

static enum way run_named(struct weir_req *req, weir_phase phase)
{
    weir_rc rc;

    return run_phase(req, phase_index(phase), &rc);
}

/* ---- bodies ---- */

struct body {
    char *p;
    size_t n;
};

static struct body body_make(void)
{
    struct body body = {.n = pick(BODY_MAX)};
    unsigned kind = pick(3);

    body.p = malloc(body.n + 1);
    for (size_t i = 0; i < body.n; i++) {
        body.p[i] = (char)(kind == 0   ? pick(256)
                           : kind == 1 ? (unsigned char)"abco <x>\n"[pick(9)]
                                       : 'o');
    }
    return body;
}

static const char *const types[] = {
    "text/plain", "text/html; charset=utf-8", "application/json", "text/css", "image/png", ""};

/* Waits for weir_pull_ready(). False: nothing will call it. */
static bool wait_ready(struct weir_req *req)
{
    for (unsigned turns = 0; !req->ready && turns < TURNS_MAX && loop_turn(); turns++) {
    }
    bool was = req->ready;
    req->ready = false;
    return was;
}

static void clear(struct weir_chain *chain, struct weir_chain *all)
{
    while (chain->first) {
        if (all) {
            chain_add(all, chain->first->p, chain->first->n);
        }
        chain_api.drop(chain, chain->first->n);
    }
}

static void judge_run(const weir_filter_ops *ops, weir_rc rc, const struct weir_chain *in,
                      uint64_t had, uint64_t grew, bool ended, uint64_t room)
{
    bool moved = in->bytes != had || grew;

    module_enter(where("filter", ops->name));
    if (rc == WEIR_OK && ended && in->bytes && !moved) {
        fault("says WEIR_OK at the end and leaves %llu bytes: with WEIR_IN_END nothing more comes, "
              "so "
              "all is to be taken; WEIR_MORE if there is no room",
              (unsigned long long)in->bytes);
    }
    if (rc == WEIR_MORE && !moved) {
        fault("says WEIR_MORE where there was room for %llu bytes, and did nothing: the host calls "
              "again at once, for ever",
              (unsigned long long)room);
    }
    if (grew > room + 65536) {
        fault("appends %llu bytes where there was room for %llu: weir_chain_room() and "
              "weir_chain_reserve() tell; say WEIR_MORE to be called again",
              (unsigned long long)grew, (unsigned long long)room);
    }
    if (rc != WEIR_OK && rc != WEIR_MORE && rc != WEIR_AGAIN && rc != WEIR_ERROR) {
        fault("returns %d: WEIR_OK, WEIR_MORE, WEIR_AGAIN or WEIR_ERROR", (int)rc);
    }
    module_leave();
}

/* One body through one filter. False: it said WEIR_ERROR. */
static bool filter_body(struct weir_req *req, const weir_filter_ops *ops, void *state,
                        const struct body *body, uint64_t window, struct weir_chain *all)
{
    struct weir_chain in = {0}, out = {0};
    size_t given = 0;
    weir_rc rc = WEIR_OK;
    bool is_whole = ops->props & WEIR_FILTER_WHOLE;

    for (unsigned calls = 0;; calls++) {
        if (calls > 100000) {
            fault("does not come to an end with a body of %zu bytes", body->n);
        }
        if (plan.leaves && given > body->n / 2) {
            break;
        }
        size_t most = window ? (size_t)window : body->n;
        if (rc == WEIR_OK && given < body->n && (in.bytes < most || is_whole || in.bytes == 0)) {
            size_t n = is_whole
                           ? body->n
                           : 1 + pick((unsigned)(most < body->n - given ? most : body->n - given));
            chain_add(&in, body->p + given, n < body->n - given ? n : body->n - given);
            given += n < body->n - given ? n : body->n - given;
        } else if (rc == WEIR_OK && given < body->n) {
            chain_add(&in, body->p + given++, 1); /* it holds out for more */
        }
        bool ended = given == body->n && (is_whole || pick(2) || in.bytes == 0);
        uint64_t had = in.bytes;
        uint32_t flags = (ended ? WEIR_IN_END : 0) | (pick(4) == 0 ? WEIR_IN_FLUSH : 0);
        out.limit = window ? 1 + pick((unsigned)window) : 65536;
        module_enter(where("filter", ops->name));
        rc = ops->run(req, state, &in, &out, flags);
        module_leave();
        judge_run(ops, rc, &in, had, out.bytes, ended, out.limit);
        clear(&out, all);
        if (rc == WEIR_ERROR || (rc == WEIR_OK && ended && in.bytes == 0)) {
            break;
        }
        if (rc == WEIR_AGAIN && !wait_ready(req)) {
            module_enter(where("filter", ops->name));
            fault(
                "says WEIR_AGAIN, and nothing calls weir_pull_ready(): the body would stand still");
        }
        if (rc == WEIR_AGAIN) {
            rc = WEIR_MORE;
        }
    }
    chain_free(&in);
    chain_free(&out);
    return rc != WEIR_ERROR;
}

/* Opens the filter for a response (or request) of some type. */
static bool filter_open(struct weir_req *req, const weir_filter_ops *ops, void **state)
{
    *state = NULL;
    module_enter(where("filter", ops->name));
    weir_rc rc = ops->open(req, kit_conf, state);
    if (rc != WEIR_DONE && rc != WEIR_NEXT && rc != WEIR_ERROR) {
        fault("open() returns %d: WEIR_DONE to take part, WEIR_NEXT to be left out", (int)rc);
    }
    module_leave();
    filters_opened += rc == WEIR_DONE;
    return rc == WEIR_DONE;
}

static void filter_close(struct weir_req *req, const weir_filter_ops *ops, void *state)
{
    if (ops->close) {
        module_enter(where("close() of filter", ops->name));
        ops->close(req, state);
        module_leave();
    }
}

static void run_filters(struct weir_req *req, weir_side side)
{
    for (uint32_t i = 0; kit_module->filters && kit_module->filters[i]; i++) {
        const weir_filter_ops *ops = kit_module->filters[i];
        void *state;

        if (ops->side != side || !filter_open(req, ops, &state)) {
            continue;
        }
        struct body body = body_make();
        if (req->method.n != 4 || side == WEIR_REQUEST || memcmp(req->method.p, "HEAD", 4) != 0) {
            filter_body(req, ops, state, &body, plan.window, NULL);
        }
        free(body.p);
        filter_close(req, ops, state);
    }
}

/* What pull() makes, in pieces. */
static void run_pull(struct weir_req *req, struct weir_chain *all)
{
    struct weir_chain out = {0};
    uint64_t sum = 0;
    weir_rc rc = WEIR_MORE;

    for (unsigned calls = 0; rc == WEIR_MORE && calls < 100000 && sum < 1 << 20; calls++) {
        size_t room = plan.window ? 1 + pick((unsigned)plan.window) : 65536;

        out.limit = room;
        module_enter("pull():");
        rc = req->handler_pulls ? kit_module->handler->pull(req, kit_conf, &out, room)
                                : req->pull(req, req->pull_state, &out, room);
        if (rc != WEIR_MORE && rc != WEIR_AGAIN && rc != WEIR_OK && rc != WEIR_ERROR) {
            fault("returns %d: WEIR_MORE, WEIR_AGAIN, WEIR_OK or WEIR_ERROR", (int)rc);
        }
        module_leave();
        sum += out.bytes;
        clear(&out, all);
        if (plan.leaves && sum > 10) {
            break;
        }
        if (rc == WEIR_AGAIN) {
            if (!wait_ready(req)) {
                module_enter("pull():");
                fault("says WEIR_AGAIN, and nothing calls weir_pull_ready()");
            }
            rc = WEIR_MORE;
        }
    }
    if (rc == WEIR_OK && req->length >= 0 && sum != (uint64_t)req->length) {
        module_enter("pull():");
        fault("makes %llu bytes where a length of %lld was promised", (unsigned long long)sum,
              (long long)req->length);
    }
    chain_free(&out);
}

/* ---- the life of one request ---- */

static enum way run_handler(struct weir_req *req)
{
    const weir_handler_ops *handler = kit_module->handler;
    weir_rc rc;

    for (unsigned rounds = 0; rounds < 9; rounds++) {
        req->suspendable = true;
        module_enter("the handler's start():");
        rc = handler->start(req, kit_conf);
        if (rc == WEIR_HANDLED && !req->has_reply && !req->forwarded) {
            fault("returns WEIR_HANDLED without weir_reply(), weir_respond() or weir_forward()");
        }
        if (rc == WEIR_MORE && (!req->has_reply || !handler->pull)) {
            fault("returns WEIR_MORE: that wants weir_respond() before it, and a pull()");
        }
        if (rc == WEIR_AGAIN && !req->token) {
            fault("returns WEIR_AGAIN without having called weir_suspend()");
        }
        module_leave();
        req->suspendable = false;
        if (rc != WEIR_AGAIN) {
            break;
        }
        if (wait_for(req, "start()", &rc) == WAY_GONE) {
            return WAY_GONE;
        }
        if (rc != WEIR_NEXT) {
            break;
        }
    }
    req->handler_pulls = rc == WEIR_MORE;
    return WAY_ON;
}

static enum way run_request(struct weir_req *req)
{
    static const weir_phase before[] = {WEIR_REQ_START,  WEIR_REQ_REWRITE, WEIR_REQ_LIMIT,
                                        WEIR_REQ_ACCESS, WEIR_REQ_PREPARE, WEIR_REQ_LOOKUP};

    for (size_t i = 0; i < WEIR_COUNT(before) && !req->has_reply; i++) {
        if (run_named(req, before[i]) == WAY_GONE) {
            return WAY_GONE;
        }
    }
    run_filters(req, WEIR_REQUEST);
    if (!req->has_reply && kit_module->handler && run_handler(req) == WAY_GONE) {
        return WAY_GONE;
    }
    if (!req->has_reply) { /* an upstream answers */
        req->status = pick(5) ? 200 : 404;
        if (run_named(req, WEIR_UP_RESPONSE) == WAY_GONE) {
            return WAY_GONE;
        }
    }
    const char *type = types[pick(WEIR_COUNT(types))];
    if (*type && req->field_n[WEIR_RESPONSE] < 60) {
        add_field(req, WEIR_RESPONSE, WEIR_F_CONTENT_TYPE, "Content-Type", type);
        add_field(req, WEIR_RESPONSE, WEIR_F_ETAG, "ETag", "\"kit\"");
    }
    if (run_named(req, WEIR_RES_START) == WAY_GONE) {
        return WAY_GONE;
    }
    run_filters(req, WEIR_RESPONSE);
    if (run_named(req, WEIR_RES_HEADERS) == WAY_GONE) {
        return WAY_GONE;
    }
    if (req->pull || req->handler_pulls) {
        run_pull(req, NULL);
    }
    return WAY_ON;
}

void request_run(void)
{
    struct weir_req *req = request_make();

    run_request(req);
    if (req->token && !req->resumed && req->on_cancel) { /* before the log, as in weir */
        module_enter("on_cancel()");
        req->on_cancel(req->cancel_arg);
        module_leave();
    }
    req->on_cancel = NULL;
    run_named(req, WEIR_LOG);
    run_named(req, WEIR_REQ_END);
    request_end(req);
    guard_check();
}

/* ---- the same body in many ways ---- */

static char *through(const weir_filter_ops *ops, const struct body *body, const char *type,
                     uint64_t window, uint64_t *n, bool *took_part)
{
    struct weir_req *req = request_make();
    struct weir_chain all = {0};
    void *state;

    req->method = WEIR_STR("GET");
    req->status = 200;
    req->field_n[WEIR_REQUEST] = 0;
    add_field(req, WEIR_REQUEST, WEIR_F_HOST, "Host", "kit.test");
    add_field(req, WEIR_REQUEST, WEIR_F_ACCEPT_ENCODING, "Accept-Encoding", "gzip, br, zstd");
    add_field(req, WEIR_REQUEST, WEIR_F_CONTENT_TYPE, "Content-Type", type);
    add_field(req, WEIR_RESPONSE, WEIR_F_CONTENT_TYPE, "Content-Type", type);
    *took_part = filter_open(req, ops, &state);
    if (*took_part) {
        filter_body(req, ops, state, body, window, &all);
        filter_close(req, ops, state);
    }
    *n = all.bytes;
    char *text = chain_text(&all);
    chain_free(&all);
    request_end(req);
    return text;
}

void bodies_run(unsigned rounds)
{
    for (uint32_t i = 0; kit_module->filters && kit_module->filters[i]; i++) {
        const weir_filter_ops *ops = kit_module->filters[i];

        for (unsigned round = 0; round < rounds; round++) {
            struct body body = body_make();
            const char *type = types[pick(WEIR_COUNT(types))];
            uint64_t n, other_n, window = 1 + pick(round % 2 ? 1 : 16);
            bool took_part;
            char *text = through(ops, &body, type, 0, &n, &took_part);
            char *other =
                took_part ? through(ops, &body, type, window, &other_n, &took_part) : NULL;

            if (other && (n != other_n || memcmp(text, other, (size_t)n) != 0) &&
                ops->stage != WEIR_FILTER_ENCODE) { /* a coder may flush where it likes */
                module_enter(where("filter", ops->name));
                fault(
                    "a body of %zu bytes becomes %llu bytes at once, and %llu others in windows of "
                    "up to %llu: what a filter makes must not depend on how bytes come",
                    body.n, (unsigned long long)n, (unsigned long long)other_n,
                    (unsigned long long)window);
            }
            free(text);
            free(other);
            free(body.p);
        }
    }
}

/* ---- balancers, connections ---- */

struct weir_peer {
    uint32_t index;
};

static void check_pick(const weir_balancer_ops *ops, void *state, uint32_t n)
{
    struct weir_req *req = request_make();
    uint64_t usable[3] = {0};
    uint32_t index = UINT32_MAX, any = pick(n);

    for (uint32_t i = 0; i < n; i++) {
        usable[i / 64] |= (uint64_t)(pick(2) || i == any) << (i % 64);
    }
    module_enter(where("balancer", ops->name));
    weir_rc rc = ops->pick(state, req, usable, &index);
    if (rc != WEIR_OK && rc != WEIR_NEXT) {
        fault("pick() returns %d: WEIR_OK, or WEIR_NEXT for none", (int)rc);
    }
    if (rc == WEIR_OK && (index >= n || !(usable[index / 64] >> (index % 64) & 1))) {
        fault("pick() chooses peer %u of %u, which is not usable: only those whose bit is set in "
              "`usable` may be chosen",
              index, n);
    }
    module_leave();
    if (rc == WEIR_OK && ops->done) {
        module_enter(where("done() of balancer", ops->name));
        ops->done(state, index, (weir_outcome)pick(3), pick(100000));
        module_leave();
    }
    request_end(req);
}

void balancers_run(void)
{
    for (uint32_t i = 0; kit_module->balancers && kit_module->balancers[i]; i++) {
        const weir_balancer_ops *ops = kit_module->balancers[i];
        uint32_t n = pick(2) ? 1 + pick(5) : 1 + pick(130);
        struct weir_peer all[130];
        weir_peer *peers[130];

        for (uint32_t k = 0; k < n; k++) {
            all[k].index = k;
            peers[k] = &all[k];
        }
        struct weir_template key = {WEIR_STR("$uri")};
        weir_balancer_group group = {
            .size = sizeof(group), .peers = peers, .n = n, .capacity = 130, .key = &key};
        bool creates = ops->size > offsetof(weir_balancer_ops, create) && ops->create;
        if (creates && ops->shared_group + ops->shared_peer) {
            group.shared =
                guard_alloc(ops->shared_group + 130 * ops->shared_peer, "its shared memory");
        }
        module_enter(where("open() of balancer", ops->name));
        void *state = creates ? ops->create(&group) : ops->open(peers, n);
        module_leave();
        for (unsigned k = 0; state && k < 50; k++) {
            check_pick(ops, state, n);
        }
        if (state) {
            module_enter(where("close() of balancer", ops->name));
            ops->close(state);
            module_leave();
        }
        if (group.shared) {
            guard_retire(group.shared);
        }
    }
}

struct weir_conn {
    const char *bytes;
    size_t n, shown;
    void *slot;
};

static weir_rc conn_phase(struct weir_conn *conn, weir_phase phase, const char *name)
{
    weir_rc rc = WEIR_NEXT;

    for (uint32_t i = 0; i < kit_module->hook_n && rc == WEIR_NEXT; i++) {
        if (kit_module->hooks[i].phase == phase) {
            module_enter(where("phase", name));
            rc = kit_module->hooks[i].conn_fn(conn, kit_conf);
            if (rc == WEIR_WANT_READ && phase != WEIR_CONN_PREREAD) {
                fault("returns WEIR_WANT_READ, which only preread knows");
            }
            module_leave();
        }
    }
    return rc;
}

void connections_run(void)
{
    static const char *const starts[] = {
        "GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n\r\n",
        "\r\n\r\n\0\r\nQUIT\n",   "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "FROM 192.0.2.7\n",       "\xff\xff\xff\xff\xff\xff"};
    const char *start = starts[pick(WEIR_COUNT(starts))];
    struct weir_conn conn = {.bytes = start, .n = strlen(start)};
    weir_rc rc = conn_phase(&conn, WEIR_CONN_ACCEPT, "accept");

    while (rc == WEIR_NEXT || rc == WEIR_WANT_READ) {
        rc = conn_phase(&conn, WEIR_CONN_PREREAD, "preread");
        if (rc != WEIR_WANT_READ || conn.shown == conn.n) {
            break;
        }
        conn.shown++;
    }
    conn_phase(&conn, WEIR_CONN_CLOSE, "close");
}

static weir_str conn_addr(const weir_conn *conn)
{
    (void)conn;
    return WEIR_STR("192.0.2.1:4711");
}

static weir_rc conn_set_addr(weir_conn *conn, weir_str addr)
{
    (void)conn;
    return addr.n && addr.p[0] >= '0' && addr.p[0] <= '9' ? WEIR_OK : WEIR_ERROR;
}

static weir_rc conn_preread(weir_conn *conn, weir_str *bytes)
{
    *bytes = (weir_str){conn->bytes, conn->shown};
    return conn->shown ? WEIR_NEXT : WEIR_WANT_READ;
}

static weir_rc conn_consume(weir_conn *conn, size_t n)
{
    if (n > conn->shown) {
        fault("consumes %zu bytes where %zu have come", n, conn->shown);
    }
    conn->bytes += n;
    conn->n -= n;
    conn->shown -= n;
    return WEIR_NEXT;
}

static void **conn_slot(weir_conn *conn)
{
    return &conn->slot;
}

static void *conn_transport(const weir_req *req)
{
    (void)req;
    return NULL;
}

const weir_conn_api conn_api = {
    .size = sizeof(conn_api),
    .transport = conn_transport,
    .addr = conn_addr,
    .set_addr = conn_set_addr,
    .preread = conn_preread,
    .consume = conn_consume,
    .slot = conn_slot,
};
