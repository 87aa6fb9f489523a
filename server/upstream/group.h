/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/group.h - a group of peers: who may be asked, who failed, idle connections. Pools and
 * queues are this worker's; what is known of peers is all workers' (peer_state.h).
 *
 * group.c makes groups and keeps connections, peer.c chooses and judges. */
#ifndef UPSTREAM_GROUP_H
#define UPSTREAM_GROUP_H

#include "base/addr.h"
#include "config/config.h"
#include "net/conn.h"
#include "net/io.h"
#include "net/resolver.h"
#include "upstream/peer_state.h"
#include "upstream/queue.h"

struct exchange;
struct names;
struct lane;
struct module;

/* Does the balancer's table have the member? */
#define BALANCER_HAS(ops, member) WEIR_HAS(ops, member)

/* A connection to a peer: in the pool, or in an exchange, never both. */
struct upconn {
    struct conn conn;
    struct weir_peer *peer;
    struct exchange *exchange;   /* NULL: idle */
    struct upconn *next, *prev;  /* idle ones of the peer, newest first */
    uint64_t idle_since_ms;
    uint32_t served;             /* exchanges completed */
    const struct tls_client *tls; /* what it speaks; NULL: plain */
    struct addr addr;            /* where it goes */
    uint32_t addrs_seen;         /* peer->addrs_changed when it began */
};

/* What weir_cfg_tls_client() made. */
struct tls_client {
    struct transport transport;
    const void *settings;        /* the transport's own */
};

struct weir_peer {
    struct upstream_group *group;
    const struct peer_conf *conf;
    weir_str name;               /* as configured: "127.0.0.1:3000" */
    uint32_t index;              /* in group->peers */
    uint32_t slot;               /* in the group's shared state */
    struct peer_state *state;    /* that one */
    uint64_t id;                 /* made of the name; the same everywhere */
    bool sends_much;             /* its last answer was worth splicing */
    struct lookup *lookup;       /* its name did not resolve: asked again until it does */
    struct timer lookup_timer;
    struct addr *addrs;          /* what the name resolved to */
    uint32_t addrs_changed;      /* how often */
    struct names *names;         /* who looks its name up again and again; NULL: nobody */
    uint32_t addr_n, addr_at;    /* 0: not resolved; the one to try next */
    struct upconn *idle_first, *idle_last;
    uint32_t outcome_metrics[3]; /* by weir_outcome */
    uint32_t duration_metric;
    uint64_t idle_limit_ms;      /* it closes idle connections after about this; 0: not known */
    struct lane *lanes;          /* connections that requests share: mux.h */
};

struct upstream_group {
    const struct upstream_conf *conf;
    struct weir_peer **peers;    /* room for map.capacity */
    uint32_t peer_n, word_n;     /* words of a bit set of peers */
    struct state_map map;
    uint64_t version;            /* of the shared state: peers of later ones are not seen yet */
    void *balancer;              /* state in this worker; NULL until first used */
    uint32_t balanced_n;         /* the peers that the balancer knows */
    struct queue queue;          /* requests that wait for a place */
    uint32_t idle_n;
    uint32_t live, retrying;     /* exchanges under way; those that are retries */
};

/* What `to = "..."` names. */
struct weir_upstream {
    struct upstream_group *group;
    weir_str host;               /* host[:port] of the URL, sent when a request has no Host */
    bool tls;                    /* the URL is https:// or h2s:// */
    const struct module *codec;  /* it is h2:// or h2s://; NULL: HTTP/1 */
};

/* Opens a connection to the peer in the network's place: a descriptor, or -1 with errno. NULL: the network
 * it is. For `weir test`. */
extern int (*peer_opener)(struct weir_peer *peer);

/* Makes the run-time form of a configured group; names are looked up here. A name that does not
 * resolve is logged, and answers 502 until it does . */
struct upstream_group *group_create(struct arena *arena, struct upstream_conf *conf);

/* Adds what others have added to the shared state. */
void group_sync(struct upstream_group *group);

/* Orders at run time, for all workers: verb "add", "drain", "disable", "enable", or "weight" with
 * `n`. False: `error` says why not. Works in any process that has the configuration. */
bool group_peer_command(struct upstream_group *group, weir_str verb, weir_str address, int64_t n,
                        char *error, size_t size);

/* Chooses a peer that is not in `tried`. NULL: none is left, or (*is_full) those that are have as
 * many requests as they may. */
struct weir_peer *group_pick(struct upstream_group *group, struct weir_req *req,
                             const uint64_t *tried, bool *is_full);
/* A response's head came, after `usec`: a peer that was out is back, unless `eject` takes this for
 * a failure. */
void peer_answered(struct weir_peer *peer, uint32_t status, uint64_t usec);
/* An attempt, or a check (ERROR_CHECK), has failed: for who asks what is wrong with the peer. */
void peer_note_error(struct weir_peer *peer, uint32_t error);
/* The last error in one word; NULL: there was none. */
const char *peer_last_error(const struct weir_peer *peer);
/* How the attempt ended; every pick is answered by one of these. */
void peer_done(struct weir_peer *peer, weir_outcome outcome, uint64_t usec);
/* An active check ended. */
void peer_checked(struct weir_peer *peer, bool is_well, const char *why);
/* In one word: up, out (after failures), unhealthy (after checks), draining, disabled, down (by the
 * configuration). */
const char *peer_standing(const struct weir_peer *peer);
/* As ordered at run time, or configured. */
int64_t peer_weight(const struct weir_peer *peer);
/* Its share of the requests: weight times 1000, less while it starts slowly. */
uint32_t peer_share(const struct weir_peer *peer);

/* An idle connection that is still open, newest first; NULL: none. `checked`: look at the socket
 * once more, for a request that cannot be sent twice. */
struct upconn *pool_take(struct weir_peer *peer, const struct tls_client *tls, bool checked);
/* Keeps it for reuse, or closes it when there are enough. */
void pool_put(struct upconn *up);
/* Closes idle connections to what is no address of the peer any more. */
void pool_drop_strangers(struct weir_peer *peer);
/* The peer's name did not resolve at the start: looks it up, now and every few seconds, until it
 * does. May be called again and again. */
void peer_resolve_later(struct weir_peer *peer);
/* Begins to connect; `name` is what the peer calls itself, for `tls` (may be NULL). NULL with
 * errno. */
struct upconn *upconn_connect(struct weir_peer *peer, const struct tls_client *tls, weir_str name);
void upconn_close(struct upconn *up);
/* The same for a connection that is no upconn. False with errno. */
bool peer_connect(struct weir_peer *peer, struct conn *conn, const struct tls_client *tls,
                  weir_str name, void (*on_ready)(struct conn *), void (*on_timer)(struct timer *));

#endif
