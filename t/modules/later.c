/* SPDX-License-Identifier: Apache-2.0 */
/* later.c - answers from the lookup phase whose body comes bit by bit, by a timer or from a thread
 * that blocks. */
#include <string.h>
#include <time.h>
#include <weir/module.h>

enum mode { MODE_TIMER, MODE_THREAD, MODE_LENGTH, MODE_FAIL };
static const char *const modes[] = {"timer", "thread", "length", "fail", NULL};

struct conf {
    int64_t pieces;
    uint32_t mode;
};

struct state {
    weir_req *req;
    uint64_t timer;
    int64_t left;
    uint32_t mode;
    bool has_piece;
    weir_token token;
};

static const weir_opt options[] = {
    {.name = "pieces", .type = WEIR_T_INT, .offset = offsetof(struct conf, pieces), .dflt = "3"},
    {.name = "mode",
     .type = WEIR_T_ENUM,
     .names = modes,
     .offset = offsetof(struct conf, mode),
     .dflt = "timer"},
};

static void on_timer(void *arg)
{
    struct state *state = arg;

    state->timer = 0;
    state->has_piece = true;
    weir_pull_ready(state->req);
}

static weir_rc pull(weir_req *req, void *arg, weir_chain *out, size_t room)
{
    struct state *state = arg;

    if (room == 0) {
        return WEIR_MORE;
    }
    if (!state->has_piece && state->mode != MODE_LENGTH) {
        state->timer = weir_timer_start(2, on_timer, state);
        return WEIR_AGAIN;
    }
    state->has_piece = false;
    if (state->left-- == 0) {
        return state->mode == MODE_FAIL ? WEIR_ERROR : WEIR_OK;
    }
    weir_chain_copy(out, weir_ctx(req) == state ? "piece " : "wrong ", 6);
    return WEIR_MORE;
}

static void end(weir_req *req, void *arg)
{
    struct state *state = arg;

    weir_timer_stop(state->timer);
    weir_log(WEIR_LOG_WARN, req, "later: the answer ended, %d pieces left", (int)state->left);
}

/* ---- work that blocks ---- */

struct work {
    weir_token token;
    uint64_t sum;
};

static struct work works[64];
static uint32_t work_at;

static void block(void *arg)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    struct work *work = arg;

    nanosleep(&pause, NULL);
    for (uint64_t i = 0; i < 1000; i++) {
        work->sum += i;
    }
}

static void unblock(void *arg)
{
    struct work *work = arg;

    if (work->sum != 499500 || weir_resume(work->token, WEIR_NEXT) == WEIR_GONE) {
        weir_log(WEIR_LOG_WARN, NULL, "later: nobody waits for it any more");
    }
}

static weir_rc on_access(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    struct work *work = &works[work_at++ % WEIR_COUNT(works)];

    if (conf->mode != MODE_THREAD) {
        return WEIR_NEXT;
    }
    *work = (struct work){.token = weir_suspend(req, 5000, NULL, NULL)};
    return weir_offload(block, unblock, work) == WEIR_OK ? WEIR_AGAIN : WEIR_ERROR;
}

static weir_rc on_lookup(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    struct state *state = weir_ctx(req);

    if (conf->mode == MODE_THREAD) {
        return WEIR_NEXT;
    }
    state->req = req;
    state->left = conf->pieces;
    state->mode = conf->mode;
    return weir_respond_from(req, 200, conf->mode == MODE_LENGTH ? 6 * conf->pieces : -1, pull, end,
                             state);
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access},
                                  {.phase = WEIR_REQ_LOOKUP, .fn = on_lookup}};

static const weir_module module = {
    WEIR_MODULE_HEAD("later", "1"),
    .doc = "Answers in its own time.",
    .scopes = WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
};

WEIR_MODULE(later, 3, "", module)
