/* SPDX-License-Identifier: Apache-2.0 */
/* config/status_set.h - some of the statuses 100 to 599, as a setting names them. */
#ifndef CONFIG_STATUS_SET_H
#define CONFIG_STATUS_SET_H

#include <weir/types.h>

struct status_set {
    uint64_t words[8];
    bool is_any; /* it has a member */
};

/* "503", "500-504", "5xx". False: none of these. */
bool status_set_add(struct status_set *set, weir_str text);

static inline bool status_set_has(const struct status_set *set, uint32_t status)
{
    uint32_t bit = status - 100;

    return set->is_any && bit < 500 && (set->words[bit / 64] >> (bit % 64) & 1);
}

#endif
