/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c - a module that asks an upstream before it answers: weir_fetch_start(). */
#include <stdio.h>
#include <string.h>
#include <weir/module.h>

struct conf {
    weir_str to, body;
    const weir_upstream *upstream;
    weir_str prefix;
};

struct state {
    weir_req *req;
    weir_token token;
    weir_fetch *fetch;
};

static const weir_opt options[] = {
    {.name = "to", .type = WEIR_T_STR, .offset = offsetof(struct conf, to)},
    {.name = "body", .type = WEIR_T_STR, .offset = offsetof(struct conf, body)},
};

static void on_cancel(void *arg)
{
    struct state *state = arg;

    weir_log(WEIR_LOG_WARN, NULL, "fetch: given up");
    weir_fetch_stop(state->fetch);
}

static void done(void *arg, const weir_fetch_answer *answer)
{
    struct state *state = arg;
    size_t size = answer->body.n + answer->detail.n + 200;
    char *text = weir_alloc(state->req, size);
    const char *mark = "-";
    int n, mark_n = 1;

    for (uint32_t i = 0; i < answer->field_n; i++) {
        if (answer->fields[i].name.n == 6 && memcmp(answer->fields[i].name.p, "X-Mark", 6) == 0) {
            mark = answer->fields[i].value.p;
            mark_n = (int)answer->fields[i].value.n;
        }
    }
    n = snprintf(text, size, "%u %.*s %zu %.*s%.*s", answer->status, mark_n, mark, answer->body.n,
                (int)(answer->body.n < 100 ? answer->body.n : 100), answer->body.n ? answer->body.p : "",
                (int)answer->detail.n, answer->detail.n ? answer->detail.p : "");
    n = n < (int)size ? n : (int)size - 1;
    weir_resume(state->token, weir_reply(state->req, 200, WEIR_REASON_NONE, WEIR_STR("text/plain"),
                                         (weir_str){text, (size_t)n}, NULL));
}

static weir_rc on_access(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    struct state *state = weir_ctx(req);
    const weir_field mark = {WEIR_STR("X-Mark"), weir_get(req, WEIR_GET_METHOD), 0, 0};
    const weir_forward_conf forward = {
        .size = sizeof(forward),
        .upstream = conf->upstream,
        .target = weir_get(req, WEIR_GET_TARGET),
        .connect_timeout_ms = 5000,
        .send_timeout_ms = 5000,
        .read_timeout_ms = 50000,
        .deadline_ms = 50000,
        .buffer_head = 4096,
    };
    const weir_fetch_conf fetch = {
        .size = sizeof(fetch),
        .forward = &forward,
        .req = req,
        .method = conf->body.n ? WEIR_STR("POST") : WEIR_STR(""),
        .fields = &mark,
        .field_n = 1,
        .body = conf->body,
        .body_max = 200000,
    };

    state->req = req;
    state->token = weir_suspend(req, 60000, on_cancel, state);
    state->fetch = weir_fetch_start(&fetch, done, state);
    return WEIR_AGAIN;
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    conf->upstream = weir_cfg_upstream(cfg, "to", conf->to, &conf->prefix);
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("fetch", "1"),
    .doc = "Asks an upstream before it answers.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .commit = commit,
};

WEIR_MODULE(fetch, 3, "", module)
