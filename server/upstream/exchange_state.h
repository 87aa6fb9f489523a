/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/exchange_state.h - what the files of the exchange share, and nobody else. */
#ifndef UPSTREAM_EXCHANGE_STATE_H
#define UPSTREAM_EXCHANGE_STATE_H

#include "http/chunked.h"
#include "http/client.h"
#include "net/pipe.h"
#include "upstream/exchange.h"
#include "upstream/spill.h"
#include "upstream/tunnel.h"

struct exchange {
    struct weir_req *req;
    const weir_forward_conf *conf;
    struct upstream_group *group;
    uint64_t *tried;             /* bit set of peers */
    uint32_t tries;
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
    struct timer deadline;
};

/* exchange_request.c: makes ex->head_out. */
void exchange_build_head(struct exchange *ex);
/* Moves what there is of the request body into ex->to_send, framed. */
void exchange_take_body(struct exchange *ex);

/* exchange_response.c: reads and passes on what has come. Ends in exchange_failed() or leaves the
 * response finished; the caller flushes. */
void exchange_read(struct exchange *ex);

/* exchange.c: this attempt is over without a usable answer: the next one, or an error response. */
void exchange_failed(struct exchange *ex, weir_reason reason, const char *detail);
/* The response is complete: the connection goes back or is closed. */
void exchange_release(struct exchange *ex, bool reusable);
void exchange_attempt_done(struct exchange *ex, weir_outcome outcome);

#endif
