/* SPDX-License-Identifier: Apache-2.0 */
/* http/client.h - a client's connection, whatever it speaks: HTTP/1 (http1_server.c), or what a
 * module's codec makes of it (codec_server.c). */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/addr.h"
#include "http/filtering.h"
#include "http/request.h"
#include "net/conn.h"

/* The way from a request back to its client. */
struct client_ops {
    /* The response's status, fields and length are settled: makes the head. */
    void (*head)(struct weir_req *req);
    void (*interim)(struct weir_req *req, uint32_t status, const struct fields *fields);
    /* Takes body bytes, all of them (not when there is no body), into req->out. */
    void (*add)(struct weir_req *req, struct weir_chain *data);
    void (*finish)(struct weir_req *req);
    /* Sends what there is, now or as soon as there is room; ends the request when that was all, or
     * when the client is gone. False: the request has ended, and perhaps the client, too. */
    bool (*flush)(struct weir_req *req);
    bool (*is_stalled)(const struct weir_req *req);
    void (*want_body)(struct weir_req *req);
};

enum client_state {
    CLIENT_PREREAD,   /* modules look at its first bytes */
    CLIENT_HANDSHAKE, /* a transport's, before the first request */
    CLIENT_IDLE,      /* between requests */
    CLIENT_HEAD,      /* part of a head has come */
    CLIENT_BUSY,      /* a request is under way */
    CLIENT_SKIP,      /* answered; the rest of its body is read and dropped */
    CLIENT_LINGER,    /* everything is sent and our side is shut: waits for the other's end */
    CLIENT_TUNNEL,
    CLIENT_CODEC,     /* codec_server.c's */
    CLIENT_CLOSED
};

struct codec_server;

struct client {
    struct conn conn;
    void **slots;               /* of modules, by ctx_index; NULL: none was asked for */
    uint32_t hook_at;           /* PREREAD: where to go on */
    bool preread_full;          /* a hook has seen all that it can be shown */
    const struct client_ops *ops;
    const struct listener *listener;
    struct client *next, *prev; /* all of this worker */
    struct weir_req *req;       /* HTTP/1: BUSY, SKIP */
    struct codec_server *codec; /* CLIENT_CODEC */
    struct buf *in;             /* what was read; NULL: nothing is waiting */
    uint32_t in_at;             /* where the unconsumed part of `in` begins */
    uint32_t served;
    size_t scanned;             /* of the head that is coming in */
    enum client_state state;
    bool was_cut;               /* it is ended by a reset */
    bool deferred;              /* an outer call is busy with it: it looks again afterwards */
    uint64_t body_left;         /* FRAMING_LENGTH */
    struct chunked *chunked;    /* FRAMING_CHUNKED; in the request's arena */
    struct addr addr;
    uint64_t crowd_key;         /* as what its connection is counted: see crowd.h */
};

/* Takes an accepted socket; not `is_new`: from an older worker, so that its first bytes were seen. NULL:
 * it has ended already. */
struct client *client_open(const struct listener *listener, int fd, const struct addr *addr,
                           uint64_t crowd_key, bool is_new);
/* One that waits between requests, or else for a first one, is closed: of some of the oldest that which
 * has waited longest. False: there is none among them. */
bool clients_give_way(void);
/* Ends the connection and what is on it; may be called twice. */
void client_close(struct client *client);
/* Everything is sent: ends our side, and waits a while for the other's, since a close with bytes
 * unread would reset the connection, and take from the client what it has not read yet. */
void client_linger(struct client *client);

extern bool clients_draining;
extern bool clients_moving; /* what can be moved goes to the next generation: see handover.h */

/* See client_ops. */
static inline bool client_flush(struct weir_req *req)
{
    return req->filters ? filtering_flush(req) : req->client->ops->flush(req);
}

/* Bytes of req->out wait because the client is slow. */
static inline bool client_is_stalled(const struct weir_req *req)
{
    return req->client->ops->is_stalled(req);
}

/* The source wants more of the request body: it comes by source->request_body(). Reads at once
 * what is there. */
static inline void client_want_body(struct weir_req *req)
{
    if (req->body_filters) {
        filtering_want_body(req);
    } else {
        req->client->ops->want_body(req);
    }
}

/* Do response bytes go to a socket as they are, so that splice may carry them? */
static inline bool client_is_plain(const struct client *client)
{
    return client->conn.fd >= 0 && !client->codec && !client->conn.io;
}

/* May it be used for further requests? A draining worker's only as far as it can go to the next
 * generation. */
static inline bool client_is_kept(const struct client *client)
{
    return !clients_draining || (clients_moving && client_is_plain(client));
}

/* HTTP/1: the descriptor leaves for a tunnel; *rest (may be empty) is what was read already. */
struct conn *client_tunnel(struct client *client, struct buf **rest, uint32_t *rest_at);
void client_tunnel_end(struct client *client);

/* While a client is being worked on, calls that come back to it only note what they want, and a
 * closed one stays in memory: the outermost caller frees it. */
bool client_enter(struct client *client);
/* False: the client is no more. */
bool client_leave(struct client *client, bool outermost);

/* Lets go of client->in. */
void client_drop_input(struct client *client);
/* The settings that hold for it: of its request, or of the listener's default site. */
const struct client_conf *client_limits(const struct client *client);
/* Sets conn.timer. */
void client_set_timer(struct client *client, uint64_t ms);
/* A fresh request of the client's; it is in no list yet. */
struct weir_req *client_request(struct client *client);

#define DRAIN_GRACE_MS 500 /* idle connections of a draining worker wait this long */

/* Nothing is to be kept alive any more; idle ones end when they have been served once more, or
 * after a grace time. */
void clients_drain(void);
extern unsigned client_count;
/* One more or one less, with all that follows from it. */
void clients_count(int n);
/* All of this worker, by client->next. */
struct client *clients_first(void);
extern void (*clients_on_empty)(void); /* the last one has gone */
extern void (*clients_on_gone)(void);  /* one has gone */

#endif
