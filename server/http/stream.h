/* SPDX-License-Identifier: Apache-2.0 */
/* http/stream.h - one request and its response on a connection that a codec speaks on. Embedded in
 * whoever it is for: a client's request (codec_server.c), or an exchange (upstream/). */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include <weir/connection.h>

/* What the codec tells its owner, and asks of it: see weir/host.h. */
struct stream_ops {
    weir_rc (*head)(struct weir_stream *stream, uint32_t status, const weir_field *fields, size_t n,
                    uint32_t flags); /* NULL: no heads come */
    void (*body)(struct weir_stream *stream, const char *p, size_t n);
    weir_rc (*end)(struct weir_stream *stream, const weir_field *trailers, size_t n);
    void (*gone)(struct weir_stream *stream, uint32_t why);
    size_t (*pending)(struct weir_stream *stream, bool *is_end);
    weir_rc (*take)(struct weir_stream *stream, struct weir_chain *out, size_t n);
    size_t (*trailers)(struct weir_stream *stream, const weir_field **trailers);
};

struct weir_stream {
    const struct stream_ops *ops;
    uint32_t id; /* in the codec's terms */
};

#endif
