/* SPDX-License-Identifier: Apache-2.0 */
/* conditions.h - preconditions and ranges of a request against a stored response (RFC 9111, 4.3.2;
 * RFC 9110, 13 and 14). */
#ifndef CACHE_CONDITIONS_H
#define CACHE_CONDITIONS_H

#include "message.h"

/* What the stored response is known by. */
struct validators {
    weir_str etag;       /* empty: none */
    weir_str modified;   /* Last-Modified; empty: none */
    int64_t date_s;      /* its Date */
};

struct validators validators_of(const struct message *response, int64_t date_s);

/* If-Match and If-Unmodified-Since are the origin's to judge: the request has to be forwarded. */
bool conditions_are_origins(const struct message *request);

/* Does the request have a condition that a cache judges? */
bool conditions_are_caches(const struct message *request);

/* Has the client what is stored: 304? If-None-Match comes first; with it If-Modified-Since does not
 * count (RFC 9110, 13.1.3). */
bool conditions_not_modified(const struct message *request, const struct validators *v);

/* Is the entity tag in the list? Weak comparison. */
bool etag_is_listed(weir_str list, weir_str etag);

enum range_result {
    RANGE_NONE,   /* no Range, one that does not apply, or several: the whole */
    RANGE_ONE,
    RANGE_BAD     /* 416 */
};

/* The bytes asked for of `length`: *first .. *last. */
enum range_result range_of(const struct message *request, const struct validators *v,
                           uint64_t length, uint64_t *first, uint64_t *last);

#endif
