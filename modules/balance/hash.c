/* SPDX-License-Identifier: Apache-2.0 */
/* hash - the same key, the same peer, as long as that one has not far more to do than the others:
 * then the next of the key's order (consistent hashing with bounded loads). */
#include "balance.h"
#include "rank.h"

#include <stdlib.h>

#define LOAD_PERCENT 125 /* of its share of the requests under way that a peer takes */
#define LOAD_ALWAYS 8    /* requests that it takes in any case: few do not say much */

struct hash {
    weir_peer *const *peers;
    uint32_t n;
    const weir_template *key;
};

static void *hash_create(const weir_balancer_group *group)
{
    struct hash *hash = calloc(1, sizeof(*hash));

    if (hash) {
        hash->peers = group->peers;
        hash->n = group->n;
        hash->key = group->key;
    }
    return hash;
}

struct load {
    int64_t busy, weight; /* of all usable peers */
};

static struct load load_of_all(const struct hash *hash, const uint64_t *usable)
{
    struct load load = {0};

    for (uint32_t word = 0; word * 64 < hash->n; word++) {
        for (uint64_t bits = usable[word]; bits; bits &= bits - 1) {
            const weir_peer *peer = hash->peers[word * 64 + (uint32_t)__builtin_ctzll(bits)];

            load.busy += weir_peer_info(peer, WEIR_PEER_IN_FLIGHT);
            load.weight += weir_peer_info(peer, WEIR_PEER_WEIGHT);
        }
    }
    return load;
}

static bool is_overloaded(const weir_peer *peer, const struct load *all)
{
    int64_t busy = weir_peer_info(peer, WEIR_PEER_IN_FLIGHT);

    return busy >= LOAD_ALWAYS &&
           (busy + 1) * all->weight * 100 >
               (all->busy + 1) * weir_peer_info(peer, WEIR_PEER_WEIGHT) * LOAD_PERCENT;
}

static weir_rc hash_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    const struct hash *hash = state;
    struct load all = load_of_all(hash, usable);
    double first = INFINITY, first_free = INFINITY;
    uint32_t best = 0, best_free = 0;
    weir_str text;

    weir_eval(req, hash->key, &text);
    uint64_t key = rank_key(text);
    for (uint32_t word = 0; word * 64 < hash->n; word++) {
        for (uint64_t bits = usable[word]; bits; bits &= bits - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
            double rank = rank_of(key, hash->peers[i]);

            if (rank < first) {
                first = rank;
                best = i;
            }
            if (rank < first_free && !is_overloaded(hash->peers[i], &all)) {
                first_free = rank;
                best_free = i;
            }
        }
    }
    *index = first_free < INFINITY ? best_free : best;
    return first < INFINITY ? WEIR_OK : WEIR_NEXT;
}

const weir_balancer_ops balance_hash = {
    .size = sizeof(balance_hash),
    .name = "hash",
    .create = hash_create,
    .close = free,
    .pick = hash_pick,
    .needs_key = true,
};
