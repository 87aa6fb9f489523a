/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

#include <string.h>

#include <weir/accept.h>
#include <weir/range.h>

int ranges_parse(weir_str field, uint64_t size, struct range *out)
{
    uint64_t total = 0;
    int n = 0, asked = 0;

    if (field.n < 7 || strncasecmp(field.p, "bytes=", 6) != 0) {
        return RANGES_NONE;
    }
    field.p += 6;
    field.n -= 6;
    while (field.p) {
        weir_str one = weir_list_cut(&field, ',');
        struct range range;
        int found = one.n ? weir_range_read(one, size, &range.first, &range.last) : WEIR_RANGE_BEHIND;

        asked += one.n > 0;
        if (found == WEIR_RANGE_NONE || asked > RANGES_MAX) {
            return RANGES_NONE;
        }
        if (found == WEIR_RANGE_ONE) {
            out[n++] = range;
            total += range.last - range.first + 1;
        }
        /* The same bytes over and over are an attack, or a mistake (RFC 9110, 17.15). */
        if (total > size) {
            return RANGES_NONE;
        }
    }
    return asked == 0 ? RANGES_NONE : n == 0 ? RANGES_BAD : n;
}
