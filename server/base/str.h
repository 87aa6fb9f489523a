/* SPDX-License-Identifier: Apache-2.0 */
/* base/str.h - weir_str: bytes and their number. All functions are pure. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <string.h>

#include <weir/types.h>

#define STR(literal) ((weir_str){(literal), sizeof(literal) - 1})

/* The struct of type `type` whose member `member` is at `ptr`. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline weir_str str_from(const char *cstring)
{
    return (weir_str){cstring, cstring ? strlen(cstring) : 0};
}

static inline char ascii_lower(char c)
{
    return (unsigned char)(c - 'A') < 26 ? (char)(c | 0x20) : c;
}

static inline bool str_eq(weir_str a, weir_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equal but for the case of ASCII letters. */
bool str_ieq(weir_str a, weir_str b);
bool str_starts_with(weir_str s, weir_str prefix);
bool str_ends_with(weir_str s, weir_str suffix);
/* Without spaces and tabs on both sides. */
weir_str str_trim(weir_str s);
/* Cuts the part before the first `sep` off *rest and returns it; the last part leaves *rest.p
 * NULL. Loop: while (rest.p) { part = str_cut(&rest, ','); ... } */
weir_str str_cut(weir_str *rest, char sep);
/* Decimal number of digits only; false: none, something else, or above 2^63 - 1. */
bool str_to_u64(weir_str s, uint64_t *out);
/* Is `item` in the comma-separated list (RFC 9110, 5.6.1), in any case? */
bool str_list_has(weir_str list, weir_str item);
/* The number of edits (insert, delete, replace, swap) between a and b, case ignored; for
 * suggestions. At most 64 characters of each are looked at. */
unsigned str_distance(weir_str a, weir_str b);

#endif
