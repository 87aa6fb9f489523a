/* SPDX-License-Identifier: Apache-2.0 */
/* ask_first - asks another service whether a request may pass, and waits for its word. */
#include <weir/module.h>

struct conf {
    weir_str to;
    uint64_t timeout_ms;
    const weir_upstream *service;
    weir_str path;
};

struct state {
    weir_token token;
    weir_fetch *fetch;
    weir_req *req;
};

static const weir_opt options[] = {
    {.name = "to",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct conf, to),
     .doc = "The service: a request passes when it answers 2xx.",
     .example = "http://127.0.0.1:9000/check"},
    {.name = "timeout",
     .type = WEIR_T_DURATION,
     .min = 1,
     .offset = offsetof(struct conf, timeout_ms),
     .dflt = "2s",
     .doc = "How long it is waited for."},
};

static void commit(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;

    conf->service = weir_cfg_upstream(cfg, "to", conf->to, &conf->path);
}

/* Its word has come, or none will: `status` is 0 then. From a callback the request is answered first,
 * and then goes on with what the hook would have returned. */
static void on_answer(void *arg, const weir_fetch_answer *answer)
{
    struct state *state = arg;
    weir_str none = {NULL, 0};
    weir_rc rc = WEIR_NEXT;

    state->fetch = NULL;
    if (answer->status == 0) {
        rc = WEIR_ERROR; /* in this phase: 503 */
    } else if (answer->status / 100 != 2) {
        rc = weir_reply(state->req, 403, WEIR_REASON_ACCESS_DENIED, none, none,
                        "the service that ask_first asks has said no");
    }
    weir_resume(state->token, rc);
}

/* The client has left while we wait, and `state` goes with its request. */
static void on_cancel(void *arg)
{
    struct state *state = arg;

    if (state->fetch) {
        weir_fetch_stop(state->fetch);
        state->fetch = NULL;
    }
}

static weir_rc on_access(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    struct state *state = weir_ctx(req);

    const weir_forward_conf forward = {.size = sizeof(forward),
                                       .upstream = conf->service,
                                       .target = conf->path,
                                       .connect_timeout_ms = conf->timeout_ms,
                                       .send_timeout_ms = conf->timeout_ms,
                                       .read_timeout_ms = conf->timeout_ms,
                                       .deadline_ms = conf->timeout_ms,
                                       .buffer_head = 16384};
    const weir_fetch_conf fetch = {.size = sizeof(fetch), .forward = &forward, .req = req};

    state->req = req;
    /* A deadline is never left out; this one only matters if on_answer() is not called. */
    state->token = weir_suspend(req, (uint32_t)conf->timeout_ms + 1000, on_cancel, state);
    state->fetch = weir_fetch_start(&fetch, on_answer, state);
    return WEIR_AGAIN;
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("ask_first", "1.0"),
    .doc = "Asks another service whether a request may pass.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .commit = commit,
};

WEIR_MODULE(ask_first, 3, "", module)
