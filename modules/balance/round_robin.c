/* SPDX-License-Identifier: Apache-2.0 */
/* round_robin - peers take turns, in proportion to their weights. See turns.h. */
#include "balance.h"
#include "turns.h"

#include <stdlib.h>

struct round_robin {
    weir_peer *const *peers;
    uint32_t n;
    struct turns turns;
};

static void *rr_create(const weir_balancer_group *group)
{
    struct round_robin *rr = calloc(1, sizeof(*rr));

    if (rr) {
        rr->peers = group->peers;
        rr->n = group->n;
        turns_init(&rr->turns, group);
    }
    return rr;
}

static weir_rc rr_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    struct round_robin *rr = state;

    (void)req;
    *index = turns_pick(&rr->turns, rr->peers, rr->n, usable);
    return *index == UINT32_MAX ? WEIR_NEXT : WEIR_OK;
}

const weir_balancer_ops balance_round_robin = {
    .size = sizeof(balance_round_robin),
    .name = "round_robin",
    .create = rr_create,
    .close = free,
    .pick = rr_pick,
    .shared_group = sizeof(struct turns_lock),
    .shared_peer = sizeof(struct turns_credit),
};
