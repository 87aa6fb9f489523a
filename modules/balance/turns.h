/* SPDX-License-Identifier: Apache-2.0 */
/* turns.h - peers take turns in proportion to their shares, across all workers.
 *
 * Every peer has credit. A pick gives each usable peer its share, takes the one with the most
 * credit, and makes that one pay what all were given. Weights 5 and 1 give A A A B A A: the heavy
 * peer's turns are spread, not bunched. Peers that are out neither earn nor pay, so one that comes
 * back is not flooded. */
#ifndef BALANCE_TURNS_H
#define BALANCE_TURNS_H

#include <weir/module.h>

/* In the shared memory of a group: first this, then a credit for each peer. */
struct turns_lock {
    uint64_t word;
};

struct turns_credit {
    int64_t credit;
};

struct turns {
    struct turns_lock *lock;
    struct turns_credit *credits; /* by slot */
};

__attribute__((visibility("hidden"))) void turns_init(struct turns *turns,
                                                      const weir_balancer_group *group);
/* The usable peer whose turn it is; UINT32_MAX: none is. */
__attribute__((visibility("hidden"))) uint32_t turns_pick(struct turns *turns,
                                                          weir_peer *const *peers, uint32_t n,
                                                          const uint64_t *usable);

#endif
