/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#include <string.h>

#define NS 1000000000ull
#define PIECE_MIN 512 /* bytes: less is not worth a packet */

uint64_t pace_parse(weir_str text)
{
    static const char units[] = "kmg";
    uint64_t number = 0;
    size_t i = 0;

    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9' && number < NS) {
        number = number * 10 + (uint64_t)(text.p[i++] - '0');
    }
    const char *unit = i < text.n ? strchr(units, text.p[i] | 0x20) : NULL;
    if (unit && *unit) {
        number <<= 10 * (unit - units + 1);
        i++;
    }
    return i + 2 == text.n && memcmp(text.p + i, "/s", 2) == 0 ? number : 0;
}

uint64_t pace_room(uint64_t due_ns, uint64_t bytes_per_s, uint64_t now_ns)
{
    uint64_t piece = bytes_per_s / 10;

    return due_ns > now_ns ? 0 : piece < PIECE_MIN ? PIECE_MIN : piece;
}

void pace_take(uint64_t *due_ns, uint64_t bytes_per_s, uint64_t n, uint64_t now_ns)
{
    uint64_t from = *due_ns > now_ns ? *due_ns : now_ns;

    *due_ns = from + (uint64_t)((double)n * (double)NS / (double)bytes_per_s);
}
