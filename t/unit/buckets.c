/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>

#include "../../modules/limit/buckets.h"

#define GROUPS 64
#define SECOND 1000000000ull

static struct bucket places[GROUPS * BUCKET_WAYS];
static const struct buckets stripe = {places, GROUPS};

static uint64_t random_u64(void)
{
    static uint64_t state = 7;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 32) * 0x9e3779b97f4a7c15u | 1;
}

static void clear(void)
{
    for (size_t i = 0; i < GROUPS * BUCKET_WAYS; i++) {
        places[i] = (struct bucket){0};
    }
}

static void test_rate(void)
{
    const struct rate rate = {SECOND / 10, 5 * (SECOND / 10)};
    unsigned passed = 0;
    uint64_t ahead;

    clear();
    struct bucket *bucket = buckets_take(&stripe, 99, SECOND);
    for (int i = 0; i < 100; i++) {
        passed += rate_take(bucket, &rate, SECOND, &ahead);
    }
    ok(passed == 6, "burst 5: 6 at once (%u)", passed);
    ok(rate_remaining(bucket, &rate, SECOND) == 0, "then none remains");
    ok(ahead == 6 * (SECOND / 10), "and it says how early the refused one is");
    ok(rate_remaining(bucket, &rate, SECOND + SECOND / 10) == 1, "a step later one more");
    rate_give_back(bucket, &rate);
    ok(rate_remaining(bucket, &rate, SECOND) == 1, "one is given back");
    for (uint64_t now = 2 * SECOND; now < 102 * SECOND; now += SECOND / 1000) {
        passed += rate_take(bucket, &rate, now, &ahead);
    }
    ok(passed == 6 + 6 + 999, "100 seconds at 10 r/s with 6 at hand: 1005 (%u)", passed - 6);
}

/* Whoever owes more than others may keep or share a debt, never lose it. */
static void test_eviction(void)
{
    const struct rate rate = {SECOND, 100 * SECOND};
    unsigned freed = 0, passed = 0;
    uint64_t ahead, now = SECOND;

    clear();
    for (int i = 0; i < 101; i++) {
        rate_take(buckets_take(&stripe, 12345, now), &rate, now, &ahead);
    }
    for (int i = 0; i < 1000000; i++) {
        rate_take(buckets_take(&stripe, random_u64(), now), &rate, now, &ahead);
        if (i % 10000 == 0) {
            freed += rate_take(buckets_take(&stripe, 12345, now), &rate, now, &ahead);
        }
    }
    ok(freed == 0, "a million other keys do not clear a key that has used up its rate (%u)", freed);

    clear();
    for (int i = 0; i < 5000000; i++) { /* taking turns with 3000 keys in 256 places */
        uint64_t key = (uint64_t)(i % 3000 + 1) * 0x9e3779b97f4a7c15u;

        passed += rate_take(buckets_take(&stripe, key, now), &rate, now, &ahead);
    }
    ok(passed <= 3000 * 101, "pushing each other out gains no requests (%u of at most %u)", passed,
       3000 * 101);
}

static void test_holds(void)
{
    const uint64_t key = 0x0123456789abcdef;

    clear();
    struct bucket *bucket = buckets_take(&stripe, key, SECOND);
    bool all = true;
    for (uint32_t i = 0; i < 30; i++) {
        all = buckets_hold(&stripe, bucket, 1 + i % 3, SECOND) && all;
    }
    ok(all && bucket->in_flight == 30, "30 requests of three workers");
    for (int i = 0; i < 100000; i++) {
        buckets_take(&stripe, random_u64(), SECOND)->due_ns = 5 * SECOND;
    }
    ok(buckets_find(&stripe, key) == bucket, "a key with requests under way keeps its place");
    for (int i = 0; i < 5; i++) {
        buckets_release(&stripe, key, 2);
    }
    ok(bucket->in_flight == 25, "five have ended");
    buckets_disown(&stripe, 3);
    ok(bucket->in_flight == 15, "a worker has died with ten");
    for (int i = 0; i < 10; i++) {
        buckets_release(&stripe, key, 3);
    }
    ok(bucket->in_flight == 15, "what it had cannot be released again");
    buckets_disown(&stripe, 1);
    buckets_disown(&stripe, 2);
    ok(bucket->in_flight == 0, "none is left");

    clear();
    unsigned held = 0;
    for (int i = 0; i < 100000; i++) {
        struct bucket *one = buckets_take(&stripe, random_u64(), SECOND);

        held += one && buckets_hold(&stripe, one, 1, SECOND);
    }
    ok(held > GROUPS && held <= GROUPS * BUCKET_WAYS / 2, "a full table says so (%u held)", held);
}

int main(void)
{
    test_rate();
    test_eviction();
    test_holds();
    return done_testing();
}
