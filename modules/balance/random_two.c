/* SPDX-License-Identifier: Apache-2.0 */
/* random_two - two peers by chance, and of these the less busy one: nearly as even as least_conn,
 * and workers or machines that do not know of each other do not all run to the same peer. */
#include "balance.h"
#include "chance.h"

#include <stdlib.h>

struct random_two {
    weir_peer *const *peers;
    uint32_t n;
    struct chance chance;
};

static void *random_create(const weir_balancer_group *group)
{
    struct random_two *random = calloc(1, sizeof(*random));

    if (random) {
        random->peers = group->peers;
        random->n = group->n;
        chance_init(&random->chance);
    }
    return random;
}

static weir_rc random_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    struct random_two *random = state;
    uint32_t two[2];
    int n = chance_two(&random->chance, random->peers, random->n, usable, two);

    (void)req;
    if (n == 0) {
        return WEIR_NEXT;
    }
    *index = two[0];
    if (n == 2) {
        const weir_peer *a = random->peers[two[0]], *b = random->peers[two[1]];
        int64_t a_busy = weir_peer_info(a, WEIR_PEER_IN_FLIGHT) * weir_peer_info(b, WEIR_PEER_SHARE);
        int64_t b_busy = weir_peer_info(b, WEIR_PEER_IN_FLIGHT) * weir_peer_info(a, WEIR_PEER_SHARE);

        *index = b_busy < a_busy ? two[1] : two[0];
    }
    return WEIR_OK;
}

const weir_balancer_ops balance_random_two = {
    .size = sizeof(balance_random_two),
    .name = "random_two",
    .create = random_create,
    .close = free,
    .pick = random_pick,
};
