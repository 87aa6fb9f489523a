/* SPDX-License-Identifier: Apache-2.0 */
/* lightest - a balancer: the peer with the fewest requests under way for its weight. */
#include <weir/module.h>

#include <stdlib.h>

struct group {
    weir_peer *const *peers;
    uint32_t n, turn;
};

static void *group_open(weir_peer *const *peers, uint32_t n)
{
    struct group *group = malloc(sizeof(*group));

    if (group) {
        *group = (struct group){.peers = peers, .n = n, .turn = 0};
    }
    return group;
}

/* Has a less to do than b? Without dividing: load per weight, crosswise. */
static bool is_lighter(const weir_peer *a, const weir_peer *b)
{
    return (weir_peer_info(a, WEIR_PEER_IN_FLIGHT) + 1) * weir_peer_info(b, WEIR_PEER_WEIGHT) <
           (weir_peer_info(b, WEIR_PEER_IN_FLIGHT) + 1) * weir_peer_info(a, WEIR_PEER_WEIGHT);
}

/* Health, limits and retries are the host's: `usable` has a bit for each peer that may be asked. */
static weir_rc group_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    struct group *group = state;
    const weir_peer *best = NULL;

    (void)req;
    for (uint32_t i = 0; i < group->n; i++) {
        uint32_t at = (group->turn + i) % group->n; /* equal ones take turns */

        if ((usable[at / 64] >> (at % 64) & 1) && (!best || is_lighter(group->peers[at], best))) {
            best = group->peers[at];
            *index = at;
        }
    }
    group->turn++;
    return best ? WEIR_OK : WEIR_NEXT;
}

static const weir_balancer_ops lightest = {
    .size = sizeof(lightest),
    .name = "lightest",
    .open = group_open,
    .close = free,
    .pick = group_pick,
};
static const weir_balancer_ops *const balancers[] = {&lightest, NULL};

static const weir_module module = {
    WEIR_MODULE_HEAD("lightest", "1.0"),
    .doc = "Chooses the peer with the fewest requests under way for its weight.",
    .balancers = balancers,
};

WEIR_MODULE(lightest, 1, "balancer:lightest", module)
