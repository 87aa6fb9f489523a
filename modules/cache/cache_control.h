/* SPDX-License-Identifier: Apache-2.0 */
/* cache_control.h - directives for caches: Cache-Control as RFC 9111, 5.2 has it, and as a
 * structured field (RFC 9213). */
#ifndef CACHE_CACHE_CONTROL_H
#define CACHE_CACHE_CONTROL_H

#include <weir/types.h>

#define SECONDS_MAX INT64_C(2147483648) /* what is larger counts as this (RFC 9111, 1.2.2) */

enum {
    CC_NO_STORE = 1,
    CC_NO_CACHE = 2,          /* without field names */
    CC_PRIVATE = 4,           /* without field names */
    CC_PUBLIC = 8,
    CC_MUST_REVALIDATE = 16,
    CC_PROXY_REVALIDATE = 32,
    CC_MUST_UNDERSTAND = 64,
    CC_IMMUTABLE = 128,
    CC_ONLY_IF_CACHED = 256,
    CC_MAX_STALE_ANY = 512,   /* max-stale without a value */
    CC_INVALID = 1024         /* max-age or s-maxage is not a number: stale (RFC 9111, 4.2.1) */
};

/* Seconds are -1 where a directive is absent. Of a directive that comes twice the first counts. */
struct cache_control {
    uint32_t flags;
    int64_t max_age, s_maxage;
    int64_t stale_while_revalidate, stale_if_error; /* RFC 5861 */
    int64_t max_stale, min_fresh;                   /* of requests */
    weir_str no_cache_fields, private_fields;       /* lists of names; may be empty */
};

void cache_control_init(struct cache_control *cc);

/* Adds the directives of one Cache-Control line. */
void cache_control_add(struct cache_control *cc, weir_str value);

/* Reads a targeted field, all of its lines joined by commas: a dictionary of RFC 8941. False: it is
 * empty or invalid, so it has to be ignored, whole (RFC 9213, 2.1); *cc is then unchanged. */
bool cache_control_targeted(struct cache_control *cc, weir_str value);

#endif
