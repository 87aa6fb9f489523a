/* SPDX-License-Identifier: Apache-2.0 */
/* http/codec.h - a connection that a module's codec speaks on, in either role: bytes to the codec and
 * from it to the socket. Whose streams they are is the owner's business. */
#ifndef HTTP_CODEC_H
#define HTTP_CODEC_H

#include "http/stream.h"
#include "net/conn.h"

struct module;

/* The codec knows it as weir_conn. */
struct weir_conn {
    struct conn *conn;
    const struct module *module;
    const weir_codec_ops *ops;
    void *state;            /* the codec's own */
    struct weir_chain out;  /* frames that wait for the socket */
    struct later later;     /* the owner's: something is to be sent when this turn ends */
    struct buf *in;         /* what input() is looking at */
    bool is_over;           /* the codec has nothing more to say */
    bool has_failed;        /* the other side's bytes made no sense */
    uint64_t moved_ms;      /* when bytes last moved */
    uint64_t sent;          /* bytes */
    uint64_t came_ms;       /* when some last came */
};

enum codec_sent {
    CODEC_SENT,    /* all there was */
    CODEC_MORE,    /* there is more: call again */
    CODEC_BLOCKED, /* the socket is full */
    CODEC_BROKEN   /* close it */
};

/* Prepares; the owner then sets `state` by ops->open() or ops->connect(). */
void codec_init(struct weir_conn *codec, struct conn *conn, const struct module *module,
                void (*on_later)(struct later *later));
/* Lets go of everything but the connection. */
void codec_fini(struct weir_conn *codec);

/* Calls into the module stand between this and account_leave(). */
struct account_call codec_enter(const struct weir_conn *codec);

/* Reads once and gives that to the codec. Returns like conn_read(). */
ssize_t codec_read(struct weir_conn *codec);
/* Gives it what is in `buf` from `at` on. */
void codec_input(struct weir_conn *codec, struct buf *buf, uint32_t at);
/* Should more be read? Not while many frames wait for the socket, nor after the end. */
bool codec_wants_input(const struct weir_conn *codec);
/* Has frames made and writes them, once. */
enum codec_sent codec_send(struct weir_conn *codec);
/* Nothing more will come out of it: the connection can end. */
bool codec_is_done(const struct weir_conn *codec);

/* See weir_codec_ops. What they make leaves when the turn ends. */
void codec_resume(struct weir_conn *codec, const struct weir_stream *stream);
void codec_consumed(struct weir_conn *codec, const struct weir_stream *stream, size_t n);
void codec_reset(struct weir_conn *codec, const struct weir_stream *stream, uint32_t why);

/* For the module's table. */
weir_rc codec_stream_head(weir_stream *stream, uint32_t status, const weir_field *fields, size_t n,
                          uint32_t flags);
void codec_stream_body(weir_stream *stream, const char *p, size_t n);
weir_rc codec_stream_end(weir_stream *stream, const weir_field *trailers, size_t n);
void codec_stream_gone(weir_stream *stream, uint32_t why);
size_t codec_stream_pending(weir_stream *stream, bool *is_end);
weir_rc codec_stream_take(weir_stream *stream, weir_chain *out, size_t n);
size_t codec_stream_trailers(weir_stream *stream, const weir_field **trailers);

/* Appends body bytes that came in: by reference when they lie in what the codec looks at. */
void codec_add_input(const struct weir_conn *codec, struct weir_chain *chain, const char *p,
                     size_t n);
/* Moves `n` bytes of a body that goes out behind their frame's head; small ones are copied, which
 * is cheaper than a slice of its own. False: they cannot be read. */
bool codec_move_output(struct weir_chain *out, struct weir_chain *body, size_t n);

#endif
