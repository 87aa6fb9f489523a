/* SPDX-License-Identifier: Apache-2.0 */
/* The index and its policy: invariants under random use, and hit ratios beside LRU's on three
 * synthetic traces (the figures are in doc/performance.md: run with an argument to print them). */
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "index.h"

static uint64_t seed = 1;

static uint64_t random64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double uniform(void)
{
    return (double)(random64() >> 11) / 9007199254740992.0;
}

static struct id id_of_number(uint32_t number)
{
    char text[12];
    int n = snprintf(text, sizeof(text), "%u", number);

    return id_of((weir_str){text, (size_t)n}, (weir_str){NULL, 0});
}

/* ---- traces: numbers of objects ---- */

#define OBJECTS 100000
#define REQUESTS 1000000
#define ROOM 5000 /* a cache of a twentieth of the objects */

static double weights[OBJECTS];

static void make_zipf(double exponent)
{
    double sum = 0;

    for (int i = 0; i < OBJECTS; i++) {
        sum += 1 / pow(i + 1, exponent);
        weights[i] = sum;
    }
    for (int i = 0; i < OBJECTS; i++) {
        weights[i] /= sum;
    }
}

static uint32_t zipf(void)
{
    double u = uniform();
    int low = 0, high = OBJECTS - 1;

    while (low < high) {
        int middle = (low + high) / 2;

        if (weights[middle] < u) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (uint32_t)low;
}

typedef uint32_t trace_fn(uint32_t step);

static uint32_t trace_zipf(uint32_t step)
{
    (void)step;
    return zipf();
}

/* A third of the requests is a crawler that walks through everything, again and again. */
static uint32_t trace_scan(uint32_t step)
{
    return step % 3 == 0 ? step / 3 % OBJECTS : zipf();
}

/* Every tenth of the trace other objects are the popular ones. */
static uint32_t trace_shift(uint32_t step)
{
    return (zipf() + step / (REQUESTS / 10) * 7919) % OBJECTS;
}

/* ---- the two policies ---- */

static double run_s3(trace_fn *trace)
{
    struct index *ix = malloc(index_bytes(ROOM));
    unsigned hits = 0;

    seed = 42;
    index_init(ix, ROOM, 7);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        struct id id = id_of_number(trace(i));
        struct entry *entry = index_find(ix, id);

        if (entry) {
            hits++;
            index_touch(entry);
            continue;
        }
        entry = index_add(ix, id);
        if (!entry) {
            index_remove(ix, index_victim(ix));
            entry = index_add(ix, id);
        }
        index_set_bytes(ix, entry, 1);
    }
    free(ix);
    return (double)hits / REQUESTS;
}

/* Plain LRU: an array of stamps would be slow, so a list by object. */
static double run_lru(trace_fn *trace)
{
    static uint32_t newer[OBJECTS + 1], older[OBJECTS + 1];
    static bool there[OBJECTS + 1];
    unsigned hits = 0, n = 0;
    const uint32_t root = OBJECTS; /* newer[root]: the oldest; older[root]: the newest */

    memset(there, 0, sizeof(there));
    newer[root] = older[root] = root;
    seed = 42;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        uint32_t object = trace(i);

        if (there[object]) {
            hits++;
            newer[older[object]] = newer[object];
            older[newer[object]] = older[object];
        } else if (n == ROOM) {
            uint32_t last = newer[root];

            newer[root] = newer[last];
            older[newer[last]] = root;
            there[last] = false;
        } else {
            n++;
        }
        there[object] = true;
        older[object] = older[root];
        newer[object] = root;
        newer[older[root]] = object;
        older[root] = object;
    }
    return (double)hits / REQUESTS;
}

static void test_ratios(bool print)
{
    static const struct {
        const char *name;
        trace_fn *trace;
        double gain; /* at least so much more than LRU */
    } traces[] = {
        {"zipf 0.9", trace_zipf, 0.04},
        {"zipf 0.9 and a scan", trace_scan, 0.06},
        {"zipf 0.9, changing popularity", trace_shift, 0.01},
    };

    make_zipf(0.9);
    for (int i = 0; i < 3; i++) {
        double s3 = run_s3(traces[i].trace), lru = run_lru(traces[i].trace);

        if (print) {
            printf("# | %s | %.1f %% | %.1f %% |\n", traces[i].name, 100 * lru, 100 * s3);
        }
        ok(s3 > lru + traces[i].gain, "%s: more hits than LRU", traces[i].name);
    }
}

/* ---- invariants ---- */

static void test_index(void)
{
    enum { N = 100 };
    struct index *ix = malloc(index_bytes(N));
    uint32_t at = 0, seen = 0;
    uint64_t bytes = 0;
    bool fine = true;

    index_init(ix, N, 1);
    for (int i = 0; i < 20000; i++) {
        struct id id = id_of_number((uint32_t)(random64() % 300));
        struct entry *entry = index_find(ix, id);

        if (entry && random64() % 4 == 0) {
            index_remove(ix, entry);
        } else if (entry) {
            index_touch(entry);
            index_set_bytes(ix, entry, random64() % 1000);
        } else if (!(entry = index_add(ix, id))) {
            index_remove(ix, index_victim(ix));
        }
        fine = fine && ix->entry_n <= N &&
               ix->entry_n == ix->queues[QUEUE_SMALL].n + ix->queues[QUEUE_MAIN].n;
    }
    for (struct entry *entry; (entry = index_next(ix, &at));) {
        seen++;
        bytes += entry->bytes;
        fine = fine && index_find(ix, entry->id) == entry;
    }
    ok(fine && seen == ix->entry_n && bytes == index_total(ix),
       "entries, queues and bytes agree after 20,000 changes");
    index_init(ix, 2, 1);
    index_add(ix, id_of_number(1))->fetch_serial = 1;
    index_add(ix, id_of_number(2));
    ok(!index_add(ix, id_of_number(3)), "a full index says so");
    ok(id_is(index_victim(ix)->id, id_of_number(2)), "what is being fetched does not go");
    index_remove(ix, index_find(ix, id_of_number(2)));
    ok(!index_victim(ix), "nor if it is the last");
    free(ix);
}

/* Every byte of a piece is its own. */
static void test_blocks(void)
{
    enum { N = 1000, PIECES = 200 };
    struct blocks *b = malloc(blocks_overhead(N) + (size_t)N * BLOCK_SIZE);
    struct { uint32_t handle; unsigned order; unsigned char mark; } pieces[PIECES] = {{0}};
    bool fine = true;

    blocks_init(b, N);
    for (int i = 0; i < 50000; i++) {
        size_t k = random64() % PIECES;

        if (!pieces[k].handle) {
            pieces[k].order = (unsigned)(random64() % 5);
            pieces[k].mark = (unsigned char)random64();
            pieces[k].handle = blocks_take(b, pieces[k].order);
            if (pieces[k].handle) {
                memset(blocks_at(b, pieces[k].handle), pieces[k].mark,
                       (size_t)BLOCK_SIZE << pieces[k].order);
            }
            continue;
        }
        const unsigned char *p = blocks_at(b, pieces[k].handle);
        size_t n = (size_t)BLOCK_SIZE << pieces[k].order;
        fine = fine && p[0] == pieces[k].mark && memcmp(p, p + 1, n - 1) == 0;
        blocks_give(b, pieces[k].handle);
        pieces[k].handle = 0;
    }
    ok(fine, "pieces of memory do not overlap");
    uint32_t kept[PIECES], kept_n = 0, kept_blocks = 0;
    for (size_t k = 0; k < PIECES; k++) {
        if (!pieces[k].handle) {
            continue;
        }
        uint32_t at = kept_n++;
        kept_blocks += 1u << pieces[k].order;
        for (; at > 0 && kept[at - 1] > pieces[k].handle; at--) {
            kept[at] = kept[at - 1];
        }
        kept[at] = pieces[k].handle;
    }
    blocks_repair(b, kept, kept_n);
    ok(b->free_n == N - kept_blocks, "a repair frees all but what is kept");
    for (size_t k = 0; k < PIECES; k++) {
        if (pieces[k].handle) {
            const unsigned char *p = blocks_at(b, pieces[k].handle);

            fine = fine && p[0] == pieces[k].mark;
            blocks_give(b, pieces[k].handle);
        }
    }
    ok(fine && b->free_n == N, "and that can be given back afterwards");
    free(b);
}

int main(int argc, char **argv)
{
    (void)argv;
    test_blocks();
    test_index();
    test_ratios(argc > 1);
    return done_testing();
}
