/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#define DISTANCE_MAX 64

bool str_ieq(weir_str a, weir_str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

bool str_starts_with(weir_str s, weir_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends_with(weir_str s, weir_str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

weir_str str_trim(weir_str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

weir_str str_cut(weir_str *rest, char sep)
{
    weir_str part = *rest;
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;

    if (!at) {
        *rest = (weir_str){0};
        return part;
    }
    part.n = (size_t)(at - part.p);
    rest->p = at + 1;
    rest->n -= part.n + 1;
    return part;
}

bool str_to_u64(weir_str s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.n == 0 || s.n > 19) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - '0';

        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (value > INT64_MAX) {
        return false;
    }
    *out = value;
    return true;
}

bool str_list_has(weir_str list, weir_str item)
{
    while (list.p) {
        if (str_ieq(str_trim(str_cut(&list, ',')), item)) {
            return true;
        }
    }
    return false;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

unsigned str_distance(weir_str a, weir_str b)
{
    unsigned rows[3][DISTANCE_MAX + 1];

    a.n = a.n < DISTANCE_MAX ? a.n : DISTANCE_MAX;
    b.n = b.n < DISTANCE_MAX ? b.n : DISTANCE_MAX;
    for (unsigned k = 0; k <= b.n; k++) {
        rows[0][k] = k;
    }
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (unsigned k = 1; k <= b.n; k++) {
            char x = ascii_lower(a.p[i - 1]), y = ascii_lower(b.p[k - 1]);

            row[k] = min3(above[k] + 1, row[k - 1] + 1, above[k - 1] + (x != y));
            if (i > 1 && k > 1 && x == ascii_lower(b.p[k - 2]) && y == ascii_lower(a.p[i - 2]) &&
                above2[k - 2] + 1 < row[k]) {
                row[k] = above2[k - 2] + 1;
            }
        }
    }
    return rows[a.n % 3][b.n];
}
