/* SPDX-License-Identifier: Apache-2.0 */
#include "content_range.h"

#include <stdio.h>

#include "http_date.h"
#include "words.h"

#define MOST (INT64_MAX / 16) /* larger numbers are read as this */
#define STRONG_S 60 /* a Last-Modified that is so much older than Date is not changed any more */

static bool take_number(weir_str *rest, char end, uint64_t *out)
{
    size_t n = 0;
    int64_t value;

    while (n < rest->n && rest->p[n] != end) {
        n++;
    }
    if (n == rest->n || !word_number((weir_str){rest->p, n}, MOST, &value)) {
        return false;
    }
    *out = (uint64_t)value;
    rest->p += n + 1;
    rest->n -= n + 1;
    return true;
}

bool content_range_parse(weir_str value, struct content_range *range)
{
    weir_str rest = weir_trim(value);
    int64_t length;

    if (rest.n < 6 || !word_iis((weir_str){rest.p, 6}, WEIR_STR("bytes "))) {
        return false;
    }
    rest = weir_trim((weir_str){rest.p + 6, rest.n - 6});
    if (!take_number(&rest, '-', &range->first) || !take_number(&rest, '/', &range->last) ||
        !word_number(rest, MOST, &length) || length == MOST) {
        return false;
    }
    range->length = (uint64_t)length;
    return range->first <= range->last && range->last < range->length;
}

size_t content_range_format(const struct content_range *range, char out[CONTENT_RANGE_MAX])
{
    return (size_t)snprintf(out, CONTENT_RANGE_MAX, "bytes %llu-%llu/%llu",
                            (unsigned long long)range->first, (unsigned long long)range->last,
                            (unsigned long long)range->length);
}

bool content_range_join(const struct content_range *a, const struct content_range *b,
                        struct content_range *both)
{
    if (a->length != b->length || a->first > b->last + 1 || b->first > a->last + 1) {
        return false;
    }
    *both = (struct content_range){.first = a->first < b->first ? a->first : b->first,
                                   .last = a->last > b->last ? a->last : b->last,
                                   .length = a->length};
    return true;
}

static bool has_strong_tag(const struct validators *v)
{
    return v->etag.n >= 2 && v->etag.p[0] == '"';
}

static bool has_strong_date(const struct validators *v)
{
    int64_t modified;

    return v->modified.n && http_date_parse(v->modified, v->date_s, &modified) &&
           modified + STRONG_S <= v->date_s;
}

bool parts_have_strong(const struct validators *v)
{
    return has_strong_tag(v) || (v->etag.n == 0 && has_strong_date(v));
}

bool parts_match(const struct validators *a, const struct validators *b)
{
    if (a->etag.n || b->etag.n) {
        return has_strong_tag(a) && word_is(a->etag, b->etag);
    }
    return has_strong_date(a) && has_strong_date(b) && word_is(a->modified, b->modified);
}
