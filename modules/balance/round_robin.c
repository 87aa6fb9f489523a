/* SPDX-License-Identifier: Apache-2.0 */
/* round_robin - peers take turns, in proportion to their weights.
 *
 * Every peer has credit. A pick gives each usable peer its weight, takes the one with the most
 * credit, and makes that one pay what all were given. Weights 5 and 1 give A A A B A A: the heavy
 * peer's turns are spread, not bunched. Peers that are out neither earn nor pay, so one that comes
 * back is not flooded.
 */
#include "balance.h"

#include <stdlib.h>

struct peer {
    weir_peer *peer;
    int64_t credit;
};

struct round_robin {
    uint32_t n;
    struct peer peers[];
};

static void *rr_open(weir_peer *const *peers, uint32_t n)
{
    struct round_robin *rr = calloc(1, sizeof(*rr) + n * sizeof(rr->peers[0]));

    if (!rr) {
        return NULL;
    }
    rr->n = n;
    for (uint32_t i = 0; i < n; i++) {
        rr->peers[i].peer = peers[i];
    }
    return rr;
}

static void rr_close(void *state)
{
    free(state);
}

static weir_rc rr_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    struct round_robin *rr = state;
    struct peer *best = NULL;
    int64_t total = 0;

    (void)req;
    for (uint32_t word = 0; word * 64 < rr->n; word++) {
        for (uint64_t bits = usable[word]; bits; bits &= bits - 1) {
            struct peer *peer = &rr->peers[word * 64 + (uint32_t)__builtin_ctzll(bits)];
            int64_t weight = weir_peer_info(peer->peer, WEIR_PEER_WEIGHT);

            /* A weight of 0 drains: nothing is earned, so others go first while there are any. */
            peer->credit += weight;
            total += weight;
            if (!best || peer->credit > best->credit) {
                best = peer;
            }
        }
    }
    if (!best) {
        return WEIR_NEXT;
    }
    best->credit -= total;
    *index = (uint32_t)(best - rr->peers);
    return WEIR_OK;
}

const weir_balancer_ops balance_round_robin = {
    .size = sizeof(balance_round_robin),
    .name = "round_robin",
    .open = rr_open,
    .close = rr_close,
    .pick = rr_pick,
};
