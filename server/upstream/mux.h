/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/mux.h - connections to a peer that many requests share, since a codec speaks on them
 * (HTTP/2). A request takes a place on one; where there is none it waits for a further connection.
 *
 * Nothing is written before the turn of the loop ends: what many requests send leaves together. */
#ifndef UPSTREAM_MUX_H
#define UPSTREAM_MUX_H

#include "http/codec.h"
#include "upstream/group.h"

struct lane;
struct mux;
struct mux_stream;

/* Each is called from the loop or when the codec has done with its bytes, never from mux_open(). */
struct mux_ops {
    /* It has a place now: mux_request(). */
    void (*opened)(struct mux_stream *at);
    /* The connection did not come about, or broke. It has been left already. */
    void (*failed)(struct mux_stream *at, weir_reason reason, const char *detail);
    /* mux_tell() was called. */
    void (*told)(struct mux_stream *at);
};

/* One request's place; embedded in its exchange, zeroed at first. */
struct mux_stream {
    struct weir_stream stream; /* its ops are the owner's, its id is 0 before mux_request() */
    const struct mux_ops *ops;
    struct lane *lane;         /* NULL: it has no place and waits for none */
    struct mux *mux;           /* NULL: it waits */
    struct mux_stream *next, *prev; /* of the mux, or of those that wait */
    struct mux_stream *next_told, *prev_told;
    bool is_told;
};

enum mux_result {
    MUX_OPEN,   /* it has a place */
    MUX_WAITS,
    MUX_FAILED  /* errno says why */
};

/* A place on a connection to `peer`. `name`, `tls`: as for upconn_connect(). `intro` (copied) is
 * what is sent before all else; a connection that begins so is for this one request. The time for
 * that is the caller's to limit. */
enum mux_result mux_open(struct mux_stream *at, struct weir_peer *peer, const struct module *module,
                         const struct tls_client *tls, weir_str name, weir_str intro);
/* Sends the request's head; what `head` points to lives until the stream is left. False: it cannot
 * be sent. */
bool mux_request(struct mux_stream *at, const weir_stream_head *head);
bool mux_allows_connect(const struct mux_stream *at);
/* Gives the place, or the wait for one, up: the peer is told `why` (WEIR_STREAM_*) unless both
 * sides have ended the stream. May be called twice. */
void mux_leave(struct mux_stream *at, uint32_t why);
/* The codec has closed the stream: the place is free. */
void mux_closed(struct mux_stream *at);
/* Calls ops->told() soon, outside of the codec. */
void mux_tell(struct mux_stream *at);
/* It got no answer in time: when nothing else came on the connection either since `since_ms`, that
 * takes no more requests. */
void mux_doubt(struct mux_stream *at, uint64_t since_ms);

static inline struct weir_conn *mux_codec(const struct mux_stream *at);

/* ---- what is inside, for the above ---- */

struct mux {
    struct weir_conn codec;
    struct conn conn;
    struct lane *lane;
    struct mux *next, *prev;
    struct mux_stream *streams;
    struct mux_stream *told_first, *told_last;
    uint32_t stream_n;
    bool is_ready;    /* the peer has said how many it allows */
    bool is_leaving;  /* it takes no more */
};

static inline struct weir_conn *mux_codec(const struct mux_stream *at)
{
    return &at->mux->codec;
}

#endif
