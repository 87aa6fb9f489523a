/* SPDX-License-Identifier: Apache-2.0 */
#include "turns.h"

#define SPINS 2000

void turns_init(struct turns *turns, const weir_balancer_group *group)
{
    turns->lock = (struct turns_lock *)group->shared;
    turns->credits = (struct turns_credit *)(turns->lock + 1);
}

/* The lock makes turns exact, nothing more: who does not get it, because its holder lost the CPU or
 * died, goes on without. */
static bool lock(struct turns_lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        if (__atomic_exchange_n(&lock->word, 1, __ATOMIC_ACQUIRE) == 0) {
            return true;
        }
    }
    return false;
}

static void unlock(struct turns_lock *lock)
{
    __atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
}

static int64_t add(struct turns_credit *credit, int64_t n)
{
    int64_t now = __atomic_load_n(&credit->credit, __ATOMIC_RELAXED) + n;

    __atomic_store_n(&credit->credit, now, __ATOMIC_RELAXED);
    return now;
}

uint32_t turns_pick(struct turns *turns, weir_peer *const *peers, uint32_t n,
                    const uint64_t *usable)
{
    uint32_t best = UINT32_MAX;
    int64_t most = 0, total = 0;

    lock(turns->lock);
    for (uint32_t word = 0; word * 64 < n; word++) {
        for (uint64_t bits = usable[word]; bits; bits &= bits - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);
            int64_t share = weir_peer_info(peers[index], WEIR_PEER_SHARE);
            int64_t slot = weir_peer_info(peers[index], WEIR_PEER_SLOT);
            int64_t credit = add(&turns->credits[slot], share);

            total += share;
            if (best == UINT32_MAX || credit > most) {
                best = index;
                most = credit;
            }
        }
    }
    if (best != UINT32_MAX) {
        add(&turns->credits[weir_peer_info(peers[best], WEIR_PEER_SLOT)], -total);
    }
    unlock(turns->lock);
    return best;
}
