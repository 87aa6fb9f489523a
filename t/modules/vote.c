/* SPDX-License-Identifier: Apache-2.0 */
/* vote.c - two hooks in the access phase, and one in another, that say what they are told to. */
#include <weir/module.h>

enum vote { VOTE_NEXT, VOTE_DONE, VOTE_REFUSE, VOTE_LOGIN, VOTE_FAIL, VOTE_LATER };
static const char *const votes[] = {"next", "done", "refuse", "login", "fail", "later", NULL};

struct conf {
    uint32_t first, second, limit;
};

#define OPT(name_)                                                                                 \
    {.name = #name_, .type = WEIR_T_ENUM, .names = votes, .offset = offsetof(struct conf, name_),  \
     .dflt = "next"}
static const weir_opt options[] = {OPT(first), OPT(second), OPT(limit)};

struct state {
    weir_req *req;
    weir_token token;
};

/* A refusal that is found out later. */
static void on_later(void *arg)
{
    struct state *state = arg;

    weir_resume(state->token, weir_reply(state->req, 403, WEIR_REASON_ACCESS_DENIED, WEIR_STR(""),
                                         WEIR_STR(""), "refused later"));
}

static weir_rc say(weir_req *req, uint32_t vote)
{
    struct state *state = weir_ctx(req);

    switch (vote) {
    case VOTE_DONE:
        return WEIR_DONE;
    case VOTE_REFUSE:
        weir_edit(req, WEIR_RESPONSE, WEIR_SET, WEIR_STR("X-Refused"), WEIR_STR("yes"));
        return weir_reply(req, 403, WEIR_REASON_ACCESS_DENIED, WEIR_STR(""), WEIR_STR(""), "refused");
    case VOTE_LOGIN:
        weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_WWW_AUTHENTICATE,
                        WEIR_STR("Basic realm=\"x\""));
        return weir_reply(req, 401, WEIR_REASON_ACCESS_DENIED, WEIR_STR(""), WEIR_STR(""), "login");
    case VOTE_FAIL:
        return WEIR_ERROR;
    case VOTE_LATER:
        state->req = req;
        state->token = weir_suspend(req, 5000, NULL, NULL);
        weir_timer_start(1, on_later, state);
        return WEIR_AGAIN;
    default:
        return WEIR_NEXT;
    }
}

static weir_rc first(weir_req *req, const void *conf)
{
    return say(req, ((const struct conf *)conf)->first);
}

static weir_rc second(weir_req *req, const void *conf)
{
    weir_edit(req, WEIR_REQUEST, WEIR_SET, WEIR_STR("X-Second"), WEIR_STR("asked"));
    return say(req, ((const struct conf *)conf)->second);
}

static weir_rc limit(weir_req *req, const void *conf)
{
    return say(req, ((const struct conf *)conf)->limit);
}

static const weir_hook hooks[] = {
    {.phase = WEIR_REQ_ACCESS, .stage = -1, .fn = first},
    {.phase = WEIR_REQ_ACCESS, .stage = 1, .fn = second},
    {.phase = WEIR_REQ_LIMIT, .fn = limit},
};

static const weir_module module = {
    WEIR_MODULE_HEAD("vote", "1"),
    .doc = "Votes.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
};

WEIR_MODULE(vote, 3, "", module)
