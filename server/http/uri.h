/* SPDX-License-Identifier: Apache-2.0 */
/* http/uri.h - paths of request targets (RFC 3986). No I/O. */
#ifndef HTTP_URI_H
#define HTTP_URI_H

#include <weir/types.h>

#include "base/arena.h"

struct uri_path {
    weir_str raw;        /* the target up to the query, as received */
    weir_str query;      /* without '?'; p NULL: there is no '?' at all */
    weir_str path;       /* decoded once, "." and ".." resolved, "//" merged: for matching and
                            files. Starts with '/'. An escaped slash stays the three bytes "%2F"
                            (its hexadecimal digits in upper case), so that it never matches '/' */
    bool has_escaped_slash;
};

enum uri_result {
    URI_OK,
    URI_BAD_ESCAPE,   /* '%' without two hexadecimal digits */
    URI_NUL,          /* %00, or another control character */
    URI_ABOVE_ROOT,   /* ".." leaves the root */
    URI_BAD_TARGET    /* neither origin-form nor "*" */
};

/* Splits and normalises. When nothing needs decoding, path is a slice of `target`; otherwise it
 * is in `arena`. "*" gives the path "*". */
enum uri_result uri_parse(weir_str target, struct arena *arena, struct uri_path *out);
const char *uri_error(enum uri_result result);

/* Does `path` lie at or below `prefix`, on segment boundaries? "/a" and "/a/" hold "/a/b"; "/a"
 * holds "/a" but not "/ab"; "/a/" does not hold "/a". "/" holds everything. */
bool uri_path_has_prefix(weir_str path, weir_str prefix);
/* The part of the raw path that matches the segments of the decoded `prefix` is cut off; returns
 * the rest, beginning with '/' (or empty when nothing is left). `raw` as received is walked
 * segment by segment, so escapes survive. p NULL: raw does not begin with these segments. */
weir_str uri_strip_prefix(weir_str raw, weir_str prefix);
/* Appends the decoded form of `s` ('+' stays); false: a bad escape. *out in `arena`. */
bool uri_decode(weir_str s, struct arena *arena, weir_str *out);
/* Escapes what may not stand in a path segment or query as it is ('/' is kept). */
weir_str uri_encode_path(weir_str s, struct arena *arena);
/* The value of a query argument, undecoded; p NULL: absent. */
weir_str uri_query_arg(weir_str query, weir_str name);

#endif
