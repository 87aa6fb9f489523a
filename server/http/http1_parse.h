/* SPDX-License-Identifier: Apache-2.0 */
/* http/http1_parse.h - HTTP/1 message heads from bytes (RFC 9112). No I/O, no copies.
 *
 * One strict reading: a message that two programs could understand differently is refused, with a
 * reason that says what was wrong. What is refused: bare CR, bare LF, NUL and other control
 * characters, obs-fold, space before the colon or at the line's start, an empty or invalid field
 * name, Content-Length twice (even if equal) or not digits only or beside Transfer-Encoding,
 * Transfer-Encoding more than once or anything but exactly "chunked" (case aside), Transfer-Encoding
 * from HTTP/1.0, no or several Host or an invalid one in HTTP/1.1, a request target
 * with bytes outside RFC 3986 (no fragments, no non-ASCII), a version that is not HTTP/1.0 or HTTP/1.1.
 */
#ifndef HTTP_HTTP1_PARSE_H
#define HTTP_HTTP1_PARSE_H

#include "http/fields.h"

enum http1_method { /* as bits, for sets */
    METHOD_OTHER = 1,
    METHOD_GET = 2,
    METHOD_HEAD = 4,
    METHOD_POST = 8,
    METHOD_PUT = 16,
    METHOD_DELETE = 32,
    METHOD_CONNECT = 64,
    METHOD_OPTIONS = 128,
    METHOD_TRACE = 256,
    METHOD_PATCH = 512
};

/* The bit of a method's name; METHOD_OTHER: a token that is none of these. */
enum http1_method http1_method_parse(weir_str name);

/* How long the body is (RFC 9112, 6.3). */
enum http1_framing {
    FRAMING_NONE,    /* no body */
    FRAMING_LENGTH,  /* content_length bytes */
    FRAMING_CHUNKED,
    FRAMING_CLOSE    /* responses: until the connection closes */
};

/* Limits on a head. */
struct http1_limits {
    uint32_t max_head;   /* bytes of the whole head */
    uint32_t max_line;   /* bytes of the request line */
    uint32_t max_fields;
};

struct http1_head {
    /* requests */
    enum http1_method method;
    weir_str method_name;
    weir_str target;     /* origin-form, "*" or authority (CONNECT); for absolute-form the part
                            after the authority, "/" if there was none */
    weir_str scheme;     /* of absolute-form, else empty */
    weir_str authority;  /* of absolute-form or CONNECT, else the Host field's value, which may be
                            empty; absolute-form's wins over Host (RFC 9112, 3.2.2) */
    bool expect_continue; /* "Expect: 100-continue" and nothing else; any other Expect: error 417 */

    /* responses */
    uint16_t status;     /* 100 .. 999 */
    weir_str reason;

    /* both */
    uint8_t minor;       /* HTTP/1.minor: 0 or 1 */
    enum http1_framing framing;
    uint64_t content_length; /* FRAMING_LENGTH */
    bool keep_alive;     /* what version and Connection say (RFC 9112, 9.3) */
    bool upgrade;        /* Connection names upgrade and there is an Upgrade field */
    bool connection_names_fields; /* Connection holds options besides close, keep-alive, upgrade,
                                     te: fields of those names are hop-by-hop, too */
};

enum http1_result {
    HTTP1_DONE,
    HTTP1_MORE,          /* the head is not complete yet */
    HTTP1_ERROR
};

struct http1_error {
    uint16_t status;     /* requests: 400, 414, 417, 431, 501 or 505; responses: 502 */
    const char *what;    /* a constant text */
};

/* Parses a request head from the `n` bytes at `p`, which are all that came so far, from the first
 * byte of the head on. One empty line before the request line is skipped (RFC 9112, 2.2).
 * `*scanned` is 0 at first and then kept by the caller between calls: what is known not to hold the head's
 * end. HTTP1_DONE: *head is set, fields are appended to the cleared `fields`, *used is the
 * length of the head. Slices point into `p`. */
enum http1_result http1_parse_request(const char *p, size_t n, size_t *scanned,
                                      const struct http1_limits *limits, struct http1_head *head,
                                      struct fields *fields, size_t *used,
                                      struct http1_error *error);

/* The same for a response head. `method` is the request's: HEAD and 2xx of CONNECT have no body,
 * nor have 1xx, 204 and 304. 101 has none: what follows is the other protocol's. */
enum http1_result http1_parse_response(const char *p, size_t n, size_t *scanned,
                                       const struct http1_limits *limits, enum http1_method method,
                                       struct http1_head *head, struct fields *fields, size_t *used,
                                       struct http1_error *error);

/* Has the target only bytes that RFC 3986 allows in a path and query, and begins with "/" (or is
 * "*")? */
bool http1_target_is_valid(weir_str target);

/* Is this Host or authority valid (RFC 3986, 3.2.2: reg-name, IPv4, [IPv6], optional port, no
 * userinfo)? Splits off the port: *host without it and without a trailing dot; port 0: none. */
bool http1_split_authority(weir_str authority, weir_str *host, uint16_t *port);

#endif
