/* SPDX-License-Identifier: Apache-2.0 */
/* http/pace.h - how long a client was waited for while it sent a body or took one: see
 * client.min_rate and client.min_response_rate. What backends and weir itself take does not count.
 */
#ifndef HTTP_PACE_H
#define HTTP_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define PACE_CHECK_MS 500 /* how often who is waited for is looked at */

struct pace {
    uint64_t since_ms;  /* 0: nobody waits */
    uint64_t waited_ms; /* before that */
};

/* The client is waited for; nothing happens when it is already. */
static inline void pace_start(struct pace *pace)
{
    if (!pace->since_ms) {
        pace->since_ms = clock_now.ms;
    }
}

static inline void pace_stop(struct pace *pace)
{
    if (pace->since_ms) {
        pace->waited_ms += clock_now.ms - pace->since_ms;
        pace->since_ms = 0;
    }
}

/* Less than `rate` bytes per second (0: never), once it was waited for longer than `grace_ms`? */
static inline bool pace_is_slow(const struct pace *pace, uint64_t bytes, uint64_t rate,
                                uint64_t grace_ms)
{
    uint64_t ms = pace->waited_ms + (pace->since_ms ? clock_now.ms - pace->since_ms : 0);

    return rate && ms > grace_ms && (double)bytes < (double)rate * (double)ms / 1000;
}

/* For a timer: how long to wait for a client that has `timeout_ms`. */
static inline uint64_t pace_wait_ms(uint64_t timeout_ms, uint64_t rate)
{
    return rate && timeout_ms > PACE_CHECK_MS ? PACE_CHECK_MS : timeout_ms;
}

#endif
