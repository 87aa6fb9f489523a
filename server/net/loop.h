/* SPDX-License-Identifier: Apache-2.0 */
/* net/loop.h - the worker's event loop: libevent, the clock and the timers. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>

#include <event2/event.h>
#include <event2/event_struct.h>

struct loop {
    struct event_base *base;
};

extern struct loop loop; /* this process's */

/* Creates the base. Once per process, after fork. */
void loop_init(void);
/* Runs until loop_stop(). Timers (base/timer.h) run in it; clock_now is fresh in every callback. */
void loop_run(void);
void loop_stop(void);
/* An event came: the clock is set, and recycled memory is looked at within a second. Callbacks of
 * events call it first. */
void loop_woke(void);

/* Something to do once, before the loop waits again; embedded in its owner. */
struct later {
    struct later *next;
    void (*fn)(struct later *later);
    bool queued;
};
void loop_later(struct later *later);
void loop_later_cancel(struct later *later);

#endif
