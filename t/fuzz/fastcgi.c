/* SPDX-License-Identifier: Apache-2.0 */
/* The module fastcgi's codec under a host that does what it may in any order, with an application
 * that sends anything, split anywhere. No word about a stream that is gone, nor a look at its
 * request. */
#include <weir/module.h>

#include "base/chain.h"
#include "fastcgi.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const weir_module *weir_module_v1(const weir_host *host);

struct weir_stream {
    bool is_open, has_head, is_finished;
    size_t pending;
};

static struct weir_stream stream;
static struct fastcgi_request *request; /* freed with the stream, so that a later look is seen */
static const weir_codec_ops *ops;
static void *codec;
static uint32_t id;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- the host ---- */

static void end_stream(void)
{
    stream.is_open = false;
    free(request);
    request = NULL;
}

static weir_rc stream_head(weir_stream *s, uint32_t status, const weir_field *fields, size_t n,
                           uint32_t flags)
{
    volatile size_t bytes = 0;

    must(s == &stream && s->is_open && !s->has_head && flags == 0);
    must(status >= 200 && status <= 999);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < fields[i].name.n; k++) {
            must(fields[i].name.p[k] != '\n');
        }
        for (size_t k = 0; k < fields[i].value.n; k++) {
            must(fields[i].value.p[k] != '\n');
        }
        bytes += fields[i].value.n;
    }
    s->has_head = true;
    return status == 599 ? WEIR_ERROR : WEIR_OK;
}

static void stream_body(weir_stream *s, const char *p, size_t n)
{
    volatile char last = n ? p[n - 1] : 0;

    (void)last;
    must(s == &stream && s->is_open && s->has_head);
}

static weir_rc stream_end(weir_stream *s, const weir_field *trailers, size_t n)
{
    (void)trailers;
    must(s == &stream && s->is_open && s->has_head && n == 0);
    return WEIR_OK;
}

static void stream_gone(weir_stream *s, uint32_t why)
{
    (void)why;
    must(s == &stream && s->is_open);
    end_stream();
}

static size_t stream_pending(weir_stream *s, bool *is_end)
{
    must(s == &stream && s->is_open);
    *is_end = s->is_finished;
    return s->pending;
}

static weir_rc stream_take(weir_stream *s, weir_chain *out, size_t n)
{
    static const char text[1 << 17];

    must(s == &stream && s->is_open && n <= s->pending && n <= sizeof(text));
    s->pending -= n;
    chain_add_ref(out, text, n, NULL, NULL);
    return WEIR_OK;
}

static weir_rc copy_to(weir_chain *chain, const void *p, size_t n)
{
    chain_add_copy(chain, p, n);
    return WEIR_OK;
}

static void keep_quiet(weir_log_level level, const weir_req *req, const char *fmt, va_list args)
{
    char text[2048];

    (void)level;
    must(req == (const weir_req *)(uintptr_t)&stream);
    vsnprintf(text, sizeof(text), fmt, args);
}

static const weir_conn_api conn_api = {.size = sizeof(conn_api),
                                       .stream_head = stream_head,
                                       .stream_body = stream_body,
                                       .stream_end = stream_end,
                                       .stream_gone = stream_gone,
                                       .stream_pending = stream_pending,
                                       .stream_take = stream_take};
static const weir_chain_api chain_api = {.size = sizeof(chain_api), .copy = copy_to};
static const weir_host host = {
    .size = sizeof(host), .chain = &chain_api, .log = keep_quiet, .conn = &conn_api};

/* ---- what it does ---- */

static void ask(uint8_t how)
{
    static const char params[600] = "\1\1ab";
    const weir_field length = {.name = {"content-length", 14}, .value = {"7", 1}};
    weir_stream_head head = {.fields = &length, .field_n = how & 1, .ended = how & 2};

    if (stream.is_open || ops->limit(codec) == 0) {
        return;
    }
    request = malloc(sizeof(*request));
    *request = (struct fastcgi_request){.req = (weir_req *)(uintptr_t)&stream,
                                        .params = params,
                                        .params_n = how & 4 ? sizeof(params) : 4,
                                        .keep = how & 8};
    head.request = request;
    stream = (struct weir_stream){.is_open = true, .is_finished = how & 2};
    must(ops->request(codec, &stream, &head, &id) == WEIR_OK);
}

static bool give(const uint8_t *p, size_t n)
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

static void act(uint8_t what, uint8_t which)
{
    if (what == 2) {
        ask(which);
    } else if (what == 3 && stream.is_open && !stream.is_finished) {
        stream.pending += 1u << (which >> 4);
        ops->resume(codec, id);
    } else if (what == 4 && stream.is_open) {
        stream.is_finished = true;
        ops->resume(codec, id);
    } else if (what == 5 && stream.is_open) {
        ops->leave(codec, id, WEIR_STREAM_CANCELLED);
        end_stream();
    } else if (what == 6 && stream.is_open) {
        ops->consumed(codec, id, which);
    } else if (what == 7 && which == 255) {
        ops->drain(codec);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool lives = true;
    size_t at = 0;

    ops = weir_module_v1(&host)->codec;
    codec = ops->connect(NULL);
    stream = (struct weir_stream){0};
    ask(8);
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
            act(what, which);
        }
    }
    if (stream.is_open) {
        ops->leave(codec, id, WEIR_STREAM_CANCELLED);
        end_stream();
    }
    ops->close(codec);
    return 0;
}
