/* SPDX-License-Identifier: Apache-2.0 */
/* tap.h - what a unit test needs to speak TAP. Include it once, in the test's one file. */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned tap_count, tap_failed;

__attribute__((format(printf, 4, 5), unused)) static bool tap_ok(bool passed, const char *file,
                                                                 int line, const char *fmt, ...)
{
    va_list args;

    printf("%sok %u - ", passed ? "" : "not ", ++tap_count);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    if (!passed) {
        tap_failed++;
        fprintf(stderr, "# failed at %s:%d\n", file, line);
    }
    return passed;
}

/* ok(condition, "what it is about %d", ...): one test. */
#define ok(condition, ...) tap_ok(condition, __FILE__, __LINE__, __VA_ARGS__)

/* return done_testing(); at the end of main(). */
__attribute__((unused)) static int done_testing(void)
{
    printf("1..%u\n", tap_count);
    return tap_failed != 0;
}

#endif
