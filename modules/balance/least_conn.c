/* SPDX-License-Identifier: Apache-2.0 */
/* least_conn - the peer with the fewest requests under way, all workers' counted, in proportion to
 * its weight; among equals, by turns. */
#include "balance.h"
#include "turns.h"

#include <stdlib.h>

struct least_conn {
    weir_peer *const *peers;
    uint32_t n;
    struct turns turns;
    uint64_t equals[]; /* a bit set of peers */
};

static void *lc_create(const weir_balancer_group *group)
{
    size_t words = (group->n + 63) / 64;
    struct least_conn *lc = calloc(1, sizeof(*lc) + words * sizeof(uint64_t));

    if (lc) {
        lc->peers = group->peers;
        lc->n = group->n;
        turns_init(&lc->turns, group);
    }
    return lc;
}

/* Leaves in lc->equals those of the usable that are least busy. */
static void find_least(struct least_conn *lc, const uint64_t *usable)
{
    int64_t least = 0, least_share = 0; /* their quotient is compared, without dividing */

    for (uint32_t word = 0; word * 64 < lc->n; word++) {
        lc->equals[word] = 0;
        for (uint64_t bits = usable[word]; bits; bits &= bits - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);
            int64_t busy = weir_peer_info(lc->peers[index], WEIR_PEER_IN_FLIGHT);
            int64_t share = weir_peer_info(lc->peers[index], WEIR_PEER_SHARE);
            int64_t differs = least_share ? busy * least_share - least * share : -1;

            if (differs < 0) {
                for (uint32_t earlier = 0; earlier <= word; earlier++) {
                    lc->equals[earlier] = 0;
                }
                least = busy;
                least_share = share;
            }
            if (differs <= 0) {
                lc->equals[word] |= (uint64_t)1 << (index % 64);
            }
        }
    }
}

static weir_rc lc_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    struct least_conn *lc = state;

    (void)req;
    find_least(lc, usable);
    *index = turns_pick(&lc->turns, lc->peers, lc->n, lc->equals);
    return *index == UINT32_MAX ? WEIR_NEXT : WEIR_OK;
}

const weir_balancer_ops balance_least_conn = {
    .size = sizeof(balance_least_conn),
    .name = "least_conn",
    .create = lc_create,
    .close = free,
    .pick = lc_pick,
    .shared_group = sizeof(struct turns_lock),
    .shared_peer = sizeof(struct turns_credit),
};
