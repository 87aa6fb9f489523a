/* SPDX-License-Identifier: Apache-2.0 */
#include "httpdate.h"

#include <stdio.h>
#include <string.h>

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void httpdate_format(time_t when, char *out)
{
    char text[64];
    struct tm tm;

    gmtime_r(&when, &tm);
    snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
             tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
    memcpy(out, text, HTTPDATE_BYTES);
}

/* Two digits, the first of which may be a space in asctime's form. -1: they are not digits. */
static int two_digits(const char *p)
{
    int tens = p[0] == ' ' ? 0 : p[0] - '0';
    int ones = p[1] - '0';

    return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

static int month_number(const char *p)
{
    for (int i = 0; i < 12; i++) {
        if (memcmp(months + 3 * i, p, 3) == 0) {
            return i;
        }
    }
    return -1;
}

static bool read_clock(const char *p, struct tm *tm)
{
    if (p[2] != ':' || p[5] != ':') {
        return false;
    }
    tm->tm_hour = two_digits(p);
    tm->tm_min = two_digits(p + 3);
    tm->tm_sec = two_digits(p + 6);
    return true;
}

static bool finish(struct tm *tm, time_t *out)
{
    if (tm->tm_mday < 1 || tm->tm_mday > 31 || tm->tm_mon < 0 || tm->tm_hour < 0 ||
        tm->tm_hour > 23 || tm->tm_min < 0 || tm->tm_min > 59 || tm->tm_sec < 0 ||
        tm->tm_sec > 60) {
        return false;
    }
    *out = timegm(tm);
    return true;
}

/* A year of two digits that would be more than 50 years ahead is in the past (RFC 9110, 5.6.7). */
static int full_year(int yy)
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    int year = (tm.tm_year + 1900) / 100 * 100 + yy;
    return year > tm.tm_year + 1900 + 50 ? year - 100 : year;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool parse_imf(const char *p, struct tm *tm)
{
    int century = two_digits(p + 12);
    int yy = two_digits(p + 14);

    if (p[3] != ',' || century < 0 || yy < 0 || memcmp(p + 26, "GMT", 3) != 0) {
        return false;
    }
    tm->tm_mday = two_digits(p + 5);
    tm->tm_mon = month_number(p + 8);
    tm->tm_year = century * 100 + yy - 1900;
    return read_clock(p + 17, tm);
}

/* "Sunday, 06-Nov-94 08:49:37 GMT", from behind the comma and space */
static bool parse_rfc850(const char *p, struct tm *tm)
{
    int yy = two_digits(p + 7);

    if (p[2] != '-' || p[6] != '-' || yy < 0 || memcmp(p + 19, "GMT", 3) != 0) {
        return false;
    }
    tm->tm_mday = two_digits(p);
    tm->tm_mon = month_number(p + 3);
    tm->tm_year = full_year(yy) - 1900;
    return read_clock(p + 10, tm);
}

/* "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(const char *p, struct tm *tm)
{
    int century = two_digits(p + 20);
    int yy = two_digits(p + 22);

    if (p[3] != ' ' || century < 0 || yy < 0) {
        return false;
    }
    tm->tm_mday = two_digits(p + 8);
    tm->tm_mon = month_number(p + 4);
    tm->tm_year = century * 100 + yy - 1900;
    return read_clock(p + 11, tm);
}

bool httpdate_parse(weir_str text, time_t *out)
{
    struct tm tm = {0};
    const char *comma = text.n ? memchr(text.p, ',', text.n) : NULL;

    if (text.n == HTTPDATE_BYTES && comma == text.p + 3) {
        return parse_imf(text.p, &tm) && finish(&tm, out);
    }
    if (comma && (size_t)(text.p + text.n - comma) == 24) {
        return parse_rfc850(comma + 2, &tm) && finish(&tm, out);
    }
    return text.n == 24 && parse_asctime(text.p, &tm) && finish(&tm, out);
}
