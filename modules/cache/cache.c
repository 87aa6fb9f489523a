/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - the module: hooks, variables, and what each worker does from time to time. */
#include <string.h>
#include <sys/syscall.h>

#include "command.h"
#include "state.h"

#define LOOK_MS 4         /* how often those who wait for other workers look */
#define KEEP_MS 500       /* how often there is upkeep */
#define KEEP_BUSY_MS 10   /* while the index is being filled */

struct state *state_of(weir_req *req)
{
    struct state *s = weir_ctx(req);

    return s && s->store ? s : NULL;
}

/* ---- time ---- */

static bool is_looking;

static void on_look(void *arg)
{
    (void)arg;
    is_looking = false;
    waiters_look();
    answers_look();
}

void look_soon(void)
{
    if (!is_looking) {
        is_looking = true;
        weir_timer_start(LOOK_MS, on_look, NULL);
    }
}

static void on_upkeep(void *arg)
{
    bool is_busy = false;

    (void)arg;
    for (struct store *store = conf_stores; store; store = store->next) {
        is_busy = store_maintain(store) || is_busy;
    }
    weir_timer_start(is_busy ? KEEP_BUSY_MS : KEEP_MS, on_upkeep, NULL);
}

static weir_rc worker_start(void)
{
    for (struct store *store = conf_stores; store; store = store->next) {
        store_worker_start(store);
    }
    if (conf_stores) {
        weir_timer_start(KEEP_BUSY_MS, on_upkeep, NULL);
    }
    return WEIR_OK;
}

/* ---- hooks ---- */

static weir_rc on_up_response(weir_req *req, const void *conf)
{
    struct state *s = state_of(req);

    (void)conf;
    if (!s) {
        return WEIR_NEXT;
    }
    weir_rc rc = validate_response(s);
    if (rc == WEIR_NEXT && weir_reason_of(req, NULL, NULL) == WEIR_REASON_NONE) {
        capture_head(s);
    }
    return rc;
}

static weir_rc on_response(weir_req *req, const void *conf)
{
    struct state *s = state_of(req);

    (void)conf;
    if (!s) {
        return WEIR_NEXT;
    }
    if (s->invalidates) {
        purge_invalidated(s);
    }
    store_count(s->store, s->plan == PLAN_USE || s->plan == PLAN_FOLLOW,
                s->plan == PLAN_FETCH || s->plan == PLAN_VALIDATE || s->plan == PLAN_PART);
    answer_status(s);
    if (s->status.word != CACHE_NONE) {
        weir_metric_add(s->store->results[s->status.word], 1);
    }
    return WEIR_NEXT;
}

static weir_rc on_end(weir_req *req, const void *conf)
{
    struct state *s = state_of(req);

    (void)conf;
    if (!s) {
        return WEIR_NEXT;
    }
    lookup_cancel(s);
    if (!s->fill) {
        lead_end(s, 0);
    }
    hold(s, NULL);
    return WEIR_NEXT;
}

void refresh(struct state *s)
{
    struct held *held;
    bool is_done = store_follow(s->store, s->held->id, &held) != FOLLOW_OVER;

    if (held) {
        held_release(held);
    }
    if (s->conf->background && !is_done) {
        weir_background(s->req, NULL, 0);
    }
}

/* Looking up goes behind what may refuse or change the request; the response is seen before other
 * modules have edited it. */
static const weir_hook hooks[] = {
    {.phase = WEIR_REQ_LOOKUP, .stage = 0, .fn = on_lookup},
    {.phase = WEIR_REQ_LOOKUP, .stage = 1, .fn = on_answer},
    {.phase = WEIR_UP_RESPONSE, .fn = on_up_response},
    {.phase = WEIR_RES_START, .stage = -2, .fn = on_response},
    {.phase = WEIR_REQ_END, .fn = on_end},
};

/* ---- variables ---- */

static weir_rc get_word(weir_req *req, weir_str suffix, weir_str *out)
{
    struct state *s = state_of(req);

    (void)suffix;
    if (!s || s->status.word == CACHE_NONE) {
        return WEIR_NOTFOUND;
    }
    *out = cache_word_text(s->status.word);
    return WEIR_OK;
}

static weir_rc get_status(weir_req *req, weir_str suffix, weir_str *out)
{
    struct state *s = state_of(req);

    (void)suffix;
    if (!s) {
        return WEIR_NOTFOUND;
    }
    char *text = weir_alloc(req, CACHE_STATUS_MAX);
    *out = (weir_str){text, cache_status_format(&s->status, text)};
    return WEIR_OK;
}

static weir_rc get_reason(weir_req *req, weir_str suffix, weir_str *out)
{
    struct state *s = state_of(req);
    const char *text = !s ? NULL : s->reason ? s->reason : s->status.detail;

    (void)suffix;
    if (!text) {
        return WEIR_NOTFOUND;
    }
    *out = (weir_str){text, strlen(text)};
    return WEIR_OK;
}

static weir_rc get_key(weir_req *req, weir_str suffix, weir_str *out)
{
    struct state *s = state_of(req);

    (void)suffix;
    *out = !s ? (weir_str){NULL, 0} : s->whole_key.n ? s->whole_key : s->key;
    return s ? WEIR_OK : WEIR_NOTFOUND;
}

static weir_rc get_method(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)req;
    (void)suffix;
    *out = WEIR_STR("GET");
    return WEIR_OK;
}

static const weir_var vars[] = {
    {.name = "cache_method",
     .from = WEIR_REQ_START,
     .get = get_method,
     .doc = "What $request_method stands for in a key: always GET."},
    {.name = "upstream_cache_status",
     .from = WEIR_RES_START,
     .get = get_word,
     .doc = "MISS, HIT, BYPASS, EXPIRED, STALE, UPDATING or REVALIDATED."},
    {.name = "cache_status",
     .from = WEIR_RES_START,
     .get = get_status,
     .doc = "What Cache-Status says of weir."},
    {.name = "cache_reason",
     .from = WEIR_RES_START,
     .get = get_reason,
     .doc = "Why the response was stored or not, or why what is stored was not used."},
    {.name = "cache_key", .from = WEIR_RES_START, .get = get_key, .doc = "The key."},
};

/* Asks whether another worker lives, with signal 0. */
static const int syscalls[] = {SYS_kill, -1};

static const weir_module module = {
    WEIR_MODULE_HEAD("cache", "0.1"),
    .doc = "Stores responses, and answers with them as HTTP says a shared cache may.",
    .scopes = WEIR_S_ALL,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = cache_options,
    .opt_n = CACHE_OPTIONS,
    .vars = vars,
    .var_n = WEIR_COUNT(vars),
    .conf_size = sizeof(struct cache_conf),
    .ctx_size = sizeof(struct state),
    .check = conf_check,
    .commit = conf_commit,
    .worker_start = worker_start,
    .syscalls = syscalls,
    .filters = capture_filters,
    .commands = cache_commands,
    .keeper = &made_keeper,
};

WEIR_MODULE(cache, 3,
            "var:upstream_cache_status var:cache_method var:cache_status var:cache_reason var:cache_key filter "
            "command:cache",
            module)
