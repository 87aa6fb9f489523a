/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for a set of keys, and how often it is fetched, under a host that does what it is told. */
#include "tap.h"

#include <string.h>

#include "../../modules/jwt/remote.c"

struct weir_fetch {
    int unused;
};

static weir_fetch the_fetch;
static weir_fetch_fn *answer;
static void *answer_arg;
static uint64_t now_ms, last_timer;
static unsigned timers, fetches;
static bool is_set[100];

static weir_fetch *fetch_start(const weir_fetch_conf *conf, weir_fetch_fn *done, void *arg)
{
    (void)conf;
    fetches++;
    answer = done;
    answer_arg = arg;
    return &the_fetch;
}

static uint64_t timer_start(uint64_t ms, void (*fn)(void *), void *arg)
{
    (void)ms;
    (void)fn;
    (void)arg;
    timers++;
    is_set[++last_timer] = true;
    return last_timer;
}

static void timer_stop(uint64_t timer)
{
    timers -= is_set[timer];
    is_set[timer] = false;
}

static uint64_t now(void)
{
    return now_ms;
}

static void keep_quiet(weir_log_level level, const weir_req *req, const char *fmt, va_list args)
{
    (void)level;
    (void)req;
    (void)fmt;
    (void)args;
}

static const weir_loop_api loop_api = {
    .size = sizeof(loop_api), .now_ms = now, .timer_start = timer_start, .timer_stop = timer_stop};
static const struct weir_async_api async_api = {.size = sizeof(async_api), .fetch_start = fetch_start};
static const weir_host host = {.size = sizeof(host),
                               .loop = &loop_api,
                               .async = &async_api,
                               .log = keep_quiet};
const weir_host *weir_host_ = &host;

static void fail(void)
{
    const weir_fetch_answer refused = {.status = 500};

    answer(answer_arg, &refused);
}

struct request {
    struct remote_waiter waiter;
    struct remote *remote;
    struct request *ends; /* another one that goes when this one's turn comes */
    bool is_over;
    unsigned woken;
};

static void on_keys(struct remote_waiter *waiter)
{
    struct request *request = (struct request *)waiter;

    request->woken++;
    if (request->ends) {
        request->ends->is_over = true;
        remote_leave(request->remote, &request->ends->waiter);
    }
}

static void test_timers(struct remote *remote)
{
    struct request request = {.waiter = {.fn = on_keys}, .remote = remote};

    for (int i = 0; i < 5; i++) {
        now_ms += 2 * AGAIN_MS;
        ok(remote_wait(remote, &request.waiter), "a token asks for keys");
        fail();
    }
    ok(request.woken == 5, "it is told each time (%u)", request.woken);
    ok(fetches == 5, "there were so many fetches (%u)", fetches);
    ok(timers == 1, "and one timer is left for the next (%u)", timers);
    ok(!remote_wait(remote, &request.waiter), "too soon for another fetch");
}

static void test_end_of_another(struct remote *remote, bool is_behind)
{
    struct request second = {.waiter = {.fn = on_keys}, .remote = remote};
    struct request first = {.waiter = {.fn = on_keys}, .remote = remote, .ends = &second};

    now_ms += 2 * AGAIN_MS;
    /* Who comes last is told first. */
    remote_wait(remote, is_behind ? &second.waiter : &first.waiter);
    remote_wait(remote, is_behind ? &first.waiter : &second.waiter);
    fail();
    ok(first.woken == 1, "the first is told");
    ok(second.woken == !is_behind, "the one that it ends, %s it, is told %u times",
       is_behind ? "behind" : "before", second.woken);
    remote_leave(remote, &second.waiter);
    ok(!remote->waiters && !remote->waking, "nobody is left");
}

int main(void)
{
    struct remote remote = {.url = {"http://a/", 9}};

    now_ms = 1000000;
    test_timers(&remote);
    test_end_of_another(&remote, true);
    test_end_of_another(&remote, false);
    return done_testing();
}
