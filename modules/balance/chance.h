/* SPDX-License-Identifier: Apache-2.0 */
/* chance.h - two different peers by chance, in proportion to their shares. */
#ifndef BALANCE_CHANCE_H
#define BALANCE_CHANCE_H

#include <weir/module.h>

struct chance {
    uint64_t seed;
};

__attribute__((visibility("hidden"))) void chance_init(struct chance *chance);
/* Fills two[]; returns how many there are: 0, 1 or 2. */
__attribute__((visibility("hidden"))) int chance_two(struct chance *chance,
                                                     weir_peer *const *peers, uint32_t n,
                                                     const uint64_t *usable, uint32_t two[2]);

#endif
