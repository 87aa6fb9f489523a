/* SPDX-License-Identifier: Apache-2.0 */
/* weir/share.h - a part of all requests: for logs, copies and experiments that take some.
 *
 * Nothing here needs the host. Not included by module.h; since 0.3.
 */
#ifndef WEIR_SHARE_H
#define WEIR_SHARE_H

#include <stdlib.h>
#include <string.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All of them; smaller shares are numbers below it. */
#define WEIR_SHARE_ALL ((uint64_t)1 << 32)

/* "5%" or "0.5%", a setting's text (WEIR_T_STR), as a share. False: it is no percentage up to 100. */
static inline bool weir_share_parse(weir_str text, uint64_t *share)
{
    char *end;
    double percent;

    if (text.n < 2 || strspn(text.p, "0123456789.") != text.n - 1 || text.p[text.n - 1] != '%') {
        return false;
    }
    percent = strtod(text.p, &end);
    if (*end != '%' || percent > 100) {
        return false;
    }
    *share = (uint64_t)(percent / 100 * (double)WEIR_SHARE_ALL + 0.5);
    return true;
}

/* Does the share have the request with this id (WEIR_GET_ID)? Its last 32 bits decide (the first ones
 * stay as they are in a worker), so all that ask about one request agree, and a larger share has all
 * that a smaller one has. */
static inline bool weir_share_has(uint64_t share, weir_str id)
{
    char digits[9] = "";

    if (share >= WEIR_SHARE_ALL || id.n < 8) {
        return share > 0;
    }
    memcpy(digits, id.p + id.n - 8, 8);
    return strtoul(digits, NULL, 16) < share;
}

#ifdef __cplusplus
}
#endif
#endif
