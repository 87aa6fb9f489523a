/* SPDX-License-Identifier: Apache-2.0 */
/* base/clock.h - the time, read once per turn of the loop. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <weir/types.h>

struct clock {
    uint64_t ms;      /* monotonic */
    int64_t wall_ms;  /* since 1970 */
    char http[30];    /* wall time as IMF-fixdate, 29 characters (RFC 9110, 5.6.7) */
    char iso[33];     /* local time 2026-01-31T23:59:59.123+01:00 without ms: see clock_iso() */
    char clf[27];     /* local time 31/Jan/2026:23:59:59 +0100 */
};

extern struct clock clock_now; /* this process's; fresh since the last clock_update() */

/* Reads the clocks; the texts are made anew once per second. Costs two vDSO calls. */
void clock_update(void);
/* Monotonic microseconds, read now. */
uint64_t clock_us(void);
/* Seconds since 1970 to IMF-fixdate; `out` gets 29 characters and a NUL. */
void clock_http_date(int64_t seconds, char out[30]);
/* Parses the three date forms of RFC 9110, 5.6.7. False: none of them. */
bool clock_parse_http_date(weir_str text, int64_t *seconds);

#endif
