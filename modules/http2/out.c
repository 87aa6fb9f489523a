/* SPDX-License-Identifier: Apache-2.0 */
/* out.c - frames that go. */
#include "http2.h"

static int submit_trailers(struct h2 *h2, int32_t id, const weir_field *fields, size_t n)
{
    nghttp2_nv list[FIELDS_MAX];
    size_t count = n < FIELDS_MAX ? n : FIELDS_MAX;

    for (size_t i = 0; i < count; i++) {
        list[i] = http2_pair(fields[i].name, fields[i].value, NGHTTP2_NV_FLAG_NONE);
    }
    return nghttp2_submit_trailer(h2->session, id, list, count);
}

static ssize_t on_body_wanted(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                              uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct h2 *h2 = arg;
    weir_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    const weir_field *trailers;
    bool is_end;

    (void)buf;
    (void)source;
    if (!stream) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    size_t pending = weir_stream_pending(stream, &is_end);
    if (pending == 0 && !is_end) {
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (pending > length) {
        if (length < TINY_DATA) {
            http2_bear(h2, 1);
        }
        return (ssize_t)length;
    }
    if (is_end) {
        size_t n = weir_stream_trailers(stream, &trailers);

        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (n > 0 && submit_trailers(h2, id, trailers, n) == 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        }
    }
    return (ssize_t)pending;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *arg)
{
    struct h2 *h2 = arg;
    weir_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)source;
    if (!stream) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (weir_chain_bytes(h2->out) >= h2->out_max) {
        h2->is_full = true;
        return NGHTTP2_ERR_WOULDBLOCK; /* the same frame comes again */
    }
    weir_chain_copy(h2->out, head, 9);
    if (length > 0 && weir_stream_take(stream, h2->out, length) != WEIR_OK) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

void http2_set_output(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
}

nghttp2_data_provider http2_body(void)
{
    return (nghttp2_data_provider){.read_callback = on_body_wanted};
}

/* The second GOAWAY of a graceful end (RFC 9113, 6.8). */
static void finish_drain(struct h2 *h2)
{
    if (h2->drain_at_ms && weir_now_ms() >= h2->drain_at_ms) {
        int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);

        h2->drain_at_ms = UINT64_MAX;
        nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    }
}

weir_rc http2_output(void *state, weir_chain *out, size_t room)
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
