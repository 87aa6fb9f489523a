/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/queue.h"

#include "base/clock.h"
#include "base/str.h"

#define TICK_MS 10 /* how often places that other workers gave back are looked for */

static void unlink_waiter(struct waiter *waiter)
{
    struct queue *queue = waiter->queue;

    *(waiter->prev ? &waiter->prev->next : &queue->first) = waiter->next;
    *(waiter->next ? &waiter->next->prev : &queue->last) = waiter->prev;
    waiter->next = waiter->prev = NULL;
    waiter->queue = NULL;
    queue->n--;
}

/* Gives turns until one finds no place: it has joined again then. */
static void give_turns(struct queue *queue)
{
    uint64_t most = queue->n;

    queue->is_full = false;
    while (queue->first && !queue->is_full && most-- > 0) {
        struct waiter *waiter = queue->first;

        unlink_waiter(waiter);
        waiter->on_turn(waiter);
    }
    if (queue->first) {
        timer_set(&queue->tick, clock_now.ms + TICK_MS);
    }
}

static void on_look(struct later *later)
{
    give_turns(container_of(later, struct queue, look));
}

static void on_tick(struct timer *timer)
{
    give_turns(container_of(timer, struct queue, tick));
}

static void on_wait_over(struct timer *timer)
{
    struct waiter *waiter = container_of(timer, struct waiter, timer);

    unlink_waiter(waiter);
    waiter->on_timeout(waiter);
}

void queue_init(struct queue *queue)
{
    *queue = (struct queue){.look.fn = on_look};
    timer_init(&queue->tick, on_tick);
}

void queue_join(struct queue *queue, struct waiter *waiter, uint64_t timeout_ms, bool again)
{
    waiter->queue = queue;
    waiter->prev = again ? NULL : queue->last;
    waiter->next = again ? queue->first : NULL;
    *(waiter->prev ? &waiter->prev->next : &queue->first) = waiter;
    *(waiter->next ? &waiter->next->prev : &queue->last) = waiter;
    queue->n++;
    if (again) {
        queue->is_full = true;
        return;
    }
    timer_init(&waiter->timer, on_wait_over);
    timer_set(&waiter->timer, clock_now.ms + timeout_ms);
    if (queue->tick.deadline_ms == 0) {
        timer_set(&queue->tick, clock_now.ms + TICK_MS);
    }
}

void queue_leave(struct waiter *waiter)
{
    if (waiter->queue) {
        unlink_waiter(waiter);
    }
    timer_fini(&waiter->timer);
}

void queue_wake(struct queue *queue)
{
    if (queue->first) {
        loop_later(&queue->look);
    }
}
