/* SPDX-License-Identifier: Apache-2.0 */
/* effort.h - how hard coders try while a worker is busy: levels go down as soon as it has no time
 * to spare, and up again when it has had time for a while. What calls it brings the time. */
#ifndef COMPRESS_EFFORT_H
#define COMPRESS_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

/* All zero at first. */
struct effort {
    uint64_t from_ms, from_waited_us; /* where the time looked at begins */
    unsigned busy;                    /* percent of the last one */
    unsigned step;                    /* 0: as configured; 1: halved; 2: the lowest */
    uint64_t calm_ms;                 /* for how long there has been time */
    uint64_t patience_ms;             /* how long that has to be */
    uint64_t raised_ms;               /* how long ago levels went up; 0: never */
};

/* At `now_ms` the worker has waited for events for `waited_us` altogether. True: the step is
 * another. */
bool effort_look(struct effort *effort, uint64_t now_ms, uint64_t waited_us);

/* What to use instead of a configured level. */
int64_t effort_level(const struct effort *effort, int64_t level);

/* "halved", for logs. */
const char *effort_word(const struct effort *effort);

#endif
