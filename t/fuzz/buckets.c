/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys in a limit's zone, driven by bytes: requests under way are never lost or counted
 * below zero, and a key that was pushed out comes back with what it owed, as long as no key kept its
 * place because of requests under way. */
#include <stdlib.h>
#include <string.h>

#include "buckets.h"

#define GROUPS 3
#define KEYS 64
#define OWNERS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All in one stripe; as little related to one another as those of a zone are. */
static uint64_t hash_of(unsigned key)
{
    uint64_t mixed = (key + 1) * 0xbf58476d1ce4e5b9u;

    mixed = (mixed ^ mixed >> 31) * 0x94d049bb133111ebu;
    return (mixed ^ mixed >> 29) >> 6;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bucket places[GROUPS * BUCKET_WAYS] = {0};
    const struct buckets stripe = {places, GROUPS};
    const struct rate rate = {.step_ns = 100, .tolerance_ns = 500};
    uint64_t now_ns = 1000, owed[KEYS] = {0}, ahead;
    unsigned held[KEYS][OWNERS + 1] = {{0}};
    bool was_held = false;

    for (size_t i = 0; i + 1 < size; i += 2) {
        unsigned key = data[i + 1] % KEYS, owner = 1 + data[i] % OWNERS;
        struct bucket *bucket;

        switch (data[i] / OWNERS % 5) {
        case 0:
            now_ns += data[i + 1];
            break;
        case 1:
            bucket = buckets_take(&stripe, hash_of(key), now_ns);
            if (bucket && !was_held && owed[key] > now_ns && bucket->due_ns < owed[key]) {
                abort();
            }
            if (bucket && rate_take(bucket, &rate, now_ns, &ahead) && ahead > rate.tolerance_ns) {
                abort();
            }
            owed[key] = bucket ? bucket->due_ns : owed[key];
            break;
        case 2:
            was_held = true;
            bucket = buckets_take(&stripe, hash_of(key), now_ns);
            held[key][owner] += bucket && buckets_hold(&stripe, bucket, owner, now_ns);
            break;
        case 3:
            if (held[key][owner]) {
                buckets_release(&stripe, hash_of(key), owner);
                held[key][owner]--;
            }
            break;
        case 4:
            buckets_disown(&stripe, owner);
            for (unsigned k = 0; k < KEYS; k++) {
                held[k][owner] = 0;
            }
            break;
        }
        bucket = buckets_find(&stripe, hash_of(key));
        unsigned sum = held[key][1] + held[key][2] + held[key][3];
        if (bucket ? bucket->in_flight != sum : sum != 0) {
            abort();
        }
    }
    return 0;
}
