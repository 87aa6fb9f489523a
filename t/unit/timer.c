/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "base/clock.h"
#include "base/timer.h"

#define TIMERS 500

static struct timer timers[TIMERS];
static uint64_t fired_at[TIMERS];

static void on_timer(struct timer *timer)
{
    fired_at[timer - timers] = clock_now.ms;
}

int main(void)
{
    unsigned wrong = 0;

    clock_now.ms = 1000;
    ok(timers_next_ms() == -1, "no timer");
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_init(&timers[i], on_timer);
        timer_set(&timers[i], 1001 + (i * 7919) % 997);
    }
    ok(timers_next_ms() == 1, "the first one is due first");
    timer_set(&timers[3], 5000);  /* later: lazily */
    timer_set(&timers[4], 1001);  /* earlier */
    timer_stop(&timers[5]);
    timer_fini(&timers[6]);
    for (; clock_now.ms < 2500; clock_now.ms++) {
        timers_run();
    }
    for (unsigned i = 7; i < TIMERS; i++) {
        wrong += fired_at[i] != 1001 + (i * 7919) % 997;
    }
    ok(wrong == 0, "each fires at its time");
    ok(fired_at[3] == 0 && fired_at[4] == 1001, "moved timers");
    ok(fired_at[5] == 0 && fired_at[6] == 0, "stopped timers");
    clock_now.ms = 6000;
    timers_run();
    ok(fired_at[3] == 6000 && timers_next_ms() == -1, "a later one fires later");
    return done_testing();
}
