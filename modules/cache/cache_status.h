/* SPDX-License-Identifier: Apache-2.0 */
/* cache_status.h - what the cache did, in words: Cache-Status (RFC 9211) and the one word of
 * $upstream_cache_status. */
#ifndef CACHE_CACHE_STATUS_H
#define CACHE_CACHE_STATUS_H

#include <weir/types.h>

enum cache_word {
    CACHE_NONE, /* the cache had no say: the variable is empty */
    CACHE_MISS,
    CACHE_HIT,
    CACHE_BYPASS,
    CACHE_EXPIRED,
    CACHE_STALE,
    CACHE_UPDATING,
    CACHE_REVALIDATED,
    CACHE_WORDS
};
weir_str cache_word_text(enum cache_word word);

/* Why a request went to the origin (RFC 9211, 2.2). */
enum cache_fwd {
    FWD_NONE,     /* it did not: a hit */
    FWD_BYPASS,   /* configured not to be looked up */
    FWD_METHOD,
    FWD_URI_MISS, /* nothing is stored for the URL */
    FWD_VARY_MISS, /* something is, for other values of the fields in Vary */
    FWD_REQUEST,  /* the request's directives did not let it be used */
    FWD_STALE,
    FWD_PARTIAL
};

struct cache_status {
    enum cache_word word;
    enum cache_fwd fwd;
    bool has_ttl, stored, collapsed;
    int64_t ttl_s;
    uint32_t fwd_status;  /* the origin's; 0: none, or the same as the response's */
    const char *detail;   /* a token; NULL: none */
};

#define CACHE_STATUS_MAX 160
/* "weir; hit; ttl=30": returns its length. */
size_t cache_status_format(const struct cache_status *status, char out[CACHE_STATUS_MAX]);

#endif
