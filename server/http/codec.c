/* SPDX-License-Identifier: Apache-2.0 */
#include "http/codec.h"

#include "base/clock.h"
#include "base/running.h"
#include "module/registry.h"

#include <errno.h>

#define OUT_WINDOW (128 * 1024) /* bytes of frames that wait for the socket */
#define COPY_MAX 2048           /* bytes of body that are copied rather than referred to */

void codec_init(struct weir_conn *codec, struct conn *conn, const struct module *module,
                void (*on_later)(struct later *later))
{
    *codec = (struct weir_conn){.conn = conn,
                                .module = module,
                                .ops = module->desc->codec,
                                .later = {.fn = on_later},
                                .moved_ms = clock_now.ms};
}

void codec_fini(struct weir_conn *codec)
{
    loop_later_cancel(&codec->later);
    if (codec->state) {
        struct account_call call = codec_enter(codec);

        codec->ops->close(codec->state);
        account_leave(&call);
        codec->state = NULL;
    }
    chain_clear(&codec->out);
}

struct account_call codec_enter(const struct weir_conn *codec)
{
    return account_enter(codec->module, &codec->module->accounts[ACCOUNT_CODEC]);
}

/* ---- in and out ---- */

void codec_input(struct weir_conn *codec, struct buf *buf, uint32_t at)
{
    struct account_call call = codec_enter(codec);

    codec->in = buf;
    weir_rc rc = codec->ops->input(codec->state, buf->data + at, buf->used - at);
    codec->in = NULL;
    account_leave(&call);
    codec->has_failed = rc == WEIR_ERROR;
    codec->is_over = codec->is_over || rc == WEIR_DONE;
}

ssize_t codec_read(struct weir_conn *codec)
{
    struct buf *buf = buf_create();
    ssize_t n = conn_read(codec->conn, buf);

    if (n > 0) {
        codec->moved_ms = codec->came_ms = clock_now.ms;
        codec_input(codec, buf, 0);
    }
    buf_release(buf);
    return n;
}

static bool is_full(const struct weir_conn *codec)
{
    return codec->out.bytes >= OUT_WINDOW;
}

/* A module's table may end before the member. */
static bool is_sated(const struct weir_conn *codec)
{
    return codec->state && WEIR_HAS(codec->ops, wants_input) &&
           !codec->ops->wants_input(codec->state);
}

bool codec_wants_input(const struct weir_conn *codec)
{
    return !is_sated(codec) && !is_full(codec) && !codec->has_failed && !codec->is_over;
}

static weir_rc produce(struct weir_conn *codec)
{
    struct account_call call = codec_enter(codec);
    weir_rc rc =
        codec->ops->output(codec->state, &codec->out, OUT_WINDOW - (size_t)codec->out.bytes);

    account_leave(&call);
    codec->is_over = rc == WEIR_DONE || rc == WEIR_ERROR;
    return rc;
}

enum codec_sent codec_send(struct weir_conn *codec)
{
    weir_rc rc = WEIR_OK;

    if (!is_full(codec) && !codec->is_over) {
        rc = produce(codec);
    }
    if (!chain_is_empty(&codec->out)) {
        uint64_t before = codec->out.bytes;
        int sent = conn_write(codec->conn, &codec->out, false);

        if (before != codec->out.bytes) {
            codec->moved_ms = clock_now.ms;
            codec->sent += before - codec->out.bytes;
        }
        if (sent < 0) {
            return sent == -EAGAIN ? CODEC_BLOCKED : CODEC_BROKEN;
        }
    }
    return rc == WEIR_MORE ? CODEC_MORE : CODEC_SENT;
}

bool codec_is_done(const struct weir_conn *codec)
{
    return (codec->is_over || codec->has_failed) && chain_is_empty(&codec->out);
}

/* ---- what owners ask of it ---- */

void codec_resume(struct weir_conn *codec, const struct weir_stream *stream)
{
    struct account_call call = codec_enter(codec);

    codec->ops->resume(codec->state, stream->id);
    account_leave(&call);
    loop_later(&codec->later);
}

void codec_consumed(struct weir_conn *codec, const struct weir_stream *stream, size_t n)
{
    struct account_call call = codec_enter(codec);

    codec->ops->consumed(codec->state, stream->id, n);
    account_leave(&call);
    loop_later(&codec->later);
}

void codec_reset(struct weir_conn *codec, const struct weir_stream *stream, uint32_t why)
{
    struct account_call call = codec_enter(codec);

    codec->ops->reset(codec->state, stream->id, why);
    account_leave(&call);
    loop_later(&codec->later);
}

/* ---- what it tells them: the module's table ---- */

weir_rc codec_stream_head(weir_stream *stream, uint32_t status, const weir_field *fields, size_t n,
                          uint32_t flags)
{
    struct account_call host = account_enter(NULL, NULL);
    weir_rc rc;

    rc = stream->ops->head ? stream->ops->head(stream, status, fields, n, flags) : WEIR_ERROR;
    account_leave(&host);
    return rc;
}

void codec_stream_body(weir_stream *stream, const char *p, size_t n)
{
    struct account_call host = account_enter(NULL, NULL);

    stream->ops->body(stream, p, n);
    account_leave(&host);
}

weir_rc codec_stream_end(weir_stream *stream, const weir_field *trailers, size_t n)
{
    struct account_call host = account_enter(NULL, NULL);

    weir_rc rc = stream->ops->end(stream, trailers, n);
    account_leave(&host);
    return rc;
}

void codec_stream_gone(weir_stream *stream, uint32_t why)
{
    struct account_call host = account_enter(NULL, NULL);

    stream->ops->gone(stream, why);
    account_leave(&host);
}

size_t codec_stream_pending(weir_stream *stream, bool *is_end)
{
    return stream->ops->pending(stream, is_end);
}

weir_rc codec_stream_take(weir_stream *stream, weir_chain *out, size_t n)
{
    return stream->ops->take(stream, out, n);
}

size_t codec_stream_trailers(weir_stream *stream, const weir_field **trailers)
{
    return stream->ops->trailers(stream, trailers);
}

/* ---- bodies ---- */

void codec_add_input(const struct weir_conn *codec, struct weir_chain *chain, const char *p,
                     size_t n)
{
    struct buf *in = codec->in;

    if (in && p >= in->data && p + n <= in->data + in->used) {
        chain_add_buf(chain, in, p, n);
    } else {
        chain_add_copy(chain, p, n);
    }
}

/* Is there a file in the first `n` bytes that closes with the request? Frames may outlive it. */
static bool has_own_file(const struct weir_chain *chain, size_t n)
{
    size_t seen = 0;

    for (const struct link *link = chain->first; link && seen < n; link = link->next) {
        if (link->kind == LINK_FILE && !link->unref) {
            return true;
        }
        seen += link->n;
    }
    return false;
}

static bool copy_body(struct weir_chain *out, struct weir_chain *body, size_t n)
{
    struct buf *buf = n <= BUF_SIZE ? buf_create() : buf_create_sized((uint32_t)n);
    bool fine = chain_peek(body, buf->data, n) == (ssize_t)n;

    if (fine) {
        buf->used = (uint32_t)n;
        chain_add_buf(out, buf, buf->data, n);
        chain_drop(body, n);
    }
    buf_release(buf);
    return fine;
}

bool codec_move_output(struct weir_chain *out, struct weir_chain *body, size_t n)
{
    char text[COPY_MAX];

    if (n > COPY_MAX && has_own_file(body, n)) {
        return copy_body(out, body, n);
    }
    if (n > COPY_MAX) {
        chain_move(out, body, n);
        return true;
    }
    if (chain_peek(body, text, n) != (ssize_t)n) {
        return false;
    }
    chain_add_copy(out, text, n);
    chain_drop(body, n);
    return true;
}
