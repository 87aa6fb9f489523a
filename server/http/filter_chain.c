/* SPDX-License-Identifier: Apache-2.0 */
#include "http/filter_chain.h"

#include "base/running.h"
#include "module/account.h"

/* Where the filter that runs right now may write, and up to which size. */
static struct {
    const struct weir_chain *out;
    uint64_t limit;
} now;

uint64_t filter_chain_room(const struct weir_chain *out)
{
    if (out != now.out) {
        return FILTER_WINDOW;
    }
    return out->bytes < now.limit ? now.limit - out->bytes : 0;
}

void *filter_chain_reserve(struct weir_chain *out, size_t want, size_t *got)
{
    void *p = chain_reserve(out, want, got);
    uint64_t room = filter_chain_room(out);

    if (*got > room) {
        *got = (size_t)room;
    }
    return p;
}

static bool is_whole(const struct filter_stage *stage)
{
    return stage->ops->props & WEIR_FILTER_WHOLE;
}

void filter_chain_put(struct filter_chain *chain, struct weir_chain *data, uint32_t flags)
{
    struct filter_stage *stage = &chain->stages[0];

    chain->taken += data->bytes;
    stage->has_news = true;
    stage->flush = stage->flush || flags & WEIR_IN_FLUSH;
    stage->ended = stage->ended || flags & WEIR_IN_END;
    chain_move(&stage->in, data, data->bytes);
}

static void fail(struct filter_chain *chain, const char *why)
{
    if (!chain->error) {
        chain->error = why;
    }
}

/* What the filter has not held back, neither does the next one. */
static void pass_marks_on(struct filter_stage *stage, struct filter_stage *next)
{
    if (next) {
        next->flush = next->flush || stage->flush;
        next->ended = next->ended || stage->ended;
        next->has_news = next->has_news || stage->flush || stage->ended;
    }
    stage->flush = false;
    stage->done = stage->ended;
}

static void settle(struct filter_chain *chain, struct filter_stage *stage,
                   struct filter_stage *next, weir_rc rc, bool moved)
{
    switch (rc) {
    case WEIR_OK:
        if (chain_is_empty(&stage->in)) {
            pass_marks_on(stage, next);
        } else if (stage->ended && !moved) {
            fail(chain, "a filter left bytes over at the end");
        }
        stage->has_news = stage->ended && !stage->done;
        break;
    case WEIR_MORE:
        if (!moved) {
            fail(chain, "a filter wants more room, and uses none");
        }
        break;
    case WEIR_AGAIN:
        stage->waits = true;
        break;
    default:
        fail(chain, "a filter failed");
    }
}

static bool may_run(const struct filter_stage *stage)
{
    return stage->has_news && !stage->done && !stage->waits && (stage->ended || !is_whole(stage));
}

/* False: it did nothing. */
static bool run_stage(struct filter_chain *chain, uint32_t i, struct weir_chain *out,
                      uint64_t limit)
{
    struct filter_stage *stage = &chain->stages[i];
    struct filter_stage *next = i + 1 < chain->n ? stage + 1 : NULL;

    if (next) {
        out = &next->in;
        limit = is_whole(next) ? FILTER_WHOLE_MAX + 1 : chain->window;
    }
    if (!may_run(stage) || out->bytes >= limit) {
        return false;
    }
    uint64_t had = stage->in.bytes, held = out->bytes;
    uint32_t flags = (stage->ended ? WEIR_IN_END : 0) | (stage->flush ? WEIR_IN_FLUSH : 0);
    now.out = out;
    now.limit = limit;
    struct account_call call = account_enter(stage->module, stage->account);
    weir_rc rc = stage->ops->run(chain->req, stage->state, &stage->in, out, flags);
    account_leave(&call);
    now.out = NULL;
    bool grew = out->bytes != held;
    if (grew && next) {
        next->has_news = true;
        if (is_whole(next) && out->bytes > FILTER_WHOLE_MAX) {
            fail(chain, "a filter needs the whole body, and it is larger than 1 MiB");
        }
    }
    settle(chain, stage, next, rc, grew || stage->in.bytes != had);
    return true;
}

bool filter_chain_run(struct filter_chain *chain, struct weir_chain *out, uint64_t limit)
{
    bool moved = true;

    if (chain->n && is_whole(&chain->stages[0]) && chain->stages[0].in.bytes > FILTER_WHOLE_MAX) {
        fail(chain, "a filter needs the whole body, and it is larger than 1 MiB");
    }
    while (moved && !chain->error) {
        moved = false;
        for (uint32_t i = 0; i < chain->n && !chain->error; i++) {
            moved = run_stage(chain, i, out, limit) || moved;
        }
    }
    return !chain->error;
}

bool filter_chain_can_run(const struct filter_chain *chain)
{
    for (uint32_t i = 0; i < chain->n; i++) {
        if (may_run(&chain->stages[i])) {
            return !chain->error;
        }
    }
    return false;
}

bool filter_chain_is_done(const struct filter_chain *chain)
{
    return chain->n == 0 || chain->stages[chain->n - 1].done;
}

uint64_t filter_chain_waiting(const struct filter_chain *chain)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < chain->n; i++) {
        n += is_whole(&chain->stages[i]) ? 0 : chain->stages[i].in.bytes;
    }
    return n;
}

void filter_chain_wake(struct filter_chain *chain)
{
    for (uint32_t i = 0; i < chain->n; i++) {
        chain->stages[i].waits = false;
    }
}

void filter_chain_close(struct filter_chain *chain)
{
    const struct module *outer = module_running;

    for (uint32_t i = 0; i < chain->n; i++) {
        struct filter_stage *stage = &chain->stages[i];

        chain_clear(&stage->in);
        if (stage->ops->close) {
            module_running = stage->module;
            stage->ops->close(chain->req, stage->state);
        }
    }
    module_running = outer;
    chain->n = 0;
}
