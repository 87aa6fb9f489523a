/* SPDX-License-Identifier: Apache-2.0 */
/* net/loop.h - the worker's event loop: libevent, the clock and the timers. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

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
/* One turn that does not wait; for who has a loop of its own. */
void loop_turn(void);
/* An event came: the clock is set, and recycled memory is looked at within a second. Callbacks of
 * events call it first. */
void loop_woke(void);

/* For how long this process has waited for events since this was called first: what is left of the time it
 * was busy. Counting costs two looks at the clock per turn, and nothing before that call. */
uint64_t loop_waited_us(void);

/* Something to do once, before the loop waits again; embedded in its owner. */
struct later {
    struct later *next;
    void (*fn)(struct later *later);
    bool queued;
};
void loop_later(struct later *later);
void loop_later_cancel(struct later *later);

/* Something that can wait for its turn, since it has had much already; embedded in its owner. Who waits is
 * called first come, first served, when the events of this turn of the loop are done, for about as long as
 * those took; the others in the next turn. So what is short never stands behind
 * what is long, and neither starves the other. */
struct turn {
    struct turn *next, *prev;
    void (*fn)(struct turn *turn);
    bool queued;
};
void loop_wait_turn(struct turn *turn); /* nothing happens when it waits already */
void loop_leave_turn(struct turn *turn);
bool loop_is_turn(void); /* is it the turn of one who waited? */
bool loop_has_waiting(void);

#endif
