/* SPDX-License-Identifier: Apache-2.0 */
/* kept_0_1.c - a module as it was written for ABI 0.1: options, a variable, a hook, a handler. */
#include <weir/module.h>

struct conf {
    weir_str key;
    const weir_template *text;
    uint64_t ms;
};

struct state {
    weir_token token;
};

static const weir_opt options[] = {
    {.name = "key",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, key),
     .dflt = "k",
     .doc = "Key."},
    {.name = "text",
     .type = WEIR_T_TEMPLATE,
     .offset = offsetof(struct conf, text),
     .dflt = "$kept at $host",
     .doc = "Answer."},
    {.name = "wait",
     .type = WEIR_T_DURATION,
     .offset = offsetof(struct conf, ms),
     .dflt = "1ms",
     .doc = "Wait."},
};

static void on_over(void *arg)
{
    const struct state *state = arg;

    weir_resume(state->token, WEIR_NEXT);
}

static weir_rc on_access(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    struct state *state = weir_ctx(req);
    weir_str value, none = {NULL, 0};

    if (weir_field_named(req, WEIR_REQUEST, WEIR_STR("X-Key"), &value) != WEIR_OK ||
        value.n != conf->key.n) {
        return weir_reply(req, 403, WEIR_REASON_ACCESS_DENIED, none, none, "no key");
    }
    state->token = weir_suspend(req, 60000, NULL, NULL);
    weir_timer_start(conf->ms, on_over, state);
    return WEIR_AGAIN;
}

static weir_rc on_response(weir_req *req, const void *conf)
{
    (void)conf;
    return weir_edit(req, WEIR_RESPONSE, WEIR_SET, WEIR_STR("X-Kept"), WEIR_STR("yes"));
}

static weir_rc kept(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)req;
    (void)suffix;
    *out = WEIR_STR("kept");
    return WEIR_OK;
}

static weir_rc start(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str text;

    weir_eval(req, conf->text, &text);
    weir_chain_copy(weir_body(req), text.p, text.n);
    return weir_respond(req, 200, (int64_t)text.n);
}

static const weir_hook hooks[] = {
    {.phase = WEIR_REQ_ACCESS, .fn = on_access},
    {.phase = WEIR_RES_START, .fn = on_response},
};
static const weir_var vars[] = {
    {.name = "kept", .from = WEIR_REQ_START, .get = kept, .doc = "Always kept."},
};
static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("kept_0_1", "1"),
    .doc = "Was built for ABI 0.1.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .vars = vars,
    .var_n = WEIR_COUNT(vars),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .handler = &handler,
};

WEIR_MODULE(kept_0_1, 1, "handler var:kept", module)
