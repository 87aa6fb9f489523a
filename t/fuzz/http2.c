/* SPDX-License-Identifier: Apache-2.0 */
/* The module http2 in both roles, under a host that does what it may in any order: bytes come in any
 * split, streams are answered, left and reset at any time. The host holds the module to its
 * contract: no word about a stream that is gone. */
#include <weir/module.h>

#include "base/chain.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const weir_module *weir_module_v1(const weir_host *host);

#define STREAMS 64

struct weir_stream {
    uint32_t id;    /* 0: free */
    uint32_t pending;
    bool has_head, is_finished, with_trailers;
};

static struct weir_stream streams[STREAMS];
static const weir_codec_ops *ops;
static void *codec;
static uint64_t now;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- the host ---- */

static struct weir_stream *take(uint32_t id)
{
    for (size_t i = 0; i < STREAMS; i++) {
        if (streams[i].id == 0) {
            streams[i] = (struct weir_stream){.id = id};
            return &streams[i];
        }
    }
    return NULL;
}

static weir_stream *stream_open(weir_conn *conn, uint32_t id, const weir_stream_head *head)
{
    (void)conn;
    must(head->method.n > 0 && head->path.n > 0);
    for (size_t i = 0; i < STREAMS; i++) {
        must(streams[i].id != id);
    }
    return take(id);
}

static weir_rc stream_head(weir_stream *stream, uint32_t status, const weir_field *fields, size_t n,
                           uint32_t flags)
{
    (void)fields;
    (void)n;
    must(stream->id != 0);
    if (flags & WEIR_HEAD_INTERIM) {
        return WEIR_OK;
    }
    must(!stream->has_head);
    stream->has_head = true;
    return status == 599 ? WEIR_ERROR : WEIR_OK;
}

static void stream_body(weir_stream *stream, const char *p, size_t n)
{
    volatile char last = n ? p[n - 1] : 0;

    (void)last;
    must(stream->id != 0);
}

static weir_rc stream_end(weir_stream *stream, const weir_field *trailers, size_t n)
{
    (void)trailers;
    must(stream->id != 0);
    return n == 3 ? WEIR_ERROR : WEIR_OK;
}

static void stream_gone(weir_stream *stream, uint32_t why)
{
    (void)why;
    must(stream->id != 0);
    stream->id = 0;
}

static size_t stream_pending(weir_stream *stream, bool *is_end)
{
    must(stream->id != 0);
    *is_end = stream->is_finished;
    return stream->pending;
}

static weir_rc stream_take(weir_stream *stream, weir_chain *out, size_t n)
{
    static const char text[65536];

    must(stream->id != 0 && n <= stream->pending);
    stream->pending -= (uint32_t)n;
    chain_add_ref(out, text, n, NULL, NULL);
    return WEIR_OK;
}

static size_t stream_trailers(weir_stream *stream, const weir_field **trailers)
{
    static const weir_field sum = {.name = {"X-Sum", 5}, .value = {"1", 1}};

    must(stream->id != 0);
    *trailers = &sum;
    return stream->with_trailers;
}

static uint64_t chain_bytes_of(const weir_chain *chain)
{
    return chain->bytes;
}

static weir_rc chain_copy_to(weir_chain *chain, const void *p, size_t n)
{
    chain_add_copy(chain, p, n);
    return WEIR_OK;
}

static uint64_t now_ms(void)
{
    return now;
}

static void keep_quiet(weir_log_level level, const weir_req *req, const char *fmt, va_list args)
{
    (void)level;
    (void)req;
    (void)fmt;
    (void)args;
}

static const weir_conn_api conn_api = {.size = sizeof(conn_api),
                                       .stream_open = stream_open,
                                       .stream_head = stream_head,
                                       .stream_body = stream_body,
                                       .stream_end = stream_end,
                                       .stream_gone = stream_gone,
                                       .stream_pending = stream_pending,
                                       .stream_take = stream_take,
                                       .stream_trailers = stream_trailers};
static const weir_chain_api chain_api = {
    .size = sizeof(chain_api), .bytes = chain_bytes_of, .copy = chain_copy_to};
static const weir_loop_api loop_api = {.size = sizeof(loop_api), .now_ms = now_ms};
static const weir_host host = {.size = sizeof(host),
                               .chain = &chain_api,
                               .loop = &loop_api,
                               .log = keep_quiet,
                               .conn = &conn_api};

/* ---- what it does ---- */

static bool give(const void *p, size_t n)
{
    char *exact = malloc(n ? n : 1); /* so that a read behind the end is seen */

    memcpy(exact, p, n);
    weir_rc rc = ops->input(codec, exact, n);
    free(exact);
    return rc == WEIR_OK;
}

static bool drain_output(size_t room)
{
    struct weir_chain out = {0};
    weir_rc rc;

    do {
        chain_clear(&out);
        rc = ops->output(codec, &out, room);
    } while (rc == WEIR_MORE && out.bytes > 0);
    chain_clear(&out);
    return rc == WEIR_OK || rc == WEIR_MORE;
}

static void answer(struct weir_stream *stream, uint8_t how)
{
    static const weir_field fields[] = {{.name = {"Content-Type", 12}, .value = {"text/plain", 10}},
                                        {.name = {"x-long", 6}, .value = {"0123456789abcdef", 16}}};

    if (stream->has_head) {
        return;
    }
    if (how & 1) {
        ops->head(codec, stream->id, 103, fields, 2, WEIR_HEAD_INTERIM);
    }
    stream->has_head = true;
    ops->head(codec, stream->id, 200, fields, 2, how & 2 ? WEIR_HEAD_ENDS : 0);
}

static void ask(uint8_t how)
{
    static const weir_field fields[] = {{.name = {"TE", 2}, .value = {"trailers", 8}}};
    const weir_stream_head head = {.method = WEIR_STR("POST"),
                                   .scheme = WEIR_STR("http"),
                                   .authority = WEIR_STR("a"),
                                   .path = WEIR_STR("/"),
                                   .protocol = how & 4 && ops->allows_connect(codec)
                                                   ? WEIR_STR("websocket")
                                                   : WEIR_STR(""),
                                   .fields = fields,
                                   .field_n = 1,
                                   .ended = how & 1};
    struct weir_stream *stream = ops->limit(codec) ? take(UINT32_MAX) : NULL;
    uint32_t id;

    if (!stream) {
        return;
    }
    stream->has_head = stream->is_finished = false;
    stream->id = ops->request(codec, stream, &head, &id) == WEIR_OK ? id : 0;
}

static void act(bool is_backend, uint8_t what, uint8_t which)
{
    struct weir_stream *stream = &streams[which % STREAMS];

    now += which;
    if (what == 7) {
        if (is_backend) {
            ask(which);
        } else if (which == 255) {
            ops->drain(codec);
        }
        return;
    }
    if (stream->id == 0) {
        return;
    }
    switch (what) {
    case 2:
        if (!is_backend) {
            answer(stream, which >> 6);
        }
        break;
    case 3:
        stream->pending += stream->is_finished ? 0 : 1u << (which >> 4);
        ops->resume(codec, stream->id);
        break;
    case 4:
        stream->is_finished = true;
        stream->with_trailers = which >> 7;
        ops->resume(codec, stream->id);
        break;
    case 5:
        if (is_backend) {
            ops->leave(codec, stream->id, WEIR_STREAM_CANCELLED);
            stream->id = 0;
        } else {
            ops->reset(codec, stream->id, which >> 4);
        }
        break;
    default:
        ops->consumed(codec, stream->id, which);
        break;
    }
}

/* A client that began with HTTP/1.1 has a first stream already; its settings are `n` bytes of text. */
static bool upgrade(const uint8_t *text, size_t n)
{
    weir_stream *stream = take(1);
    char *exact = malloc(n ? n : 1);

    memcpy(exact, text, n);
    const weir_field fields[] = {{.name = {"Upgrade", 7}, .value = {"h2c", 3}},
                                 {.name = {"HTTP2-Settings", 14}, .value = {exact, n}}};
    weir_rc rc = ops->upgrade(codec, stream, fields, WEIR_COUNT(fields));
    free(exact);
    if (rc != WEIR_OK) {
        stream->id = 0;
    }
    return rc == WEIR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    bool is_backend = size && data[0] & 1;
    size_t at = 1;

    ops = weir_module_v1(&host)->codec;
    memset(streams, 0, sizeof(streams));
    now = 1000;
    codec = is_backend ? ops->connect(NULL) : ops->open(NULL, NULL);
    bool lives = true;
    if (!is_backend && size > 1 && data[0] & 2) {
        size_t n = data[1] < size - 2 ? data[1] : size - 2;

        lives = upgrade(data + 2, n);
        at = 2 + n;
    }
    lives = lives && (is_backend ? give(preface + 24, 9) : give(preface, 33));
    while (lives && at + 1 < size) {
        uint8_t what = data[at] % 8, which = data[at + 1];

        at += 2;
        if (what == 0) {
            size_t n = (size_t)which + 1 < size - at ? (size_t)which + 1 : size - at;

            lives = give(data + at, n);
            at += n;
        } else if (what == 1) {
            lives = drain_output((size_t)which * 64 + 1);
        } else {
            act(is_backend, what, which);
        }
    }
    drain_output(65536);
    ops->close(codec);
    return 0;
}
