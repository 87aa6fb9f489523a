/* SPDX-License-Identifier: Apache-2.0 */
/* double.c - body filters: requests and responses with every byte twice, and one that only counts. */
#include <stdlib.h>
#include <string.h>
#include <weir/module.h>

enum mode { MODE_BOTH, MODE_COUNT, MODE_WAIT, MODE_FAIL };
static const char *const modes[] = {"both", "count", "wait", "fail", NULL};

struct conf {
    uint32_t mode;
};

static const weir_opt options[] = {{.name = "mode",
                                    .type = WEIR_T_ENUM,
                                    .names = modes,
                                    .offset = offsetof(struct conf, mode),
                                    .dflt = "both"}};

struct state {
    weir_req *req;
    uint32_t mode;
    uint64_t bytes;
    uint64_t timer;
    bool waited;
};

static weir_rc open_filter(weir_req *req, const void *conf_, void **state_)
{
    const struct conf *conf = conf_;
    struct state *state = weir_alloc(req, sizeof(*state));

    *state = (struct state){.req = req, .mode = conf->mode};
    *state_ = state;
    return conf->mode == MODE_COUNT ? WEIR_NEXT : WEIR_DONE;
}

static void on_timer(void *arg)
{
    struct state *state = arg;

    state->timer = 0;
    weir_pull_ready(state->req);
}

static weir_rc run(weir_req *req, void *state_, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct state *state = state_;
    weir_str bytes;

    (void)req;
    if (state->mode == MODE_WAIT && !state->waited) {
        state->waited = true;
        state->timer = weir_timer_start(5, on_timer, state);
        return WEIR_AGAIN;
    }
    while (weir_chain_first(in, &bytes)) {
        size_t got, n = 0;
        char *to = weir_chain_reserve(out, 2 * bytes.n, &got);

        for (; n < bytes.n && 2 * n + 1 < got; n++) {
            to[2 * n] = to[2 * n + 1] = bytes.p[n];
        }
        if (n == 0 && got == 1) {
            to[0] = bytes.p[0];
            weir_chain_commit(out, 1);
            weir_chain_copy(out, bytes.p, 1);
            n = 1;
        } else {
            weir_chain_commit(out, 2 * n);
        }
        weir_chain_drop(in, n);
        state->bytes += n;
        if (state->mode == MODE_FAIL && state->bytes > 100000) {
            return WEIR_ERROR;
        }
        if (weir_chain_room(out) == 0) {
            return WEIR_MORE;
        }
    }
    (void)flags;
    return WEIR_OK;
}

static void close_filter(weir_req *req, void *state_)
{
    struct state *state = state_;

    weir_timer_stop(state->timer);
    weir_log(WEIR_LOG_WARN, req, "double: closed after %llu", (unsigned long long)state->bytes);
}

/* ---- one that looks on ---- */

static weir_rc open_count(weir_req *req, const void *conf_, void **state_)
{
    const struct conf *conf = conf_;

    open_filter(req, conf, state_);
    return conf->mode == MODE_COUNT ? WEIR_DONE : WEIR_NEXT;
}

static weir_rc count(weir_req *req, void *state_, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct state *state = state_;

    (void)req;
    (void)flags;
    state->bytes += weir_chain_move(out, in, weir_chain_room(out));
    return weir_chain_bytes(in) ? WEIR_MORE : WEIR_OK;
}

#define DOUBLE(side_)                                                                              \
    {.size = sizeof(weir_filter_ops), .stage = WEIR_FILTER_TRANSFORM, .name = "double",            \
     .props = WEIR_FILTER_LENGTH | WEIR_FILTER_BYTES | WEIR_FILTER_NO_RANGE, .side = (side_),      \
     .open = open_filter, .run = run, .close = close_filter}
static const weir_filter_ops request_ops = DOUBLE(WEIR_REQUEST);
static const weir_filter_ops response_ops = DOUBLE(WEIR_RESPONSE);
static const weir_filter_ops count_ops = {.size = sizeof(weir_filter_ops),
                                          .stage = WEIR_FILTER_CAPTURE,
                                          .props = WEIR_FILTER_READONLY | WEIR_FILTER_FILE_OK,
                                          .name = "count",
                                          .side = WEIR_RESPONSE,
                                          .open = open_count,
                                          .run = count,
                                          .close = close_filter};
static const weir_filter_ops *const filters[] = {&count_ops, &request_ops, &response_ops, NULL};

static const weir_module module = {
    WEIR_MODULE_HEAD("double", "1"),
    .doc = "Doubles.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .filters = filters,
};

WEIR_MODULE(double, 3, "", module)
