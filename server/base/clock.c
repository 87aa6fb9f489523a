/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

struct clock clock_now;

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_days[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void clock_http_date(int64_t seconds, char out[30])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    gmtime_r(&t, &tm);
    snprintf(out, 30, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday % 7],
             (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12],
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
             (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

static void make_texts(int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    clock_http_date(seconds, clock_now.http);
    localtime_r(&t, &tm);
    long minutes = tm.tm_gmtoff / 60;
    char sign = minutes < 0 ? '-' : '+';
    unsigned east = (unsigned)(minutes < 0 ? -minutes : minutes) % (24 * 60);
    unsigned year = (unsigned)(tm.tm_year + 1900) % 10000;
    snprintf(clock_now.iso, sizeof(clock_now.iso), "%04u-%02u-%02uT%02u:%02u:%02u%c%02u:%02u", year,
             (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100,
             sign, east / 60, east % 60);
    snprintf(clock_now.clf, sizeof(clock_now.clf), "%02u/%s/%04u:%02u:%02u:%02u %c%02u%02u",
             (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12], year,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100,
             sign, east / 60, east % 60);
}

void clock_update(void)
{
    static int64_t texts_of = -1;
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    clock_now.ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
    clock_gettime(CLOCK_REALTIME, &ts);
    clock_now.wall_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
    if (ts.tv_sec != texts_of) {
        texts_of = ts.tv_sec;
        make_texts(ts.tv_sec);
    }
}

uint64_t clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static bool two_digits(const char *p, int *out)
{
    if ((unsigned char)(p[0] - '0') > 9 || (unsigned char)(p[1] - '0') > 9) {
        return false;
    }
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return true;
}

static bool parse_month(const char *p, int *out)
{
    for (int i = 0; i < 12; i++) {
        if (memcmp(p, months[i], 3) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* "HH:MM:SS" */
static bool parse_clock(const char *p, struct tm *tm)
{
    return p[2] == ':' && p[5] == ':' && two_digits(p, &tm->tm_hour) &&
           two_digits(p + 3, &tm->tm_min) && two_digits(p + 6, &tm->tm_sec) && tm->tm_hour < 24 &&
           tm->tm_min < 60 && tm->tm_sec < 61;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool parse_imf(weir_str s, struct tm *tm)
{
    int century, year;

    if (s.n != 29 || memcmp(s.p + 3, ", ", 2) != 0 || memcmp(s.p + 25, " GMT", 4) != 0 ||
        s.p[7] != ' ' || s.p[11] != ' ' || s.p[16] != ' ' || !two_digits(s.p + 12, &century) ||
        !two_digits(s.p + 14, &year)) {
        return false;
    }
    tm->tm_year = century * 100 + year - 1900;
    return two_digits(s.p + 5, &tm->tm_mday) && parse_month(s.p + 8, &tm->tm_mon) &&
           parse_clock(s.p + 17, tm);
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool parse_rfc850(weir_str s, struct tm *tm)
{
    int year;

    for (int i = 0; i < 7; i++) {
        weir_str day = str_from(long_days[i]);

        if (!str_starts_with(s, day) || s.n != day.n + 24) {
            continue;
        }
        const char *p = s.p + day.n;
        if (memcmp(p, ", ", 2) != 0 || p[4] != '-' || p[8] != '-' || p[11] != ' ' ||
            memcmp(p + 20, " GMT", 4) != 0 || !two_digits(p + 9, &year)) {
            return false;
        }
        tm->tm_year = year < 70 ? year + 100 : year;
        return two_digits(p + 2, &tm->tm_mday) && parse_month(p + 5, &tm->tm_mon) &&
               parse_clock(p + 12, tm);
    }
    return false;
}

/* Sun Nov  6 08:49:37 1994 */
static bool parse_asctime(weir_str s, struct tm *tm)
{
    int century, year;
    char day[2];

    if (s.n != 24 || s.p[3] != ' ' || s.p[7] != ' ' || s.p[10] != ' ' || s.p[19] != ' ' ||
        !two_digits(s.p + 20, &century) || !two_digits(s.p + 22, &year)) {
        return false;
    }
    day[0] = s.p[8] == ' ' ? '0' : s.p[8];
    day[1] = s.p[9];
    tm->tm_year = century * 100 + year - 1900;
    return two_digits(day, &tm->tm_mday) && parse_month(s.p + 4, &tm->tm_mon) &&
           parse_clock(s.p + 11, tm);
}

bool clock_parse_http_date(weir_str text, int64_t *seconds)
{
    struct tm tm = {0};

    if (!parse_imf(text, &tm) && !parse_rfc850(text, &tm) && !parse_asctime(text, &tm)) {
        return false;
    }
    if (tm.tm_mday < 1 || tm.tm_mday > 31) {
        return false;
    }
    *seconds = timegm(&tm);
    return true;
}
