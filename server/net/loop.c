/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/chain.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/running.h"
#include "base/timer.h"

#include <stdlib.h>

#define TRIM_INTERVAL_MS 1000
#define TURNS_MIN_US 2000  /* for those who wait, however short the rest was */
#define TURNS_MAX_US 20000 /* and however long */

struct loop loop;

static struct later *later_first;
static struct turn *turn_first, *turn_last;
static bool is_turn;
static struct event *tick;
static int64_t armed_for_ms; /* when `tick` is due; 0: it is not armed */
static bool stopping;
static bool trim_wanted;
static uint64_t last_trim_ms;
static bool counts_waits;
static uint64_t waited_us, wait_from_us; /* 0: it does not wait */

void loop_later(struct later *later)
{
    if (later->queued) {
        return;
    }
    later->queued = true;
    later->next = later_first;
    later_first = later;
}

void loop_later_cancel(struct later *later)
{
    if (!later->queued) {
        return;
    }
    for (struct later **at = &later_first; *at; at = &(*at)->next) {
        if (*at == later) {
            *at = later->next;
            break;
        }
    }
    later->queued = false;
}

static void run_later(void)
{
    while (later_first) {
        struct later *later = later_first;

        later_first = later->next;
        later->queued = false;
        later->fn(later);
    }
}

void loop_wait_turn(struct turn *turn)
{
    if (turn->queued) {
        return;
    }
    turn->queued = true;
    turn->next = NULL;
    turn->prev = turn_last;
    *(turn_last ? &turn_last->next : &turn_first) = turn;
    turn_last = turn;
}

void loop_leave_turn(struct turn *turn)
{
    if (!turn->queued) {
        return;
    }
    turn->queued = false;
    *(turn->prev ? &turn->prev->next : &turn_first) = turn->next;
    *(turn->next ? &turn->next->prev : &turn_last) = turn->prev;
}

bool loop_is_turn(void)
{
    return is_turn;
}

bool loop_has_waiting(void)
{
    return turn_first != NULL;
}

static void run_turns(uint64_t events_us)
{
    uint64_t start_us = clock_us();
    uint64_t most_us = events_us < TURNS_MIN_US   ? TURNS_MIN_US
                       : events_us > TURNS_MAX_US ? TURNS_MAX_US
                                                  : events_us;

    is_turn = true;
    do {
        struct turn *turn = turn_first;

        loop_leave_turn(turn);
        turn->fn(turn);
    } while (turn_first && clock_us() - start_us < most_us);
    is_turn = false;
}

/* Recycled memory is only worth keeping while there is work. The first idle second gives back
 * what was not needed, and then there is nothing more to do until there is work again. */
static void trim(void)
{
    arena_trim();
    buf_trim();
    chain_trim();
    last_trim_ms = clock_now.ms;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    armed_for_ms = 0;
}

void loop_init(void)
{
    struct event_config *config = event_config_new();

    if (!config) {
        abort();
    }
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
    loop.base = event_base_new_with_config(config);
    event_config_free(config);
    if (!loop.base) {
        log_error("the event loop cannot start: this kernel offers no epoll");
        exit(1);
    }
    tick = event_new(loop.base, -1, 0, on_tick, NULL);
    stopping = false;
    clock_update();
    last_trim_ms = clock_now.ms;
}

/* How long the next wait may last: until the first timer, or the next trim while busy. */
static void arm_tick(void)
{
    int64_t wait_ms = timers_next_ms();

    if (trim_wanted && (wait_ms < 0 || wait_ms > TRIM_INTERVAL_MS)) {
        wait_ms = TRIM_INTERVAL_MS;
    }
    if (wait_ms < 0) {
        if (armed_for_ms) {
            event_del(tick);
            armed_for_ms = 0;
        }
        return;
    }
    /* Moving libevent's own timer costs; one that wakes us a little early does no harm. */
    int64_t due_ms = (int64_t)clock_now.ms + wait_ms;
    if (armed_for_ms && armed_for_ms > (int64_t)clock_now.ms && armed_for_ms <= due_ms &&
        due_ms - armed_for_ms < TRIM_INTERVAL_MS) {
        return;
    }
    struct timeval tv = {.tv_sec = wait_ms / 1000, .tv_usec = (wait_ms % 1000) * 1000};
    event_add(tick, &tv);
    armed_for_ms = due_ms;
}

static void begin_wait(void)
{
    running->awake = false;
    wait_from_us = counts_waits ? clock_us() : 0;
}

static void end_wait(void)
{
    if (wait_from_us) {
        waited_us += clock_us() - wait_from_us;
        wait_from_us = 0;
    }
}

uint64_t loop_waited_us(void)
{
    counts_waits = true;
    return waited_us;
}

static void turn(int flags)
{
    arm_tick();
    begin_wait();
    if (event_base_loop(loop.base, EVLOOP_ONCE | flags) < 0) {
        log_error("the event loop failed");
        exit(1);
    }
    end_wait();
    uint64_t woke_ms = running->awake ? clock_now.ms : 0; /* 0: no event came */
    running->awake = true;
    running->turn++;
    clock_update();
    if (turn_first) {
        run_turns(woke_ms ? (clock_now.ms - woke_ms) * 1000 : 0);
        clock_update();
    }
    timers_run();
    run_later();
    if (clock_now.ms - last_trim_ms >= TRIM_INTERVAL_MS) {
        trim();
        trim_wanted = false;
    }
}

void loop_run(void)
{
    while (!stopping) {
        turn(turn_first ? EVLOOP_NONBLOCK : 0);
    }
}

void loop_turn(void)
{
    turn(EVLOOP_NONBLOCK);
}

void loop_woke(void)
{
    trim_wanted = true;
    if (!running->awake) {
        running->awake = true;
        clock_update(); /* the wait may have been long */
        end_wait();
    }
}

void loop_stop(void)
{
    stopping = true;
}
