/* SPDX-License-Identifier: Apache-2.0 */
/* weir/range.h - parts of a body that clients ask for (RFC 9110, 14.1.2).
 *
 * Nothing here needs the host. Not included by module.h; since 0.3.
 */
#ifndef WEIR_RANGE_H
#define WEIR_RANGE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WEIR_RANGE_NONE,  /* it is no range, and is not looked at */
    WEIR_RANGE_BEHIND, /* it has none of the body's bytes */
    WEIR_RANGE_ONE
};

/* Digits, and moves *p behind them. False: there are none, or too many. */
static inline bool weir_range_number(const char **p, const char *end, uint64_t *out)
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

/* "5-9", "5-", or "-5" (the last five), of a body of `length` bytes. After ONE: *first to *last, both
 * of them included. */
static inline int weir_range_read(weir_str text, uint64_t length, uint64_t *first, uint64_t *last)
{
    const char *p = text.p, *end = text.p + text.n;
    bool has_first = weir_range_number(&p, end, first);

    if (p >= end || *p++ != '-') {
        return WEIR_RANGE_NONE;
    }
    bool has_last = weir_range_number(&p, end, last);
    if (p != end || (!has_first && !has_last) || (has_first && has_last && *last < *first)) {
        return WEIR_RANGE_NONE;
    }
    if (!has_first) {
        if (*last == 0 || length == 0) {
            return WEIR_RANGE_BEHIND;
        }
        *first = *last < length ? length - *last : 0;
        *last = length - 1;
        return WEIR_RANGE_ONE;
    }
    if (!has_last || *last >= length) {
        *last = length - 1;
    }
    return *first < length ? WEIR_RANGE_ONE : WEIR_RANGE_BEHIND;
}

#ifdef __cplusplus
}
#endif
#endif
