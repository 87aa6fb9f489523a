/* SPDX-License-Identifier: Apache-2.0 */
#include "config/status_set.h"

#include "base/str.h"

static bool is_status(uint64_t n)
{
    return n >= 100 && n <= 599;
}

bool status_set_add(struct status_set *set, weir_str text)
{
    weir_str rest = text;
    weir_str low = str_cut(&rest, '-');
    uint64_t from, to;

    if (text.n == 3 && str_ieq((weir_str){text.p + 1, 2}, STR("xx"))) {
        from = (uint64_t)(text.p[0] - '0') * 100;
        to = from + 99;
    } else if (!str_to_u64(low, &from)) {
        return false;
    } else if (!rest.p) {
        to = from;
    } else if (!str_to_u64(rest, &to)) {
        return false;
    }
    if (!is_status(from) || !is_status(to) || from > to) {
        return false;
    }
    for (uint64_t bit = from - 100; bit <= to - 100; bit++) {
        set->words[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
    set->is_any = true;
    return true;
}
