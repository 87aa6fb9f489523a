/* SPDX-License-Identifier: Apache-2.0 */
/* delay.c - waiting: suspends the request in the access phase and resumes it by a timer, or does
 * what a faulty module might. */
#include <string.h>
#include <weir/module.h>

enum mode { MODE_WAIT, MODE_FORGET, MODE_TWICE, MODE_LIE, MODE_FAIL };
static const char *const modes[] = {"wait", "forget", "twice", "lie", "fail", NULL};

struct conf {
    uint64_t ms, deadline_ms;
    uint32_t mode;
};

struct state {
    weir_token token;
    uint64_t timer;
    bool waited, twice;
};

static const weir_opt options[] = {
    {.name = "for", .type = WEIR_T_DURATION, .offset = offsetof(struct conf, ms), .dflt = "20ms"},
    {.name = "deadline",
     .type = WEIR_T_DURATION,
     .offset = offsetof(struct conf, deadline_ms),
     .dflt = "5s"},
    {.name = "mode",
     .type = WEIR_T_ENUM,
     .names = modes,
     .offset = offsetof(struct conf, mode),
     .dflt = "wait"},
};

static void on_over(void *arg)
{
    struct state *state = arg;
    bool twice = state->twice;
    weir_token token = state->token;

    weir_resume(token, WEIR_NEXT);
    if (twice) {
        weir_log(WEIR_LOG_WARN, NULL, "delay: a second resume is %s",
                 weir_resume(token, WEIR_NEXT) == WEIR_GONE ? "gone" : "taken");
    }
}

/* The client has left: `state` goes with the request. */
static void on_cancel(void *arg)
{
    struct state *state = arg;

    weir_timer_stop(state->timer);
    weir_log(WEIR_LOG_WARN, NULL, "delay: cancelled");
}

static weir_rc on_access(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    struct state *state = weir_ctx(req);

    if (conf->mode == MODE_LIE) {
        return WEIR_AGAIN;
    }
    if (conf->mode == MODE_FAIL) {
        return WEIR_ERROR;
    }
    state->twice = conf->mode == MODE_TWICE;
    state->token = weir_suspend(req, (uint32_t)conf->deadline_ms, on_cancel, state);
    if (conf->mode != MODE_FORGET) {
        state->timer = weir_timer_start(conf->ms, on_over, state);
    }
    return WEIR_AGAIN;
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("delay", "1"),
    .doc = "Waits.",
    .scopes = WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
};

WEIR_MODULE(delay, 1, "", module)
