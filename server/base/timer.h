/* SPDX-License-Identifier: Apache-2.0 */
/* base/timer.h - deadlines, embedded in their owners and lazy: moving a deadline later costs one
 * store. A heap per process, driven by one call per turn of the loop. */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <weir/types.h>

struct timer {
    uint64_t deadline_ms; /* 0: stopped */
    uint64_t queued_ms;   /* where the heap has it: at or before the deadline */
    uint32_t index;       /* place in the heap, from 1; 0: not in it */
    void (*fn)(struct timer *timer);
};

static inline void timer_init(struct timer *timer, void (*fn)(struct timer *timer))
{
    *timer = (struct timer){.fn = fn};
}

void timer_enqueue(struct timer *timer);
void timer_dequeue(struct timer *timer);

/* Calls fn once, at `deadline_ms` of the monotonic clock (clock_now.ms) or up to a tick later.
 * Replaces an earlier deadline of this timer. */
static inline void timer_set(struct timer *timer, uint64_t deadline_ms)
{
    timer->deadline_ms = deadline_ms;
    if (timer->index == 0 || deadline_ms < timer->queued_ms) {
        timer_enqueue(timer);
    }
}

/* Forgets the deadline; the timer may stay in the heap and is then skipped. Harmless if stopped. */
static inline void timer_stop(struct timer *timer)
{
    timer->deadline_ms = 0;
}

/* Takes the timer out of the heap: before its memory goes. */
static inline void timer_fini(struct timer *timer)
{
    timer->deadline_ms = 0;
    if (timer->index != 0) {
        timer_dequeue(timer);
    }
}

/* Runs what is due at clock_now.ms. Callbacks may set, stop and free any timer. */
void timers_run(void);
/* Milliseconds from clock_now.ms until the first queued entry; -1 when there is none. */
int64_t timers_next_ms(void);

#endif
