/* SPDX-License-Identifier: Apache-2.0 */
/* http/http1_server.h - HTTP/1 towards clients: a connection and the request on it. */
#ifndef HTTP_HTTP1_SERVER_H
#define HTTP_HTTP1_SERVER_H

#include "base/addr.h"
#include "http/request.h"
#include "net/conn.h"

enum client_state {
    CLIENT_IDLE,   /* between requests */
    CLIENT_HEAD,   /* part of a head has come */
    CLIENT_BUSY,   /* a request is under way */
    CLIENT_SKIP,   /* answered; the rest of its body is read and dropped */
    CLIENT_LINGER, /* everything is sent and our side is shut: waits for the other's end */
    CLIENT_TUNNEL,
    CLIENT_CLOSED
};

struct client {
    struct conn conn;
    const struct listener *listener;
    struct client *next, *prev; /* all of this worker */
    struct weir_req *req;       /* BUSY, SKIP */
    struct buf *in;             /* what was read; NULL: nothing is waiting */
    uint32_t in_at;             /* where the unconsumed part of `in` begins */
    uint32_t served;
    size_t scanned;             /* of the head that is coming in */
    enum client_state state;
    bool deferred;              /* an outer call is busy with it: it looks again afterwards */
    bool wants_body;            /* the source waits for more of the request body */
    uint64_t body_left;         /* FRAMING_LENGTH */
    struct chunked *chunked;    /* FRAMING_CHUNKED; in the request's arena */
    struct addr addr;
};

/* Takes an accepted socket. */
void client_open(const struct listener *listener, int fd, const struct addr *addr);

/* Sends what is in req->out, now or as soon as there is room; ends the request when that was all,
 * or when the client is gone. False: the request has ended, and perhaps the client, too. */
bool client_flush(struct client *client);
/* Bytes of req->out that wait because the client is slow. */
bool client_is_stalled(const struct client *client);
/* The source wants more of the request body: it comes by source->request_body(). Reads at once
 * what is there. */
void client_want_body(struct client *client);
/* Cuts the connection: reset, when something was left out. */
void client_abort(struct client *client);
/* The descriptor leaves for a tunnel; *rest (may be empty) is what was read already. */
struct conn *client_tunnel(struct client *client, struct buf **rest, uint32_t *rest_at);
void client_tunnel_end(struct client *client);

/* Nothing is to be kept alive any more; idle ones end when they have been served once more, or
 * after a grace time. */
void clients_drain(void);
extern unsigned client_count;
extern void (*clients_on_empty)(void); /* the last one has gone */
extern void (*clients_on_gone)(void);  /* one has gone */
extern bool clients_draining;

#endif
