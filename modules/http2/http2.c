/* SPDX-License-Identifier: Apache-2.0 */
/* http2.c - HTTP/2 towards clients (RFC 9113), framed by nghttp2. The host has the requests, the
 * windows of bodies and the time limits; here are frames, settings, and what a client may not do
 * too often. */
#include <weir/module.h>

#include <nghttp2/nghttp2.h>

#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 200       /* of one head; the host's client.max_headers says 431 below that */
#define DRAIN_MS 1000        /* between the notice and the last word of a graceful end */
#define TINY_DATA 128        /* bytes: a window that makes smaller frames is a game */

struct http2_conf {
    int64_t max_streams;
    uint64_t max_header_list, window;
    bool cleartext;
};

/* What costs the client nothing and us something is allowed so often: a bucket that refills. */
struct patience {
    double left;
    uint64_t at_ms;
};

#define PATIENCE_MAX 300.0
#define PATIENCE_PER_MS 0.05 /* 50 a second */

struct h2 {
    weir_conn *conn;
    nghttp2_session *session;
    const struct http2_conf *conf;
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

static const weir_opt options[] = {
    {.name = "max_streams",
     .type = WEIR_T_INT,
     .offset = offsetof(struct http2_conf, max_streams),
     .dflt = "128",
     .min = 1,
     .max = 100000,
     .doc = "Requests at a time on one connection."},
    {.name = "max_header_list",
     .type = WEIR_T_SIZE,
     .offset = offsetof(struct http2_conf, max_header_list),
     .dflt = "64k",
     .min = 1024,
     .doc = "Largest head, unpacked, that is read at all; client.max_header decides before."},
    {.name = "window",
     .type = WEIR_T_SIZE,
     .offset = offsetof(struct http2_conf, window),
     .dflt = "256k",
     .min = 65535,
     .max = 16 * 1024 * 1024,
     .doc = "Bytes of a request body that a client may be ahead of its backend."},
    {.name = "cleartext",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct http2_conf, cleartext),
     .dflt = "false",
     .doc = "Takes HTTP/2 on plain ports, too, from clients that begin with it."},
};

/* ---- patience ---- */

/* False: enough; the connection is told so, and ends. */
static bool bear(struct h2 *h2, double cost)
{
    struct patience *p = &h2->patience;
    uint64_t now = weir_now_ms();

    p->left += (double)(now - p->at_ms) * PATIENCE_PER_MS;
    p->left = p->left > PATIENCE_MAX ? PATIENCE_MAX : p->left;
    p->at_ms = now;
    p->left -= cost;
    if (p->left >= 0) {
        return true;
    }
    if (!h2->is_over) {
        h2->is_over = true;
        weir_log(WEIR_LOG_WARN, NULL, "http2: a client that resets, pings or dribbles too often "
                 "was sent away");
        nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    return false;
}

/* ---- heads ---- */

static void drop_head(struct h2 *h2)
{
    for (uint32_t i = 0; i < h2->field_n; i++) {
        nghttp2_rcbuf_decref(h2->names[i]);
        nghttp2_rcbuf_decref(h2->values[i]);
    }
    h2->field_n = 0;
    h2->head_bytes = 0;
    h2->head_is_too_large = false;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    (void)frame;
    drop_head(arg);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    struct h2 *h2 = arg;

    (void)session;
    (void)frame;
    (void)flags;
    h2->head_bytes += nghttp2_rcbuf_get_buf(name).len + nghttp2_rcbuf_get_buf(value).len + 32;
    if (h2->field_n == FIELDS_MAX || h2->head_bytes > h2->conf->max_header_list) {
        h2->head_is_too_large = true;
        /* Reading on keeps the compression in step; doing so for ever would be a gift. */
        return bear(h2, 1) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    nghttp2_rcbuf_incref(name);
    nghttp2_rcbuf_incref(value);
    h2->names[h2->field_n] = name;
    h2->values[h2->field_n++] = value;
    return 0;
}

static weir_str text_of(nghttp2_rcbuf *buf)
{
    nghttp2_vec vec = nghttp2_rcbuf_get_buf(buf);

    return (weir_str){(const char *)vec.base, vec.len};
}

static bool is(weir_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static void read_pseudo(weir_stream_head *head, weir_str name, weir_str value)
{
    if (is(name, ":method")) {
        head->method = value;
    } else if (is(name, ":path")) {
        head->path = value;
    } else if (is(name, ":authority")) {
        head->authority = value;
    } else if (is(name, ":scheme")) {
        head->scheme = value;
    } else if (is(name, ":protocol")) {
        head->protocol = value;
    }
}

static size_t collect_fields(const struct h2 *h2, weir_field *fields, weir_stream_head *head)
{
    size_t n = 0;

    for (uint32_t i = 0; i < h2->field_n; i++) {
        weir_str name = text_of(h2->names[i]), value = text_of(h2->values[i]);

        if (name.n && name.p[0] == ':') {
            if (head) {
                read_pseudo(head, name, value);
            }
        } else {
            fields[n++] = (weir_field){.name = name, .value = value};
        }
    }
    return n;
}

/* A head that is too large is answered by the status that says so, not by a reset. */
static int refuse_head(struct h2 *h2, int32_t stream)
{
    static const nghttp2_nv fields[] = {
        {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "431", 7, 3, 0},
        {(uint8_t *)(uintptr_t) "content-length", (uint8_t *)(uintptr_t) "0", 14, 1, 0},
    };

    return nghttp2_submit_response(h2->session, stream, fields, WEIR_COUNT(fields), NULL);
}

static int open_stream(struct h2 *h2, int32_t stream, bool ended)
{
    weir_field fields[FIELDS_MAX];
    weir_stream_head head = {.fields = fields, .ended = ended};

    if (h2->head_is_too_large) {
        return refuse_head(h2, stream);
    }
    head.field_n = collect_fields(h2, fields, &head);
    if (is(head.method, "CONNECT") && head.protocol.n == 0) {
        head.path = (weir_str){"/", 1}; /* a plain CONNECT has none; the host refuses it */
    }
    weir_req *req = weir_stream_open(h2->conn, (uint32_t)stream, &head);
    if (!req) {
        return nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream,
                                         NGHTTP2_REFUSED_STREAM);
    }
    nghttp2_session_set_stream_user_data(h2->session, stream, req);
    return 0;
}

static void end_body(struct h2 *h2, int32_t stream, weir_req *req, bool with_trailers)
{
    weir_field fields[FIELDS_MAX];
    size_t n = with_trailers ? collect_fields(h2, fields, NULL) : 0;

    if (weir_stream_end(req, fields, n) != WEIR_OK) {
        nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_PROTOCOL_ERROR);
    }
}

/* ---- frames in ---- */

static int on_headers(struct h2 *h2, const nghttp2_frame *frame)
{
    int32_t stream = frame->hd.stream_id;
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    weir_req *req;
    int rc = 0;

    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        rc = open_stream(h2, stream, ended);
    } else if (ended && (req = nghttp2_session_get_stream_user_data(h2->session, stream))) {
        end_body(h2, stream, req, true);
    }
    drop_head(h2);
    return rc;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;
    weir_req *req;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        return on_headers(h2, frame);
    case NGHTTP2_DATA:
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
            req = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
            if (req) {
                end_body(h2, frame->hd.stream_id, req, false);
            }
        } else if (frame->hd.length == 0) {
            bear(h2, 1);
        }
        break;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PRIORITY:
        bear(h2, 1);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *p,
                         size_t n, void *arg)
{
    weir_req *req = nghttp2_session_get_stream_user_data(session, stream);

    (void)flags;
    (void)arg;
    if (req) {
        weir_stream_body(req, (const char *)p, n);
    } else {
        nghttp2_session_consume(session, stream, n);
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *arg)
{
    (void)session;
    (void)frame;
    (void)error;
    bear(arg, 2);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
    weir_req *req = nghttp2_session_get_stream_user_data(session, stream);

    (void)code;
    (void)arg;
    if (req) {
        nghttp2_session_set_stream_user_data(session, stream, NULL);
        weir_stream_gone(req);
    }
    return 0;
}

/* ---- frames out ---- */

static int submit_trailers(struct h2 *h2, int32_t stream, const weir_field *fields, size_t n)
{
    nghttp2_nv list[FIELDS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < n && count < FIELDS_MAX; i++) {
        list[count++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)fields[i].name.p,
                                     .value = (uint8_t *)(uintptr_t)fields[i].value.p,
                                     .namelen = fields[i].name.n,
                                     .valuelen = fields[i].value.n};
    }
    return nghttp2_submit_trailer(h2->session, stream, list, count);
}

static ssize_t on_body_wanted(nghttp2_session *session, int32_t stream, uint8_t *buf,
                              size_t length, uint32_t *flags, nghttp2_data_source *source,
                              void *arg)
{
    struct h2 *h2 = arg;
    weir_req *req = nghttp2_session_get_stream_user_data(session, stream);
    const weir_field *trailers;
    bool is_end;

    (void)buf;
    (void)source;
    if (!req) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    size_t pending = weir_stream_pending(req, &is_end);
    if (pending == 0 && !is_end) {
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (pending > length) {
        if (length < TINY_DATA) {
            bear(h2, 1);
        }
        return (ssize_t)length;
    }
    if (is_end) {
        size_t n = weir_stream_trailers(req, &trailers);

        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (n > 0 && submit_trailers(h2, stream, trailers, n) == 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        }
    }
    return (ssize_t)pending;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *arg)
{
    struct h2 *h2 = arg;
    weir_req *req = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)source;
    if (!req) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (weir_chain_bytes(h2->out) >= h2->out_max) {
        h2->is_full = true;
        return NGHTTP2_ERR_WOULDBLOCK; /* the same frame comes again */
    }
    weir_chain_copy(h2->out, head, 9);
    if (length > 0 && weir_stream_take(req, h2->out, length) != WEIR_OK) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

/* ---- the codec ---- */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *session_option;

static bool prepare(void)
{
    if (callbacks) {
        return true;
    }
    if (nghttp2_session_callbacks_new(&callbacks) != 0 ||
        nghttp2_option_new(&session_option) != 0) {
        return false;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_option_set_no_auto_window_update(session_option, 1);
    nghttp2_option_set_builtin_recv_extension_type(session_option, NGHTTP2_PRIORITY_UPDATE);
    nghttp2_option_set_no_closed_streams(session_option, 1);
    return true;
}

static void http2_close(void *state)
{
    struct h2 *h2 = state;

    drop_head(h2);
    nghttp2_session_del(h2->session);
    free(h2);
}

static void *http2_open(weir_conn *conn, const void *conf)
{
    static const struct http2_conf defaults = {128, 65536, 262144, false};
    struct h2 *h2 = prepare() ? calloc(1, sizeof(*h2)) : NULL;

    if (!h2) {
        return NULL;
    }
    h2->conn = conn;
    h2->conf = conf ? conf : &defaults;
    h2->patience = (struct patience){PATIENCE_MAX, weir_now_ms()};
    if (nghttp2_session_server_new2(&h2->session, callbacks, h2, session_option) != 0) {
        free(h2);
        return NULL;
    }
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)h2->conf->max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)h2->conf->window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h2->conf->max_header_list},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, WEIR_COUNT(settings));
    nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                          (int32_t)(4 * h2->conf->window));
    return h2;
}

static weir_rc http2_input(void *state, const char *p, size_t n)
{
    struct h2 *h2 = state;
    ssize_t rc = nghttp2_session_mem_recv(h2->session, (const uint8_t *)p, n);

    if (rc < 0) {
        return WEIR_ERROR;
    }
    return nghttp2_session_want_read(h2->session) || nghttp2_session_want_write(h2->session)
               ? WEIR_OK
               : WEIR_ERROR;
}

static void finish_drain(struct h2 *h2)
{
    if (h2->drain_at_ms && weir_now_ms() >= h2->drain_at_ms) {
        int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);

        h2->drain_at_ms = UINT64_MAX;
        nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    }
}

static weir_rc http2_output(void *state, weir_chain *out, size_t room)
{
    struct h2 *h2 = state;
    const uint8_t *p;
    ssize_t n;

    finish_drain(h2);
    h2->out = out;
    h2->out_max = weir_chain_bytes(out) + room;
    h2->is_full = false;
    while (weir_chain_bytes(out) < h2->out_max) {
        n = nghttp2_session_mem_send(h2->session, &p);
        if (n < 0) {
            return WEIR_ERROR;
        }
        if (n == 0 && h2->is_full) {
            return WEIR_MORE;
        }
        if (n == 0) {
            return nghttp2_session_want_read(h2->session) ||
                           nghttp2_session_want_write(h2->session)
                       ? WEIR_OK
                       : WEIR_DONE;
        }
        weir_chain_copy(out, p, (size_t)n);
    }
    return WEIR_MORE;
}

static weir_rc http2_head(void *state, uint32_t stream, uint32_t status, const weir_field *fields,
                          size_t n, uint32_t flags)
{
    struct h2 *h2 = state;
    nghttp2_nv few[64];
    nghttp2_nv *list = n < WEIR_COUNT(few) ? few : calloc(n + 1, sizeof(*list));
    nghttp2_data_provider body = {.read_callback = on_body_wanted};
    char digits[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10)};
    uint8_t no_copy = flags & WEIR_HEAD_INTERIM ? 0 : NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    int rc;

    if (!list) {
        return WEIR_ERROR;
    }
    list[0] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t) ":status",
                           .value = (uint8_t *)digits,
                           .namelen = 7,
                           .valuelen = 3,
                           .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME};
    for (size_t i = 0; i < n; i++) {
        list[i + 1] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)fields[i].name.p,
                                   .value = (uint8_t *)(uintptr_t)fields[i].value.p,
                                   .namelen = fields[i].name.n,
                                   .valuelen = fields[i].value.n,
                                   .flags = no_copy};
    }
    if (flags & WEIR_HEAD_INTERIM) {
        rc = nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, (int32_t)stream, NULL, list,
                                    n + 1, NULL);
    } else {
        rc = nghttp2_submit_response(h2->session, (int32_t)stream, list, n + 1,
                                     flags & WEIR_HEAD_ENDS ? NULL : &body);
    }
    if (list != few) {
        free(list);
    }
    return rc == 0 ? WEIR_OK : WEIR_ERROR;
}

static void http2_resume(void *state, uint32_t stream)
{
    struct h2 *h2 = state;

    nghttp2_session_resume_data(h2->session, (int32_t)stream);
}

static void http2_consumed(void *state, uint32_t stream, size_t n)
{
    struct h2 *h2 = state;

    nghttp2_session_consume(h2->session, (int32_t)stream, n);
}

static void http2_reset(void *state, uint32_t stream, bool is_error)
{
    struct h2 *h2 = state;

    nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, (int32_t)stream,
                              is_error ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_NO_ERROR);
}

static void http2_drain(void *state)
{
    struct h2 *h2 = state;

    if (h2->drain_at_ms == 0) {
        h2->drain_at_ms = weir_now_ms() + DRAIN_MS;
        nghttp2_submit_shutdown_notice(h2->session);
    }
}

static bool http2_is_cleartext(const void *conf)
{
    return ((const struct http2_conf *)conf)->cleartext;
}

static const weir_codec_ops codec = {
    .size = sizeof(codec),
    .name = "http2",
    .alpn = "h2",
    .preface = NGHTTP2_CLIENT_MAGIC,
    .open = http2_open,
    .is_cleartext = http2_is_cleartext,
    .input = http2_input,
    .output = http2_output,
    .head = http2_head,
    .resume = http2_resume,
    .consumed = http2_consumed,
    .reset = http2_reset,
    .drain = http2_drain,
    .close = http2_close,
};

static const weir_module module = {
    WEIR_MODULE_HEAD("http2", "0.1"),
    .doc = "HTTP/2 for clients.",
    .scopes = WEIR_S_SITE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct http2_conf),
    .codec = &codec,
};

WEIR_MODULE(http2, 2, "codec", module)
