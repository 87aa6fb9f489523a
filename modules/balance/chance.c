/* SPDX-License-Identifier: Apache-2.0 */
#include "chance.h"

#include <sys/random.h>

void chance_init(struct chance *chance)
{
    if (getrandom(&chance->seed, sizeof(chance->seed), 0) != sizeof(chance->seed) ||
        chance->seed == 0) {
        chance->seed = weir_now_ms() + 1;
    }
}

/* xorshift64*: fast, and nobody's secret depends on it. */
static uint64_t next(struct chance *chance)
{
    chance->seed ^= chance->seed >> 12;
    chance->seed ^= chance->seed << 25;
    chance->seed ^= chance->seed >> 27;
    return chance->seed * 0x2545f4914f6cdd1dULL;
}

static uint64_t shares(weir_peer *const *peers, uint32_t n, const uint64_t *usable, uint32_t but)
{
    uint64_t total = 0;

    for (uint32_t word = 0; word * 64 < n; word++) {
        for (uint64_t bits = usable[word]; bits; bits &= bits - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);

            if (index != but) {
                total += (uint64_t)weir_peer_info(peers[index], WEIR_PEER_SHARE);
            }
        }
    }
    return total;
}

/* One of the usable, `but` aside; UINT32_MAX: none. */
static uint32_t one(struct chance *chance, weir_peer *const *peers, uint32_t n,
                    const uint64_t *usable, uint32_t but)
{
    uint64_t total = shares(peers, n, usable, but);
    uint64_t at = total ? next(chance) % total : 0;
    uint32_t last = UINT32_MAX;

    for (uint32_t word = 0; word * 64 < n; word++) {
        for (uint64_t bits = usable[word]; bits; bits &= bits - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);
            uint64_t share = (uint64_t)weir_peer_info(peers[index], WEIR_PEER_SHARE);

            if (index == but) {
                continue;
            }
            last = index;
            if (at < share) {
                return index;
            }
            at -= share;
        }
    }
    return last;
}

int chance_two(struct chance *chance, weir_peer *const *peers, uint32_t n, const uint64_t *usable,
               uint32_t two[2])
{
    two[0] = one(chance, peers, n, usable, UINT32_MAX);
    if (two[0] == UINT32_MAX) {
        return 0;
    }
    two[1] = one(chance, peers, n, usable, two[0]);
    return two[1] == UINT32_MAX ? 1 : 2;
}
