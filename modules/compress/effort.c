/* SPDX-License-Identifier: Apache-2.0 */
#include "effort.h"

#define SPAN_MS 1000 /* at least; a shorter one says little */
#define BUSY 90      /* percent: no time to spare */
#define CALM 60      /* percent: time enough for more than is done now */
#define STEPS 2
#define PATIENCE_MS 10000
#define PATIENCE_MAX_MS 320000

/* Compressing may have been what kept it busy, and then higher levels soon do so again: each time
 * that turns out, it takes twice as long until they are tried. */
static void go_down(struct effort *effort)
{
    effort->calm_ms = 0;
    if (effort->raised_ms && effort->raised_ms < effort->patience_ms &&
        effort->patience_ms < PATIENCE_MAX_MS) {
        effort->patience_ms *= 2;
    }
    effort->raised_ms = 0;
    if (effort->step < STEPS) {
        effort->step++;
    }
}

static void go_up(struct effort *effort, uint64_t ms)
{
    effort->calm_ms += ms;
    while (effort->step && effort->calm_ms >= effort->patience_ms) {
        effort->calm_ms -= effort->patience_ms;
        effort->step--;
        effort->raised_ms = 1;
    }
    if (!effort->step && effort->calm_ms >= effort->patience_ms) {
        effort->patience_ms = PATIENCE_MS;
    }
}

static void judge(struct effort *effort, uint64_t ms)
{
    if (effort->raised_ms) {
        effort->raised_ms += ms;
    }
    if (effort->busy >= BUSY) {
        go_down(effort);
    } else if (effort->busy <= CALM) {
        go_up(effort, ms);
    } else {
        effort->calm_ms = 0;
    }
}

bool effort_look(struct effort *effort, uint64_t now_ms, uint64_t waited_us)
{
    uint64_t ms = now_ms - effort->from_ms;
    uint64_t waited_ms = (waited_us - effort->from_waited_us) / 1000;
    unsigned before = effort->step;

    if (effort->patience_ms && ms < SPAN_MS) {
        return false;
    }
    if (effort->patience_ms) {
        effort->busy = waited_ms < ms ? (unsigned)(100 - waited_ms * 100 / ms) : 0;
        judge(effort, ms);
    } else {
        effort->patience_ms = PATIENCE_MS; /* the first look */
    }
    effort->from_ms = now_ms;
    effort->from_waited_us = waited_us;
    return effort->step != before;
}

int64_t effort_level(const struct effort *effort, int64_t level)
{
    return effort->step == 0 ? level : effort->step == 1 ? (level + 1) / 2 : 1;
}

const char *effort_word(const struct effort *effort)
{
    static const char *const words[STEPS + 1] = {"as configured", "halved", "the lowest"};

    return words[effort->step];
}
