/* SPDX-License-Identifier: Apache-2.0 */
#include "invalidation.h"

#include "words.h"

bool method_is_safe(weir_str method)
{
    return word_is(method, WEIR_STR("GET")) || word_is(method, WEIR_STR("HEAD")) ||
           word_is(method, WEIR_STR("OPTIONS")) || word_is(method, WEIR_STR("TRACE"));
}

bool status_invalidates(uint32_t status)
{
    return status >= 200 && status < 400;
}

/* Cuts "//authority" off the front. False: another one. */
static bool take_authority(weir_str *rest, weir_str authority)
{
    size_t n = 2;

    while (n < rest->n && rest->p[n] != '/' && rest->p[n] != '?' && rest->p[n] != '#') {
        n++;
    }
    bool same = word_iis((weir_str){rest->p + 2, n - 2}, authority);
    rest->p += n;
    rest->n -= n;
    return same;
}

static bool has_scheme(weir_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = word_lower(s.p[i]);

        if (c == ':') {
            return i > 0;
        }
        if (!((c >= 'a' && c <= 'z') || (i > 0 && ((c >= '0' && c <= '9') || strchr("+-.", c))))) {
            return false;
        }
    }
    return false;
}

/* Takes the last segment off out[0..n), which begins with '/'; its slash stays. */
static size_t without_last_segment(const char *out, size_t n)
{
    while (n > 1 && out[n - 1] != '/') {
        n--;
    }
    return n;
}

/* Removes dot segments of a path (RFC 3986, 5.2.4) while it is copied behind out[0..n). */
static size_t resolve(char *out, size_t n, weir_str rest)
{
    while (rest.n) {
        size_t end = 0;

        while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?') {
            end++;
        }
        weir_str segment = {rest.p, end};
        bool more = end < rest.n && rest.p[end] == '/';
        if (word_is(segment, WEIR_STR(".."))) {
            n = n > 1 ? without_last_segment(out, n - 1) : 1;
        } else if (!word_is(segment, WEIR_STR("."))) {
            memcpy(out + n, segment.p, segment.n);
            n += segment.n;
            if (more) {
                out[n++] = '/';
            }
        }
        end += more;
        rest.p += end;
        rest.n -= end;
        if (!more) {
            break;
        }
    }
    memcpy(out + n, rest.p, rest.n); /* the query */
    return n + rest.n;
}

bool invalidation_target(weir_str location, weir_str scheme, weir_str authority, weir_str target,
                         char *out, weir_str *path)
{
    weir_str rest = weir_trim(location);
    const char *hash = rest.n ? memchr(rest.p, '#', rest.n) : NULL;
    bool is_absolute = has_scheme(rest) || word_starts_with(rest, WEIR_STR("//"));
    size_t n = 1;

    rest.n = hash ? (size_t)(hash - rest.p) : rest.n;
    if (rest.n == 0) {
        return false;
    }
    if (has_scheme(rest)) {
        if (rest.n <= scheme.n || rest.p[scheme.n] != ':' ||
            !word_iis((weir_str){rest.p, scheme.n}, scheme)) {
            return false;
        }
        rest.p += scheme.n + 1;
        rest.n -= scheme.n + 1;
        if (!word_starts_with(rest, WEIR_STR("//"))) {
            return false;
        }
    }
    if (word_starts_with(rest, WEIR_STR("//")) && !take_authority(&rest, authority)) {
        return false;
    }
    out[0] = '/';
    if (rest.n && rest.p[0] == '/') {
        rest.p++;
        rest.n--;
    } else if (rest.n && !is_absolute) {
        const char *query = memchr(target.p, '?', target.n);
        size_t base = query ? (size_t)(query - target.p) : target.n;

        memcpy(out, target.p, base);
        n = rest.p[0] == '?' ? base : without_last_segment(out, base);
    }
    *path = (weir_str){out, resolve(out, n, rest)};
    return true;
}
