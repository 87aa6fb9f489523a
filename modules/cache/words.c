/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

bool word_iis(weir_str a, weir_str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (word_lower(a.p[i]) != word_lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

bool word_starts_with(weir_str s, weir_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Where the member that begins at 0 ends: at a comma outside of quotes, or at the end. A quote
 * that is never closed is an ordinary character: the rest must not disappear in it. */
static size_t member_end(weir_str s)
{
    bool quoted = false;

    for (size_t i = 0; i < s.n; i++) {
        if (quoted && s.p[i] == '\\' && i + 1 < s.n) {
            i++;
        } else if (s.p[i] == '"') {
            quoted = !quoted;
        } else if (s.p[i] == ',' && !quoted) {
            return i;
        }
    }
    if (quoted) {
        const char *comma = memchr(s.p, ',', s.n);

        return comma ? (size_t)(comma - s.p) : s.n;
    }
    return s.n;
}

bool list_next(weir_str *rest, weir_str *member)
{
    while (rest->n) {
        size_t end = member_end(*rest);

        *member = weir_trim((weir_str){rest->p, end});
        end += end < rest->n;
        rest->p += end;
        rest->n -= end;
        if (member->n) {
            return true;
        }
    }
    return false;
}

bool word_number(weir_str s, int64_t max, int64_t *value)
{
    int64_t number = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        number = number * 10 + (s.p[i] - '0');
        number = number > max ? max : number;
    }
    *value = number;
    return s.n > 0;
}

weir_str word_unquote(weir_str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"') {
        s.p++;
        s.n -= 2;
    }
    return s;
}
