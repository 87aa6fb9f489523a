/* SPDX-License-Identifier: Apache-2.0 */
/* ip_hash - the same client address, the same peer. Of an address the whole counts; with
 * ip_hash_24, of an IPv4 one the first three numbers, so that a network stays together. */
#include "balance.h"
#include "rank.h"

#include <stdlib.h>
#include <string.h>

struct ip_hash {
    weir_peer *const *peers;
    uint32_t n;
};

static void *ip_create(const weir_balancer_group *group)
{
    struct ip_hash *ip = calloc(1, sizeof(*ip));

    if (ip) {
        ip->peers = group->peers;
        ip->n = group->n;
    }
    return ip;
}

static weir_rc pick(const struct ip_hash *ip, weir_str addr, const uint64_t *usable,
                    uint32_t *index)
{
    uint64_t key = rank_key(addr);
    double best = INFINITY;

    for (uint32_t word = 0; word * 64 < ip->n; word++) {
        for (uint64_t bits = usable[word]; bits; bits &= bits - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
            double rank = rank_of(key, ip->peers[i]);

            if (rank < best) {
                best = rank;
                *index = i;
            }
        }
    }
    return best < INFINITY ? WEIR_OK : WEIR_NEXT;
}

static weir_rc ip_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    return pick(state, weir_get(req, WEIR_GET_CLIENT_ADDR), usable, index);
}

static weir_rc ip_pick_24(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    weir_str addr = weir_get(req, WEIR_GET_CLIENT_ADDR);
    const char *dot = addr.n ? memrchr(addr.p, '.', addr.n) : NULL;

    if (dot) {
        addr.n = (size_t)(dot - addr.p);
    }
    return pick(state, addr, usable, index);
}

const weir_balancer_ops balance_ip_hash = {
    .size = sizeof(balance_ip_hash),
    .name = "ip_hash",
    .create = ip_create,
    .close = free,
    .pick = ip_pick,
};

const weir_balancer_ops balance_ip_hash_24 = {
    .size = sizeof(balance_ip_hash_24),
    .name = "ip_hash_24",
    .create = ip_create,
    .close = free,
    .pick = ip_pick_24,
};
