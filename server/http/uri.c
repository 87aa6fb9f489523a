/* SPDX-License-Identifier: Apache-2.0 */
#include "http/uri.h"

#include <string.h>

#include "base/str.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that an escape at p stands for; -1: not an escape. */
static int unescape(const char *p, const char *end)
{
    if (end - p < 3 || hex(p[1]) < 0 || hex(p[2]) < 0) {
        return -1;
    }
    return hex(p[1]) << 4 | hex(p[2]);
}

const char *uri_error(enum uri_result result)
{
    switch (result) {
    case URI_BAD_ESCAPE:
        return "the path has a '%' without two hexadecimal digits";
    case URI_NUL:
        return "the path has an escaped control character";
    case URI_ABOVE_ROOT:
        return "the path leaves its root with \"..\"";
    case URI_BAD_TARGET:
        return "the request target does not begin with '/'";
    default:
        return "";
    }
}

/* Nothing to decode, resolve or merge? */
static bool is_plain(weir_str path)
{
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '%') {
            return false;
        }
        if (path.p[i] == '/' && i + 1 < path.n && (path.p[i + 1] == '/' || path.p[i + 1] == '.')) {
            return false;
        }
    }
    return true;
}

/* Decodes into `out` (as large as raw). */
static enum uri_result decode(weir_str raw, char *out, size_t *n, bool *escaped_slash)
{
    const char *p = raw.p, *end = raw.p + raw.n;

    *n = 0;
    while (p < end) {
        if (*p != '%') {
            out[(*n)++] = *p++;
            continue;
        }
        int c = unescape(p, end);
        if (c < 0) {
            return URI_BAD_ESCAPE;
        }
        if (c < 0x20 || c == 0x7f) {
            return URI_NUL;
        }
        if (c == '/') {
            *escaped_slash = true;
            memcpy(out + *n, "%2F", 3);
            *n += 3;
        } else {
            out[(*n)++] = (char)c;
        }
        p += 3;
    }
    return URI_OK;
}

/* Resolves "." and "..", merges "//", in place. A "%" that was decoded from "%25" is not decoded
 * again, since this works on the decoded text only. */
static bool resolve(char *path, size_t *n)
{
    size_t in = 0, out = 0;

    while (in < *n) {
        size_t start = in + 1, end = start; /* path[in] is '/' */

        while (end < *n && path[end] != '/') {
            end++;
        }
        size_t length = end - start;
        bool last = end >= *n;
        if (length == 0 || (length == 1 && path[start] == '.')) {
            if (last) {
                path[out++] = '/';
            }
        } else if (length == 2 && path[start] == '.' && path[start + 1] == '.') {
            if (out == 0) {
                return false;
            }
            while (path[--out] != '/') {
            }
            if (last) {
                path[out++] = '/';
            }
        } else {
            path[out++] = '/';
            memmove(path + out, path + start, length);
            out += length;
        }
        in = end;
    }
    if (out == 0) {
        path[out++] = '/';
    }
    *n = out;
    return true;
}

enum uri_result uri_parse(weir_str target, struct arena *arena, struct uri_path *out)
{
    weir_str rest = target;

    *out = (struct uri_path){0};
    out->raw = str_cut(&rest, '?');
    out->query = rest;
    if (str_eq(target, STR("*"))) {
        out->path = target;
        return URI_OK;
    }
    if (out->raw.n == 0 || out->raw.p[0] != '/') {
        return URI_BAD_TARGET;
    }
    if (is_plain(out->raw)) {
        out->path = out->raw;
        return URI_OK;
    }
    char *text = arena_alloc(arena, out->raw.n + 1);
    size_t n;
    enum uri_result result = decode(out->raw, text, &n, &out->has_escaped_slash);
    if (result != URI_OK) {
        return result;
    }
    if (!resolve(text, &n)) {
        return URI_ABOVE_ROOT;
    }
    text[n] = '\0';
    out->path = (weir_str){text, n};
    return URI_OK;
}

bool uri_path_has_prefix(weir_str path, weir_str prefix)
{
    if (!str_starts_with(path, prefix)) {
        return false;
    }
    return path.n == prefix.n || prefix.n == 0 || prefix.p[prefix.n - 1] == '/' ||
           path.p[prefix.n] == '/';
}

weir_str uri_strip_prefix(weir_str raw, weir_str prefix)
{
    size_t segments = 0, i = 0;

    for (size_t k = 0; k + 1 < prefix.n; k++) {
        segments += prefix.p[k] == '/';
    }
    while (segments > 0) {
        if (i >= raw.n || raw.p[i] != '/') {
            return (weir_str){0};
        }
        i++;
        while (i < raw.n && raw.p[i] != '/') {
            i++;
        }
        segments--;
    }
    return (weir_str){raw.p + i, raw.n - i};
}

bool uri_decode(weir_str s, struct arena *arena, weir_str *out)
{
    char *text = arena_alloc(arena, s.n + 1);
    const char *p = s.p, *end = s.p + s.n;
    size_t n = 0;

    while (p < end) {
        int c = *p == '%' ? unescape(p, end) : (unsigned char)*p;

        if (c < 0) {
            return false;
        }
        p += *p == '%' ? 3 : 1;
        text[n++] = (char)c;
    }
    text[n] = '\0';
    *out = (weir_str){text, n};
    return true;
}

weir_str uri_encode_path(weir_str s, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] = "-._~!$&'()*+,;=:@/";
    char *text = arena_alloc(arena, s.n * 3 + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char lower = ascii_lower((char)c);

        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
            (c && strchr(plain, c))) {
            text[n++] = (char)c;
        } else {
            text[n++] = '%';
            text[n++] = digits[c >> 4];
            text[n++] = digits[c & 15];
        }
    }
    text[n] = '\0';
    return (weir_str){text, n};
}

weir_str uri_query_arg(weir_str query, weir_str name)
{
    while (query.p) {
        weir_str value = str_cut(&query, '&');
        weir_str key = value.n ? str_cut(&value, '=') : value;

        if (key.n && str_eq(key, name)) {
            return value.p ? value : STR("");
        }
    }
    return (weir_str){0};
}
