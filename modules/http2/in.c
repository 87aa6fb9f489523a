/* SPDX-License-Identifier: Apache-2.0 */
/* in.c - frames that come: from clients requests, from backends responses. */
#include "http2.h"

#include <string.h>

#define TOO_MANY_CONTINUATIONS (-905) /* headers before the repair of 2024 do not name it */

/* A head that is too large is answered by the status that says so, not by a reset. */
static int refuse_head(struct h2 *h2, int32_t id)
{
    const nghttp2_nv fields[] = {
        http2_pair(WEIR_STR(":status"), WEIR_STR("431"), NGHTTP2_NV_FLAG_NONE),
        http2_pair(WEIR_STR("content-length"), WEIR_STR("0"), NGHTTP2_NV_FLAG_NONE),
    };

    return nghttp2_submit_response(h2->session, id, fields, WEIR_COUNT(fields), NULL);
}

static void reset(struct h2 *h2, int32_t id, uint32_t why)
{
    nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id, why);
}

static weir_stream *stream_of(struct h2 *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}

static int open_stream(struct h2 *h2, int32_t id, bool ended)
{
    weir_field fields[FIELDS_MAX];
    weir_stream_head head = {.fields = fields, .ended = ended};

    if (h2->head_is_too_large) {
        return refuse_head(h2, id);
    }
    head.field_n = http2_head_fields(h2, fields, &head, NULL);
    if (head.path.n == 0) {
        head.path = WEIR_STR("/"); /* a plain CONNECT has none; the host refuses it */
    }
    weir_stream *stream = weir_stream_open(h2->conn, (uint32_t)id, &head);
    if (!stream) {
        reset(h2, id, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    nghttp2_session_set_stream_user_data(h2->session, id, stream);
    return 0;
}

static void end_body(struct h2 *h2, int32_t id, weir_stream *stream, bool with_trailers)
{
    weir_field fields[FIELDS_MAX];
    size_t n = with_trailers ? http2_head_fields(h2, fields, NULL, NULL) : 0;

    if (weir_stream_end(stream, fields, n) != WEIR_OK) {
        reset(h2, id, NGHTTP2_PROTOCOL_ERROR);
    }
}

static void take_response(struct h2 *h2, int32_t id, weir_stream *stream, bool ended)
{
    weir_field fields[FIELDS_MAX];
    uint32_t status = 0;
    size_t n = http2_head_fields(h2, fields, NULL, &status);

    if (status == 0) {
        if (ended) {
            end_body(h2, id, stream, true);
        }
        return;
    }
    uint32_t flags = ended ? WEIR_HEAD_ENDS : status < 200 ? WEIR_HEAD_INTERIM : 0;
    if (h2->head_is_too_large ||
        weir_stream_head_came(stream, status, fields, n, flags) != WEIR_OK) {
        reset(h2, id, NGHTTP2_INTERNAL_ERROR);
    } else if (ended && stream_of(h2, id) == stream) { /* it was not left meanwhile */
        end_body(h2, id, stream, false);
    }
}

static int on_headers(struct h2 *h2, const nghttp2_frame *frame)
{
    int32_t id = frame->hd.stream_id;
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    weir_stream *stream = stream_of(h2, id);
    int rc = 0;

    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        rc = open_stream(h2, id, ended);
    } else if (stream && h2->is_backend) {
        take_response(h2, id, stream, ended);
    } else if (stream && ended) {
        end_body(h2, id, stream, true);
    }
    http2_head_begin(h2);
    return rc;
}

static void on_data(struct h2 *h2, const nghttp2_frame *frame)
{
    weir_stream *stream;

    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        stream = stream_of(h2, frame->hd.stream_id);
        if (stream) {
            end_body(h2, frame->hd.stream_id, stream, false);
        }
    } else if (frame->hd.length == 0) {
        http2_bear(h2, 1);
    }
}

/* What nghttp2 passes over in silence is counted here: priorities of RFC 7540, frames of unknown
 * kinds. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *arg)
{
    (void)session;
    if (head->type == NGHTTP2_PRIORITY || head->type > NGHTTP2_CONTINUATION) {
        http2_bear(arg, 0.5);
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    (void)frame;
    http2_head_begin(arg);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    (void)session;
    (void)frame;
    (void)flags;
    return http2_head_add(arg, name, value) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        return on_headers(h2, frame);
    case NGHTTP2_DATA:
        on_data(h2, frame);
        break;
    case NGHTTP2_SETTINGS:
        h2->has_settings = true;
        http2_bear(h2, 1);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (frame->window_update.window_size_increment < TINY_DATA) {
            http2_bear(h2, 1);
        }
        break;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PING:
        http2_bear(h2, 1);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
                         size_t n, void *arg)
{
    struct h2 *h2 = arg;
    weir_stream *stream = stream_of(h2, id);

    (void)flags;
    if (!stream) {
        nghttp2_session_consume(session, id, n);
        return 0;
    }
    if (h2->is_backend) {
        /* One client that is slow must not hold up the others on the connection: its own stream's
         * window bounds what waits for it. */
        nghttp2_session_consume_connection(session, n);
    }
    weir_stream_body(stream, (const char *)p, n);
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *arg)
{
    (void)session;
    (void)frame;
    (void)error;
    http2_bear(arg, 2);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    weir_stream *stream = stream_of(arg, id);

    if (stream) {
        nghttp2_session_set_stream_user_data(session, id, NULL);
        weir_stream_gone(stream, code);
    }
    return 0;
}

void http2_set_input(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

weir_rc http2_input(void *state, const char *p, size_t n)
{
    struct h2 *h2 = state;
    ssize_t rc = nghttp2_session_mem_recv(h2->session, (const uint8_t *)p, n);

    if (rc < 0) {
        if (rc == NGHTTP2_ERR_FLOODED || rc == TOO_MANY_CONTINUATIONS) {
            nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
        }
        return WEIR_ERROR;
    }
    return nghttp2_session_want_read(h2->session) || nghttp2_session_want_write(h2->session)
               ? WEIR_OK
               : WEIR_DONE;
}
