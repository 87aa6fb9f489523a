/* SPDX-License-Identifier: Apache-2.0 */
#include "buckets.h"

#include <stddef.h>

/* Two neighbours, from a part of the hash that the stripe was not chosen by. Keys that share one group
 * share the other: so where a key is pushed out, nobody stays behind who owes less than it. */
static void groups_of(const struct buckets *stripe, uint64_t hash, struct bucket *groups[2])
{
    uint32_t pairs = (stripe->group_n + 1) / 2;
    uint32_t first = 2 * (uint32_t)((hash & UINT32_MAX) * pairs >> 32);
    uint32_t second = first + 1 < stripe->group_n ? first + 1 : first;

    groups[0] = stripe->at + (size_t)first * BUCKET_WAYS;
    groups[1] = stripe->at + (size_t)second * BUCKET_WAYS;
}

/* What a bucket would lose if it went: the later of its two times. */
static uint64_t debt(const struct bucket *bucket)
{
    return bucket->due_ns > bucket->bytes_due_ns ? bucket->due_ns : bucket->bytes_due_ns;
}

struct bucket *buckets_find(const struct buckets *stripe, uint64_t hash)
{
    struct bucket *groups[2];

    groups_of(stripe, hash, groups);
    for (int g = 0; g < 2; g++) {
        for (int i = 0; i < BUCKET_WAYS; i++) {
            if (groups[g][i].hash == hash) {
                return &groups[g][i];
            }
        }
    }
    return NULL;
}

struct bucket *buckets_take(const struct buckets *stripe, uint64_t hash, uint64_t now_ns)
{
    struct bucket *least = NULL, *groups[2];

    groups_of(stripe, hash, groups);
    for (int g = 0; g < 2; g++) {
        for (int i = 0; i < BUCKET_WAYS; i++) {
            struct bucket *bucket = &groups[g][i];

            if (bucket->hash == hash) {
                return bucket;
            }
            if (bucket->in_flight == 0 && (!least || debt(bucket) < debt(least))) {
                least = bucket;
            }
        }
    }
    if (!least) {
        return NULL;
    }
    if (debt(least) <= now_ns) {
        *least = (struct bucket){0}; /* free, or owes nothing */
    }
    least->hash = hash;
    return least;
}

/* ---- requests under way ---- */

/* The hash of a worker's share; the same function leads back. The stripe stays the same. */
static uint64_t share_hash(uint64_t hash, uint32_t owner)
{
    uint64_t mixed = hash ^ (owner * 0x9e3779b97f4a7c15u & ~(uint64_t)0 >> 6);

    return mixed ? mixed : 1;
}

bool buckets_hold(const struct buckets *stripe, struct bucket *bucket, uint32_t owner,
                  uint64_t now_ns)
{
    bucket->in_flight++; /* so that it keeps its place while one is found for the share */
    struct bucket *share = buckets_take(stripe, share_hash(bucket->hash, owner), now_ns);

    if (!share || (share->owner && share->owner != owner)) {
        bucket->in_flight--;
        return false;
    }
    share->owner = owner;
    share->in_flight++;
    return true;
}

static void drop(struct bucket *bucket, uint32_t n)
{
    bucket->in_flight -= n < bucket->in_flight ? n : bucket->in_flight;
}

void buckets_release(const struct buckets *stripe, uint64_t hash, uint32_t owner)
{
    struct bucket *share = buckets_find(stripe, share_hash(hash, owner));
    struct bucket *bucket = buckets_find(stripe, hash);

    if (!share || !bucket || share->in_flight == 0) {
        return;
    }
    drop(bucket, 1);
    if (--share->in_flight == 0) {
        share->owner = 0; /* what it took over as a debt stays */
    }
}

void buckets_disown(const struct buckets *stripe, uint32_t owner)
{
    for (size_t i = 0; i < (size_t)stripe->group_n * BUCKET_WAYS; i++) {
        struct bucket *share = &stripe->at[i];

        if (share->owner != owner) {
            continue;
        }
        struct bucket *bucket = buckets_find(stripe, share_hash(share->hash, owner));
        if (bucket) {
            drop(bucket, share->in_flight);
        }
        share->owner = share->in_flight = 0;
    }
}

/* ---- rates ---- */

bool rate_take(struct bucket *bucket, const struct rate *rate, uint64_t now_ns, uint64_t *ahead_ns)
{
    uint64_t due = bucket->due_ns > now_ns ? bucket->due_ns : now_ns;

    *ahead_ns = due - now_ns;
    if (*ahead_ns > rate->tolerance_ns) {
        return false;
    }
    bucket->due_ns = due + rate->step_ns;
    return true;
}

void rate_give_back(struct bucket *bucket, const struct rate *rate)
{
    if (bucket->due_ns > rate->step_ns) {
        bucket->due_ns -= rate->step_ns;
    }
}

uint64_t rate_remaining(const struct bucket *bucket, const struct rate *rate, uint64_t now_ns)
{
    uint64_t ahead = bucket->due_ns > now_ns ? bucket->due_ns - now_ns : 0;

    return ahead > rate->tolerance_ns ? 0 : (rate->tolerance_ns - ahead) / rate->step_ns + 1;
}
