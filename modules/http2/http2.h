/* SPDX-License-Identifier: Apache-2.0 */
/* http2.h - one HTTP/2 connection (RFC 9113), framed by nghttp2, and what the module's files share. The
 * host has the requests, the windows of bodies and the time limits; here are frames, settings, and
 * what a client may not do too often. */
#ifndef HTTP2_H
#define HTTP2_H

#include <weir/module.h>

#include <nghttp2/nghttp2.h>

#define TINY_DATA 128  /* bytes: a window that opens by less, or makes smaller frames, is a game */
#define FIELDS_MAX 200 /* of one head; the host's client.max_headers says 431 below that */

struct http2_conf {
    int64_t max_streams;
    uint64_t max_header_list, window;
    bool cleartext, upgrade;
};

/* What costs the client nothing and us something is allowed so often: a bucket that refills. */
struct patience {
    double left;
    uint64_t at_ms;
};

struct h2 {
    weir_conn *conn;
    nghttp2_session *session;
    const struct http2_conf *conf;
    bool is_backend;        /* the other side is one: weir opens the streams */
    bool has_settings;      /* the other side's have come */
    weir_chain *out;        /* during output() */
    uint64_t out_max;       /* bytes that it may hold */
    bool is_full;
    nghttp2_rcbuf *names[FIELDS_MAX], *values[FIELDS_MAX]; /* of the head that is coming in */
    uint32_t field_n;
    size_t head_bytes;
    bool head_is_too_large;
    struct patience patience;
    uint64_t drain_at_ms;   /* 0: not draining */
    bool is_over;
};

/* patience.c: the client did something at our cost. False: enough; it is told so, and the connection
 * ends. Backends may do as they like. */
bool http2_bear(struct h2 *h2, double cost);
void http2_bear_init(struct h2 *h2);

/* head.c: fields as they come in. */
void http2_head_begin(struct h2 *h2);
/* False: the connection has to end. */
bool http2_head_add(struct h2 *h2, nghttp2_rcbuf *name, nghttp2_rcbuf *value);
/* Those without a colon in front go to `fields`, of FIELDS_MAX, the others to `head` (may be NULL).
 * Returns how many. *status (may be NULL): of a response, 0: there was none. */
size_t http2_head_fields(const struct h2 *h2, weir_field *fields, weir_stream_head *head,
                         uint32_t *status);
/* As nghttp2 wants it; `flags`: NGHTTP2_NV_FLAG_*. */
nghttp2_nv http2_pair(weir_str name, weir_str value, uint8_t flags);

/* in.c, out.c: what nghttp2 calls. */
void http2_set_input(nghttp2_session_callbacks *callbacks);
void http2_set_output(nghttp2_session_callbacks *callbacks);

/* in.c */
weir_rc http2_input(void *state, const char *p, size_t n);

/* upgrade.c */
weir_rc http2_upgrade(void *state, weir_stream *stream, const weir_field *fields, size_t n);

/* out.c */
weir_rc http2_output(void *state, weir_chain *out, size_t room);
/* Where nghttp2 finds the body of a stream. */
nghttp2_data_provider http2_body(void);

/* backend.c: the role towards backends; see weir_codec_ops. */
uint32_t http2_limit(void *state);
bool http2_allows_connect(void *state);
weir_rc http2_request(void *state, weir_stream *stream, const weir_stream_head *head, uint32_t *id);
void http2_leave(void *state, uint32_t id, uint32_t why);

#endif
