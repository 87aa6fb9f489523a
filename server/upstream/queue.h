/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/queue.h - requests that wait for a peer with a free place (max_connections): first come,
 * first served, per worker. */
#ifndef UPSTREAM_QUEUE_H
#define UPSTREAM_QUEUE_H

#include "base/timer.h"
#include "net/loop.h"

/* One that waits; in its owner. */
struct waiter {
    struct waiter *next, *prev;
    struct queue *queue;         /* NULL: does not wait */
    struct timer timer;
    /* A place may be free: the owner, who has left the queue, tries, or joins again at its front. */
    void (*on_turn)(struct waiter *waiter);
    void (*on_timeout)(struct waiter *waiter); /* the owner has left the queue */
};

struct queue {
    struct waiter *first, *last;
    uint64_t n;
    struct later look;           /* this worker gave a place back */
    struct timer tick;           /* others may have */
    bool is_full;                /* the last turn found no place */
};

void queue_init(struct queue *queue);
/* Waits for a turn, for `timeout_ms` at most. `again`: in front, with the time that was left. */
void queue_join(struct queue *queue, struct waiter *waiter, uint64_t timeout_ms, bool again);
/* Harmless if it does not wait. */
void queue_leave(struct waiter *waiter);
/* A place was given back. */
void queue_wake(struct queue *queue);

#endif
