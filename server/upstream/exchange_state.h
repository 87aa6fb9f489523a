/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/exchange_state.h - what the files of the exchange share, and nobody else. */
#ifndef UPSTREAM_EXCHANGE_STATE_H
#define UPSTREAM_EXCHANGE_STATE_H

#include "http/chunked.h"
#include "http/client.h"
#include "net/pipe.h"
#include "upstream/exchange.h"
#include "upstream/mux.h"
#include "upstream/proxy_protocol.h"
#include "upstream/spill.h"
#include "upstream/tunnel.h"

struct exchange {
    struct weir_req *req;
    const weir_forward_conf *conf;
    struct upstream_group *group;
    const struct module *codec;  /* whose codec the peer speaks; NULL: HTTP/1 */
    uint64_t *tried;             /* bit set of peers */
    struct weir_peer *next_peer; /* taken, to be asked instead of the one whose status is refused */
    uint32_t tries;
    struct hedge *hedge;         /* NULL: no second attempt is made beside another */
    uint32_t addr_tries;         /* further addresses of the peer that were tried */
    struct upconn *up;           /* NULL: between attempts, or all was read */
    struct attempt *attempt;
    bool is_reused;              /* `up` came from the pool */
    bool is_retry;

    /* towards the peer */
    struct buf *head_out;        /* the request's head as sent */
    struct weir_chain to_send;
    struct weir_chain replay;    /* body bytes sent so far, for another attempt */
    bool replayable;             /* replay holds all of them */
    bool body_sent;              /* all of the body is in to_send or further */
    bool chunked_out;
    uint64_t sent;               /* bytes of this attempt */

    /* from the peer */
    struct buf *in;              /* NULL: nothing is waiting */
    uint32_t in_at;
    size_t scanned;
    struct buf *head_in;         /* holds what the response's fields point to */
    struct fields fields;
    struct http1_head head;
    bool head_done;
    bool buffering;
    bool is_tunnel;              /* an upgraded exchange whose client speaks in streams */
    uint64_t body_left;          /* FRAMING_LENGTH */
    struct chunked chunked;
    struct pipe *pipe;           /* NULL: nothing is spliced */
    struct spill spill;
    struct tunnel tunnel;
    bool has_begun;              /* a first attempt was made */

    /* an attempt that is a stream on a shared connection: exchange_stream.c */
    struct mux_stream at;
    struct timer stream_timer;
    uint64_t unacked;            /* bytes that came and made no room for others yet */
    weir_field *trailers;        /* of the request, for the peer */
    size_t trailer_n;
    uint32_t gone_code;          /* why the stream was closed */
    bool is_gone;                /* it was */
    bool has_ended;              /* the response is whole */
    weir_reason refusal;         /* what is wrong with the response */
    const char *refusal_detail;
    struct timer deadline;
    struct timer try_timer;      /* retry.timeout */
    struct waiter waiter;        /* for a place at a peer */
    bool waited;                 /* it has waited already */
};

/* Is an attempt under way? */
static inline bool exchange_is_open(const struct exchange *ex)
{
    return ex->up || ex->at.lane;
}

/* exchange_request.c: makes ex->head_out. */
void exchange_build_head(struct exchange *ex);
/* The Host to send; which of the request's fields and trailers pass; the length of the body as
 * text, false: none is to be said. */
weir_str exchange_host(const struct exchange *ex);
bool exchange_passes_on(const struct exchange *ex, const weir_field *field);
bool exchange_passes_trailer(const weir_field *field);
bool exchange_length(struct exchange *ex, weir_str *text);
/* Moves what there is of the request body into ex->to_send, framed. */
void exchange_take_body(struct exchange *ex);

/* exchange_response.c: reads and passes on what has come. Ends in exchange_failed() or leaves the
 * response finished; the caller flushes. */
void exchange_read(struct exchange *ex);
/* The peer is judged by the answer's head. */
void exchange_judge(struct exchange *ex);
/* ex->head and ex->fields are those of the final response: begins it. False: a module has answered
 * instead, what else the peer sends is not wanted. */
bool exchange_final_head(struct exchange *ex);
/* Body bytes for the client. */
void exchange_pass_on(struct exchange *ex, struct weir_chain *data);

/* exchange_stream.c: an attempt at a peer that speaks by a codec. */
void exchange_stream_init(struct exchange *ex);
void exchange_stream_start(struct exchange *ex, struct weir_peer *peer);
void exchange_stream_send(struct exchange *ex);   /* the request's body has more */
void exchange_stream_resume(struct exchange *ex); /* the client has room */

/* exchange_hedge.c, where `retry.hedge` is set: an attempt has begun, which a second one may join. */
void exchange_hedge_start(struct exchange *ex);
/* An answer comes, or nothing is wanted any more: without the second one. Twice is harmless. */
void exchange_hedge_stop(struct exchange *ex);
/* Is a second one under way? */
bool exchange_hedge_is_open(const struct exchange *ex);
/* Its connection, which the caller owns now, and what is not sent; ex->attempt is that one. */
struct upconn *exchange_hedge_take(struct exchange *ex, struct weir_chain *to_send);
/* ... and what that asks of exchange.c: a peer for a second attempt, taken, NULL: none; notes the
 * attempt; goes on with the second one alone; may the request be done twice? */
struct weir_peer *exchange_second_peer(struct exchange *ex);
struct attempt *exchange_note_attempt(struct exchange *ex, struct weir_peer *peer);
void exchange_take_over(struct exchange *ex);
bool exchange_is_repeatable(const struct exchange *ex);

/* exchange.c: this attempt is over without a usable answer: the next one, or an error response. */
void exchange_failed(struct exchange *ex, weir_reason reason, const char *detail);
/* The peer that should be asked, since this one answered `status`: it has been taken, and goes into
 * ex->next_peer. NULL: none, the answer is good enough. */
struct weir_peer *exchange_other_peer(struct exchange *ex, uint32_t status);
/* This attempt is over, ex->next_peer is asked. */
void exchange_ask_other(struct exchange *ex);
/* What is said to the peer before all else, by its proxy_protocol; returns the bytes, 0: nothing. */
size_t exchange_introduction(const struct exchange *ex, const struct weir_peer *peer,
                             char out[PROXY_PROTOCOL_MAX]);
/* The response is complete: the connection goes back or is closed. */
void exchange_release(struct exchange *ex, bool reusable);
void exchange_attempt_done(struct exchange *ex, weir_outcome outcome);
/* The same of one that need not be ex->attempt; once. */
void attempt_finish(struct attempt *attempt, weir_outcome outcome);
/* So many bytes wait for the client that the peer has to. */
bool exchange_sink_is_full(const struct exchange *ex);
/* What the peer calls itself: the URL's host, without port. */
weir_str exchange_peer_name(const struct exchange *ex);
/* Connecting failed at once, with that errno. */
void exchange_not_connected(struct exchange *ex, const struct weir_peer *peer, int error);

#endif
