/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#include "http/filter_chain.h"

#define ROUNDS 3000
#define MOST 200 /* bytes of a body */

static unsigned closed;

static void count_close(weir_req *req, void *state)
{
    (void)req;
    (void)state;
    closed++;
}

/* Every byte twice. */
static weir_rc twice(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags)
{
    (void)req;
    (void)state;
    (void)flags;
    while (chain_load_first(in)) {
        size_t got;
        char *p = filter_chain_reserve(out, 2, &got);

        if (got == 0) {
            return WEIR_MORE;
        }
        p[0] = in->first->p[0];
        chain_commit(out, 1);
        chain_add_copy(out, in->first->p, 1);
        chain_drop(in, 1);
    }
    return WEIR_OK;
}

/* The first byte of each pair; takes nothing but pairs, if the window lets it. */
struct pairs {
    bool by_one, is_second;
};

static weir_rc half(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct pairs *pairs = state;
    uint64_t least = pairs->by_one || flags & WEIR_IN_END ? 1 : 2;

    (void)req;
    while (in->bytes >= least) {
        char byte;

        if (filter_chain_room(out) == 0) {
            return WEIR_MORE;
        }
        chain_peek(in, &byte, 1);
        if (!pairs->is_second) {
            chain_add_copy(out, &byte, 1);
        }
        if (pairs->by_one || in->bytes == 1) {
            pairs->is_second = !pairs->is_second;
            chain_drop(in, 1);
        } else {
            chain_drop(in, 2);
        }
    }
    return WEIR_OK;
}

struct held {
    char bytes[5];
    unsigned n, ends;
    bool again;
};

/* Holds five bytes back until it is told to flush, and is not ready now and then. */
static weir_rc hold(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct held *held = state;

    (void)req;
    held->again = !held->again;
    if (held->again && rand() % 3 == 0) {
        return WEIR_AGAIN;
    }
    while (in->bytes || (held->n && flags)) {
        if (held->n == 5 || in->bytes == 0) {
            if (filter_chain_room(out) == 0) {
                return WEIR_MORE;
            }
            chain_add_copy(out, held->bytes, 1);
            memmove(held->bytes, held->bytes + 1, --held->n);
        } else {
            chain_peek(in, held->bytes + held->n++, 1);
            chain_drop(in, 1);
        }
    }
    held->ends += (flags & WEIR_IN_END) != 0;
    return WEIR_OK;
}

/* Passes on, all at once. */
static weir_rc whole(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags)
{
    unsigned *calls = state;

    (void)req;
    *calls += flags & WEIR_IN_END && in->bytes > 0;
    if (filter_chain_room(out) == 0) {
        return WEIR_MORE;
    }
    chain_move(out, in, filter_chain_room(out));
    return in->bytes ? WEIR_MORE : WEIR_OK;
}

static weir_rc broken(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags)
{
    (void)req;
    (void)in;
    (void)out;
    (void)flags;
    return *(const weir_rc *)state;
}

static const weir_filter_ops ops[] = {
    {.size = sizeof(ops[0]), .name = "twice", .run = twice, .close = count_close},
    {.size = sizeof(ops[0]), .name = "hold", .run = hold, .close = count_close},
    {.size = sizeof(ops[0]), .name = "half", .run = half, .close = count_close},
    {.size = sizeof(ops[0]), .name = "whole", .props = WEIR_FILTER_WHOLE, .run = whole},
    {.size = sizeof(ops[0]), .name = "broken", .run = broken},
};

/* Sends `n` bytes through twice, hold and half with random pieces and windows: they must come out
 * as they went in. *most gets the most bytes that an edge held beyond its window. */
static bool one_round(size_t n, uint64_t *most)
{
    struct held held = {.n = 0};
    uint64_t window = 1 + (uint64_t)rand() % 16;
    struct pairs pairs = {.by_one = window == 1};
    struct filter_stage stages[] = {
        {.ops = &ops[0]}, {.ops = &ops[1], .state = &held}, {.ops = &ops[2], .state = &pairs}};
    struct filter_chain chain = {.stages = stages, .n = 3, .window = window};
    struct weir_chain out = {0};
    char body[MOST], result[MOST];
    size_t put = 0, got = 0;
    bool ended = false;

    for (size_t i = 0; i < n; i++) {
        body[i] = (char)rand();
    }
    for (unsigned turn = 0; turn < 20000 && !filter_chain_is_done(&chain); turn++) {
        if (!ended && stages[0].in.bytes < chain.window) {
            struct weir_chain piece = {0};
            size_t size = n - put < 7 ? n - put : (size_t)rand() % 7;

            chain_add_copy(&piece, body + put, size);
            put += size;
            ended = put == n;
            filter_chain_put(&chain, &piece,
                             (ended ? WEIR_IN_END : 0) | (rand() % 5 == 0 ? WEIR_IN_FLUSH : 0));
        }
        filter_chain_wake(&chain);
        if (!filter_chain_run(&chain, &out, 1 + (uint64_t)rand() % 3)) {
            return false;
        }
        for (unsigned i = 1; i < 3; i++) {
            uint64_t over = stages[i].in.bytes > chain.window ? stages[i].in.bytes - chain.window : 0;

            *most = over > *most ? over : *most;
        }
        chain_peek(&out, result + got, MOST - got);
        got += out.bytes;
        chain_clear(&out);
    }
    bool fine = filter_chain_is_done(&chain) && got == n && memcmp(body, result, n) == 0 &&
                held.ends == 1;
    filter_chain_close(&chain);
    filter_chain_close(&chain);
    return fine;
}

static bool fails(weir_rc rc)
{
    struct filter_stage stage = {.ops = &ops[4], .state = &rc};
    struct filter_chain chain = {.stages = &stage, .n = 1, .window = 10};
    struct weir_chain piece = {0}, out = {0};

    chain_add_copy(&piece, "abc", 3);
    filter_chain_put(&chain, &piece, WEIR_IN_END);
    bool fine = filter_chain_run(&chain, &out, 10);
    filter_chain_close(&chain);
    return !fine;
}

static bool whole_works(size_t n)
{
    unsigned calls = 0;
    struct filter_stage stage = {.ops = &ops[3], .state = &calls};
    struct filter_chain chain = {.stages = &stage, .n = 1, .window = 10};
    struct weir_chain out = {0};
    bool fine = true;

    for (size_t i = 0; i < n && fine; i += 1000) {
        struct weir_chain piece = {0};
        char bytes[1000] = {0};

        chain_add_copy(&piece, bytes, sizeof(bytes));
        filter_chain_put(&chain, &piece, 0);
        fine = filter_chain_run(&chain, &out, n + 1) && chain_is_empty(&out);
    }
    struct weir_chain none = {0};
    filter_chain_put(&chain, &none, WEIR_IN_END);
    fine = filter_chain_run(&chain, &out, n + 1) && out.bytes == n && calls == 1;
    filter_chain_close(&chain);
    chain_clear(&out);
    return fine;
}

int main(void)
{
    unsigned right = 0;
    uint64_t most = 0;

    srand(1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        right += one_round((size_t)rand() % MOST, &most);
    }
    ok(right == ROUNDS, "%u of %u bodies pass three filters through tiny windows", right, ROUNDS);
    ok(most <= 1, "no edge holds much more than its window");
    ok(closed == 3 * ROUNDS, "each filter is closed once");
    ok(fails(WEIR_ERROR), "ERROR fails");
    ok(fails(WEIR_MORE), "MORE without having moved anything fails");
    ok(fails(WEIR_OK), "bytes left over at the end fail");
    ok(whole_works(50000), "WHOLE gets the body at once");
    ok(!whole_works(2000000), "unless it is too large");
    return done_testing();
}
