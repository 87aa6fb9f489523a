/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_status.h"

#include <stdio.h>
#include <string.h>

weir_str cache_word_text(enum cache_word word)
{
    static const char *const words[] = {
        [CACHE_NONE] = "",         [CACHE_MISS] = "MISS",         [CACHE_HIT] = "HIT",
        [CACHE_BYPASS] = "BYPASS", [CACHE_EXPIRED] = "EXPIRED",   [CACHE_STALE] = "STALE",
        [CACHE_UPDATING] = "UPDATING", [CACHE_REVALIDATED] = "REVALIDATED"};

    return (weir_str){words[word], strlen(words[word])};
}

static const char *fwd_text(enum cache_fwd fwd)
{
    static const char *const words[] = {
        [FWD_BYPASS] = "bypass",       [FWD_METHOD] = "method",   [FWD_URI_MISS] = "uri-miss",
        [FWD_VARY_MISS] = "vary-miss", [FWD_REQUEST] = "request", [FWD_STALE] = "stale",
        [FWD_PARTIAL] = "partial"};

    return words[fwd];
}

/* Appends as far as there is room; what does not fit is left out whole. */
static size_t append(char *out, size_t n, const char *name, const char *value)
{
    char piece[64];
    int length = snprintf(piece, sizeof(piece), "; %s%s", name, value);

    if (length < 0 || (size_t)length >= sizeof(piece) ||
        n + (size_t)length > CACHE_STATUS_MAX) {
        return n;
    }
    memcpy(out + n, piece, (size_t)length);
    return n + (size_t)length;
}

static size_t append_number(char *out, size_t n, const char *name, long long value)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%lld", value);
    return append(out, n, name, digits);
}

size_t cache_status_format(const struct cache_status *status, char out[CACHE_STATUS_MAX])
{
    size_t n = 4;

    memcpy(out, "weir", 4);
    if (status->fwd == FWD_NONE) {
        n = append(out, n, "hit", "");
    } else {
        n = append(out, n, "fwd=", fwd_text(status->fwd));
    }
    if (status->fwd_status) {
        n = append_number(out, n, "fwd-status=", status->fwd_status);
    }
    if (status->has_ttl) {
        n = append_number(out, n, "ttl=", status->ttl_s);
    }
    if (status->stored) {
        n = append(out, n, "stored", "");
    }
    if (status->collapsed) {
        n = append(out, n, "collapsed", "");
    }
    if (status->detail) {
        n = append(out, n, "detail=", status->detail);
    }
    return n;
}
