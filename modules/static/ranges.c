/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

#include <string.h>

#include <weir/accept.h>

static bool read_number(const char **p, const char *end, uint64_t *out)
{
    const char *start = *p;
    uint64_t value = 0;

    while (*p < end && **p >= '0' && **p <= '9') {
        if (value > UINT64_MAX / 16) {
            return false;
        }
        value = value * 10 + (uint64_t)(*(*p)++ - '0');
    }
    *out = value;
    return *p > start;
}

/* 1: a range; 0: it lies behind the end; -1: it is none. */
static int parse_one(weir_str text, uint64_t size, struct range *out)
{
    const char *p = text.p, *end = text.p + text.n;
    bool has_first = read_number(&p, end, &out->first);

    if (p >= end || *p++ != '-') {
        return -1;
    }
    bool has_last = read_number(&p, end, &out->last);
    if (p != end || (!has_first && !has_last) ||
        (has_first && has_last && out->last < out->first)) {
        return -1;
    }
    if (!has_first) { /* the last so many bytes */
        uint64_t n = out->last < size ? out->last : size;

        out->first = size - n;
        out->last = size - 1;
        return n > 0;
    }
    if (!has_last || out->last >= size) {
        out->last = size - 1;
    }
    return out->first < size;
}

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
        int found = one.n ? parse_one(one, size, &range) : 0;

        asked += one.n > 0;
        if (found < 0 || asked > RANGES_MAX) {
            return RANGES_NONE;
        }
        if (found > 0) {
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
