/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/peer_state.h - what all workers know of a group's peers together: shared memory of
 * atomics, no pointers in it. A peer is found by its address, so that what is known of it outlives
 * a reload. Times are those of the monotonic clock, which all processes have in common.
 *
 * A worker counts what it has under way at each peer twice: in the sum of all, and in a row of its
 * own, by which the sum is put right when the worker dies. */
#ifndef UPSTREAM_PEER_STATE_H
#define UPSTREAM_PEER_STATE_H

#include <stdatomic.h>

#include "base/addr.h"

#define STATE_WORKERS 64 /* processes that count at a time; further ones count in the sum alone */

enum peer_kind {
    PEER_FREE,       /* the slot is nobody's */
    PEER_CONFIGURED,
    PEER_ADDED       /* at run time */
};

/* What was ordered at run time. */
enum peer_order {
    ORDER_NONE,      /* as configured */
    ORDER_ENABLED,
    ORDER_DRAIN,     /* no new clients */
    ORDER_DISABLED
};

enum peer_health {
    HEALTH_UNKNOWN,  /* no active check has ended yet */
    HEALTH_UP,
    HEALTH_DOWN
};

#define ERROR_CHECK UINT32_MAX /* an active check failed */

struct peer_state {
    _Alignas(64) _Atomic uint32_t in_flight;
    _Atomic uint32_t fails;          /* in the window that began at fail_since_ms */
    _Atomic uint64_t fail_since_ms;
    _Atomic uint64_t out_until_ms;   /* passed over until then, when one request may try; 0: not out */
    _Atomic uint64_t window_since_ms;
    _Atomic uint32_t window_n, window_bad; /* answers in that window, for `eject` */
    _Atomic uint64_t back_since_ms;  /* slow_start counts from here; 0: it is long in */
    _Atomic uint32_t order;          /* enum peer_order */
    _Atomic uint32_t weight;         /* ordered at run time; 0: as configured */
    _Atomic uint32_t health;         /* enum peer_health */
    _Atomic uint32_t rise, fall;     /* checks in a row that went well, that failed */
    _Atomic uint32_t error;          /* the last one: a weir_reason, or ERROR_CHECK; 0: none yet */
    _Atomic uint64_t error_ms;       /* when that was */
    _Atomic uint64_t failing_since_ms; /* nothing has gone well since; 0: the last attempt did */
    _Atomic uint32_t kind;           /* enum peer_kind; written last when a slot is taken */
    char address[ADDR_TEXT];
};

/* All of a group. Behind it: the peers, the workers' rows, the balancer's part. */
struct group_state {
    _Atomic uint64_t version;        /* grows when a peer is added */
    _Atomic uint32_t adding;         /* a lock */
    _Atomic int32_t checker;         /* the process that runs the active checks; 0: none */
    _Atomic int32_t owners[STATE_WORKERS]; /* process numbers; 0: the row is free */
};

/* Where the parts are, in this process. */
struct state_map {
    struct group_state *group;
    struct peer_state *peers;
    _Atomic uint32_t *rows;          /* [STATE_WORKERS][capacity] */
    void *balancer;
    uint32_t capacity;
    uint32_t row;                    /* this process's; STATE_WORKERS: none yet */
    int32_t pid;                     /* whose `row` it is */
};

/* Peers that a group with `peer_n` configured ones can have at most. */
uint32_t state_capacity(uint32_t peer_n);
/* Bytes of all parts. */
size_t state_bytes(uint32_t capacity, size_t balancer_bytes);
/* Finds the parts in `memory`, which is zeroed or was used so before. */
void state_map(struct state_map *map, void *memory, uint32_t capacity);

/* The slot of that address; a free one is taken for it. UINT32_MAX: all are taken. */
uint32_t state_slot(struct state_map *map, weir_str address, enum peer_kind kind);

/* One more request at the peer of that slot, one less. The first returns how many there are now. */
uint32_t state_begin(struct state_map *map, uint32_t slot);
void state_end(struct state_map *map, uint32_t slot);

#endif
