/* SPDX-License-Identifier: Apache-2.0 */
/* weir/peers.h - what modules do for upstreams besides balancing: active checks, and names.
 *
 * When, how often, by which worker, and what follows from it is the host's affair. All functions run
 * on the worker's loop thread and never block: sockets are watched with weir_watch_start().
 *
 * Included by module.h. */
#ifndef WEIR_PEERS_H
#define WEIR_PEERS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- active checks: the capability "health" ---- */

typedef enum {
    WEIR_HEALTH_HTTP,
    WEIR_HEALTH_TCP,
    WEIR_HEALTH_GRPC
} weir_health_type;

typedef struct {
    uint32_t size;
    weir_health_type type;
    const void *addr;       /* a struct sockaddr: where to connect */
    uint32_t addr_n;        /* its bytes */
    weir_str name;          /* the peer as configured */
    weir_str path, host;    /* HTTP; host is never empty */
    weir_str body;          /* HTTP: has to be in the answer; empty: anything may */
    weir_str service;       /* GRPC */
    const uint64_t *expect; /* HTTP: bit n of this set: the status 100 + n is good */
    int32_t fd;             /* since 0.3: a connection that is there already (the peer speaks TLS, which
                               the host does), now the check's to close; -1: connect to addr */
} weir_health_check;

/* One check ended: `why` is NULL when it went well. Never called by start() itself. */
typedef void weir_health_done_fn(void *arg, const char *why);

typedef struct {
    uint32_t size;
    /* Begins one check; `check` lives until it is done or stopped. NULL with errno. */
    void *(*start)(const weir_health_check *check, weir_health_done_fn *done, void *arg);
    void (*stop)(void *state); /* its time is over: done() is not called any more */
} weir_health_ops;

/* ---- names: the capability "resolver" ---- */

typedef struct {
    const void *addr;          /* a struct sockaddr with its port */
    uint32_t addr_n;           /* its bytes */
    uint16_t priority, weight; /* of SRV records; the lowest priority comes first */
} weir_address;

/* `list` is borrowed. Without addresses `error` says why; ttl_s: how long the answer holds. */
typedef void weir_resolved_fn(void *arg, const weir_address *list, uint32_t n, uint32_t ttl_s,
                              const char *error);

typedef struct {
    uint32_t size;
    /* Addresses of both families; a name that begins with '_' is one of SRV records, which tell the
     * ports. done() is never called by start() itself. NULL with errno. */
    void *(*start)(weir_str name, uint16_t port, weir_resolved_fn *done, void *arg);
    void (*stop)(void *lookup); /* done() is not called any more */
} weir_resolver_ops;

#ifdef __cplusplus
}
#endif
#endif
