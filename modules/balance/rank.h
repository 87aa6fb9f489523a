/* SPDX-License-Identifier: Apache-2.0 */
/* rank.h - an order of the peers for each key, the same everywhere and always (rendezvous hashing):
 * when a peer leaves, its keys go to the next of their own order, and no others move. */
#ifndef BALANCE_RANK_H
#define BALANCE_RANK_H

#include <math.h>

#include <weir/module.h>

static inline uint64_t rank_mix(uint64_t h)
{
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53ULL;
    return h ^ h >> 33;
}

static inline uint64_t rank_key(weir_str key)
{
    uint64_t h = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < key.n; i++) {
        h = (h ^ (unsigned char)key.p[i]) * 0x100000001b3ULL;
    }
    return rank_mix(h);
}

/* Of two peers, the one with less comes first for that key; weights hold. */
static inline double rank_of(uint64_t key, const weir_peer *peer)
{
    uint64_t h = rank_mix(key ^ (uint64_t)weir_peer_info(peer, WEIR_PEER_ID));
    double u = ((double)(h >> 11) + 0.5) / 9007199254740992.0; /* above 0, below 1 */

    return -log(u) / (double)weir_peer_info(peer, WEIR_PEER_WEIGHT);
}

#endif
