/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - time that passes when the kit says so, threads that run when it says so, and tokens. */
#include "kit.h"

#include <stdlib.h>
#include <string.h>

#define DUE_MAX 1024

unsigned kit_suspensions;
struct weir_req *current;

static struct due {
    uint64_t id, at;
    void (*fn)(void *);
    void *arg;
    void (*work)(void *); /* of a thread, before fn */
} due[DUE_MAX];
static unsigned due_n;
static uint64_t now = 1000000, last_id;
static unsigned generation;
static weir_token last_used; /* resumed by the module itself, and taken */

static uint64_t add(uint64_t at, void (*work)(void *), void (*fn)(void *), void *arg)
{
    if (due_n == DUE_MAX) {
        fault("has %u timers under way: is one started for each call, and none stopped?", due_n);
    }
    due[due_n++] = (struct due){.id = ++last_id, .at = at, .fn = fn, .arg = arg, .work = work};
    return last_id;
}

unsigned loop_timers(void)
{
    return due_n;
}

bool loop_turn(void)
{
    unsigned first = 0;

    if (due_n == 0) {
        return false;
    }
    for (unsigned i = 1; i < due_n; i++) {
        if (due[i].at < due[first].at) {
            first = i;
        }
    }
    struct due one = due[first];
    due[first] = due[--due_n];
    if (one.at > now) {
        now = one.at;
    }
    if (one.work) {
        one.work(one.arg); /* a thread may block */
    }
    module_enter(one.work ? "done() of weir_offload()" : "a timer");
    one.fn(one.arg);
    module_leave();
    return true;
}

/* ---- the module's tables ---- */

static uint64_t api_now(void)
{
    return now;
}

static int64_t api_wall(void)
{
    return (int64_t)(1800000000000 + now);
}

static weir_token api_suspend(weir_req *req, uint32_t deadline_ms, void (*on_cancel)(void *),
                              void *arg)
{
    if (req->ended || !req->suspendable) {
        return 0;
    }
    if (req->token) {
        fault("suspends a request that is suspended: one token at a time");
    }
    if (deadline_ms == 0) {
        fault("suspends a request with a deadline of 0 ms: it would pass at once");
    }
    req->token = (weir_token)(++generation) << 32 | 7;
    req->resumed = false;
    req->on_cancel = on_cancel;
    req->cancel_arg = arg;
    req->deadline_ms = deadline_ms;
    current = req;
    return req->token;
}

static weir_rc api_resume(weir_token token, weir_rc outcome)
{
    if (token == 0) {
        fault("resumes the token 0: weir_suspend() returns 0 where suspending is not possible");
    }
    if (current && !current->ended && current->token == token && !current->resumed) {
        current->resumed = true;
        current->outcome = outcome;
        last_used = token;
        return WEIR_OK;
    }
    if (token == last_used) {
        fault("resumes a token that it has resumed already: the second weir_resume() is ignored, "
              "but who calls it has lost count; set the token to 0 when it is used");
    }
    return WEIR_GONE;
}

static uint64_t api_timer_start(uint64_t ms, void (*fn)(void *), void *arg)
{
    return add(now + ms, NULL, fn, arg);
}

static void api_timer_stop(uint64_t timer)
{
    for (unsigned i = 0; i < due_n; i++) {
        if (due[i].id == timer) {
            due[i] = due[--due_n];
            return;
        }
    }
}

struct weir_watch {
    int fd;
};

static weir_watch *api_watch_start(int fd, uint32_t what, void (*fn)(void *arg, uint32_t what),
                                   void *arg)
{
    int was = host_enter();
    weir_watch *watch = malloc(sizeof(*watch));

    (void)what;
    (void)fn;
    (void)arg;
    watch->fd = fd; /* nothing ever comes: deadlines have to do */
    host_leave(was);
    return watch;
}

static void api_watch_change(weir_watch *watch, uint32_t what)
{
    (void)watch;
    (void)what;
}

static void api_watch_stop(weir_watch *watch)
{
    int was = host_enter();

    free(watch);
    host_leave(was);
}

/* It works half of the time. */
static uint64_t api_waited(void)
{
    return now * 500;
}

const weir_loop_api loop_api = {
    .size = sizeof(loop_api),
    .now_ms = api_now,
    .wall_ms = api_wall,
    .suspend = api_suspend,
    .resume = api_resume,
    .timer_start = api_timer_start,
    .timer_stop = api_timer_stop,
    .watch_start = api_watch_start,
    .watch_change = api_watch_change,
    .watch_stop = api_watch_stop,
    .waited_us = api_waited,
};

static weir_rc api_respond_from(weir_req *req, uint32_t status, int64_t length, weir_pull_fn *pull,
                                void (*end)(weir_req *req, void *state), void *state)
{
    if (req->has_reply) {
        return WEIR_ERROR;
    }
    req->has_reply = true;
    req->status = status;
    req->length = length;
    req->pull = pull;
    req->end = end;
    req->pull_state = state;
    return WEIR_HANDLED;
}

static void api_pull_ready(weir_req *req)
{
    req->ready = true;
}

static weir_rc api_offload(void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    add(now, work, done, arg);
    return WEIR_OK;
}

static weir_rc api_background(weir_req *req, const weir_field *extra, size_t extra_n)
{
    (void)req;
    (void)extra;
    (void)extra_n;
    return WEIR_OK;
}

static bool api_is_background(const weir_req *req)
{
    (void)req;
    return false;
}

/* ---- fetches: an answer, or none ---- */

struct weir_fetch {
    uint64_t timer;
    weir_fetch_fn *done;
    void *arg;
    uint64_t body_max;
    weir_str target; /* as it lies in the module's memory, */
    char *was;       /* and as it was at the start */
};

static void fetch_free(struct weir_fetch *fetch)
{
    free(fetch->was);
    free(fetch);
}

/* As the host does it: nothing of a body for which there is no room, an error for one too many. */
static weir_fetch_answer answer_make(const struct weir_fetch *fetch, char **lent)
{
    static const uint32_t statuses[] = {200, 204, 403, 500, 0};
    static const weir_field fields[] = {
        {.name = WEIR_STR("Content-Type"), .value = WEIR_STR("text/plain")},
        {.name = WEIR_STR("X-Kit"), .value = WEIR_STR("")}};
    weir_fetch_answer answer = {.size = sizeof(answer), .status = statuses[pick(5)]};
    uint64_t n = answer.status == 204 ? 0 : pick(2) ? pick(300) : 4;

    if (fetch->body_max && n > fetch->body_max) {
        answer.status = 0;
    }
    if (answer.status == 0) {
        answer.reason = WEIR_REASON_CONNECTION_REFUSED;
        answer.detail = WEIR_STR("nobody answers");
        return answer;
    }
    answer.fields = fields;
    answer.field_n = pick(3);
    answer.body.n = fetch->body_max ? (size_t)n : 0;
    if (answer.body.n) {
        *lent = guard_alloc(answer.body.n, "the body of weir_fetch_answer");
        memset(*lent, 'b', answer.body.n);
        answer.body.p = *lent;
    }
    return answer;
}

static void on_fetched(void *arg)
{
    struct weir_fetch *fetch = arg;
    struct weir_fetch one = *fetch;
    char *lent = NULL;

    module_enter("what weir_fetch_start() was given:");
    if (memcmp(one.target.p ? one.target.p : "", one.was, one.target.n) != 0) {
        fault("the text that weir_forward_conf.target points to is another one by now: it has to "
              "stay until the fetch is over, in weir_alloc()'s memory, say");
    }
    int was = host_enter();
    const weir_fetch_answer answer = answer_make(fetch, &lent);
    fetch_free(fetch);
    host_leave(was);
    module_enter("done() of weir_fetch_start():");
    one.done(one.arg, &answer);
    was = host_enter();
    if (lent) {
        guard_retire(lent);
    }
    host_leave(was);
}

/* What the host would copy has to be there. */
static void read_all(const weir_fetch_conf *conf)
{
    volatile unsigned sum = 0;

    for (size_t i = 0; i < conf->body.n; i++) {
        sum += (unsigned char)conf->body.p[i];
    }
    for (uint32_t i = 0; i < conf->field_n; i++) {
        for (size_t j = 0; j < conf->fields[i].name.n; j++) {
            sum += (unsigned char)conf->fields[i].name.p[j];
        }
        for (size_t j = 0; j < conf->fields[i].value.n; j++) {
            sum += (unsigned char)conf->fields[i].value.p[j];
        }
    }
}

static weir_fetch *api_fetch_start(const weir_fetch_conf *conf, weir_fetch_fn *done, void *arg)
{
    int was = host_enter();
    struct weir_fetch *fetch = malloc(sizeof(*fetch));

    if (!conf->forward || !conf->forward->upstream) {
        fault("fetches from nowhere: weir_fetch_conf.forward needs an upstream of "
              "weir_cfg_upstream()");
    }
    if (conf->size == 0 || conf->forward->size == 0) {
        fault("fetches with a struct without its size: .size = sizeof(...), in weir_fetch_conf and "
              "in weir_forward_conf");
    }
    read_all(conf);
    *fetch = (struct weir_fetch){.done = done,
                                 .arg = arg,
                                 .body_max = conf->body_max,
                                 .target = conf->forward->target,
                                 .was = malloc(conf->forward->target.n + 1)};
    memcpy(fetch->was, fetch->target.p ? fetch->target.p : "", fetch->target.n);
    fetch->timer = add(now + 5, NULL, on_fetched, fetch);
    host_leave(was);
    return fetch;
}

static void api_fetch_stop(weir_fetch *fetch)
{
    int was = host_enter();

    for (unsigned i = 0; i < due_n; i++) {
        if (due[i].fn == on_fetched && due[i].arg == fetch) {
            due[i] = due[--due_n];
            fetch_free(fetch);
            host_leave(was);
            return;
        }
    }
    fault("stops a fetch that is over: forget it in done()");
}

const struct weir_async_api async_api = {
    .size = sizeof(async_api),
    .respond_from = api_respond_from,
    .pull_ready = api_pull_ready,
    .offload = api_offload,
    .background = api_background,
    .is_background = api_is_background,
    .fetch_start = api_fetch_start,
    .fetch_stop = api_fetch_stop,
};
