/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/tunnel.h - two connections joined: bytes both ways until both are done (101, CONNECT). */
#ifndef UPSTREAM_TUNNEL_H
#define UPSTREAM_TUNNEL_H

#include "net/conn.h"

struct tunnel_side {
    struct tunnel *tunnel;
    struct conn *conn;
    struct weir_chain to_send; /* what waits for this side */
    bool ended;                /* it has sent its end, and that was passed on or will be */
    bool shut;                 /* its writing side is shut */
};

struct tunnel {
    struct tunnel_side sides[2];
    uint64_t idle_ms;
    uint64_t active_ms;        /* when bytes last moved */
    void (*on_end)(struct tunnel *tunnel); /* both are done, one failed, or nothing moved for
                                              idle_ms; may free the tunnel */
};

/* Joins; both conns' callbacks and timers are the tunnel's from now on. What was to be sent first
 * is in sides[].to_send already. */
void tunnel_start(struct tunnel *tunnel, struct conn *a, struct conn *b, uint64_t idle_ms,
                  void (*on_end)(struct tunnel *tunnel));

#endif
