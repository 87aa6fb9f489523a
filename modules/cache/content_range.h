/* SPDX-License-Identifier: Apache-2.0 */
/* content_range.h - which part of a whole a 206 has, and what two parts make together (RFC 9110,
 * 14.4; RFC 9111, 3.3 and 3.4). */
#ifndef CACHE_CONTENT_RANGE_H
#define CACHE_CONTENT_RANGE_H

#include "conditions.h"

struct content_range {
    uint64_t first, last; /* inclusive */
    uint64_t length;      /* of the whole */
};

/* "bytes 0-99/1000". False: something else, or the length of the whole is not known. */
bool content_range_parse(weir_str value, struct content_range *range);

#define CONTENT_RANGE_MAX 80
size_t content_range_format(const struct content_range *range, char out[CONTENT_RANGE_MAX]);

static inline uint64_t content_range_bytes(const struct content_range *range)
{
    return range->last - range->first + 1;
}

static inline bool content_range_is_whole(const struct content_range *range)
{
    return range->first == 0 && range->last + 1 == range->length;
}

/* Both without a gap between them. False: there is one, or they are not of the same whole. */
bool content_range_join(const struct content_range *a, const struct content_range *b,
                        struct content_range *both);

/* Do two responses have parts of the same bytes? By a strong entity tag that both have, or else by a
 * Last-Modified that was old enough to be a strong validator (RFC 9110, 8.8.2.2). */
bool parts_match(const struct validators *a, const struct validators *b);
/* Has it a validator by which parts may be put together later? */
bool parts_have_strong(const struct validators *v);

#endif
