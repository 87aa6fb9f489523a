/* SPDX-License-Identifier: Apache-2.0 */
/* words.h - strings and comma-separated lists of field values. Nothing here allocates. */
#ifndef CACHE_WORDS_H
#define CACHE_WORDS_H

#include <string.h>

#include <weir/accept.h>
#include <weir/types.h>

static inline char word_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool word_is(weir_str a, weir_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The same in any case. */
bool word_iis(weir_str a, weir_str b);

bool word_starts_with(weir_str s, weir_str prefix);

/* Takes the next member off *rest, trimmed; commas in quoted strings do not separate, and empty
 * members are skipped (RFC 9110, 5.6.1.2). False: there is none. */
bool list_next(weir_str *rest, weir_str *member);

/* Digits alone; what is larger than `max` becomes `max`. False: something else. */
bool word_number(weir_str s, int64_t max, int64_t *value);

/* A quoted string without its quotes, anything else as it is. Escapes are kept: no value that is
 * looked at here has any. */
weir_str word_unquote(weir_str s);

#endif
