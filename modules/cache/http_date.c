/* SPDX-License-Identifier: Apache-2.0 */
#include "http_date.h"

#include <time.h>

#include "words.h"

static const char *const days[] = {"sunday",   "monday", "tuesday", "wednesday",
                                   "thursday", "friday", "saturday"};
static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

/* Reading stops at the first thing that does not fit: `ok` stays false from then on. */
struct reader {
    const char *p, *end;
    bool ok;
};

static void take(struct reader *r, const char *text)
{
    for (; *text && r->ok; text++) {
        r->ok = r->p < r->end && word_lower(*r->p) == *text;
        r->p++;
    }
}

static int take_digits(struct reader *r, int n)
{
    int value = 0;

    for (; n > 0 && r->ok; n--) {
        r->ok = r->p < r->end && *r->p >= '0' && *r->p <= '9';
        value = r->ok ? value * 10 + (*r->p - '0') : 0;
        r->p++;
    }
    return value;
}

static int take_month(struct reader *r)
{
    for (int i = 0; r->ok && r->end - r->p >= 3 && i < 12; i++) {
        if (word_iis((weir_str){r->p, 3}, (weir_str){months + 3 * i, 3})) {
            r->p += 3;
            return i;
        }
    }
    r->ok = false;
    return 0;
}

static void take_time(struct reader *r, struct tm *tm)
{
    tm->tm_hour = take_digits(r, 2);
    take(r, ":");
    tm->tm_min = take_digits(r, 2);
    take(r, ":");
    tm->tm_sec = take_digits(r, 2);
}

/* ", 06 Nov 1994 08:49:37 GMT" */
static void take_fixdate(struct reader *r, struct tm *tm)
{
    take(r, ", ");
    tm->tm_mday = take_digits(r, 2);
    take(r, " ");
    tm->tm_mon = take_month(r);
    take(r, " ");
    tm->tm_year = take_digits(r, 4) - 1900;
    take(r, " ");
    take_time(r, tm);
    take(r, " gmt");
}

/* ", 06-Nov-94 08:49:37 GMT" */
static void take_rfc850(struct reader *r, struct tm *tm, int64_t now_s)
{
    time_t now = (time_t)now_s;
    struct tm today;

    gmtime_r(&now, &today);
    take(r, ", ");
    tm->tm_mday = take_digits(r, 2);
    take(r, "-");
    tm->tm_mon = take_month(r);
    take(r, "-");
    tm->tm_year = today.tm_year / 100 * 100 + take_digits(r, 2);
    tm->tm_year -= tm->tm_year > today.tm_year + 50 ? 100 : 0;
    take(r, " ");
    take_time(r, tm);
    take(r, " gmt");
}

/* " Nov  6 08:49:37 1994" */
static void take_asctime(struct reader *r, struct tm *tm)
{
    take(r, " ");
    tm->tm_mon = take_month(r);
    take(r, " ");
    if (r->p < r->end && *r->p == ' ') {
        r->p++;
        tm->tm_mday = take_digits(r, 1);
    } else {
        tm->tm_mday = take_digits(r, 2);
    }
    take(r, " ");
    take_time(r, tm);
    take(r, " ");
    tm->tm_year = take_digits(r, 4) - 1900;
}

/* The day's name, long or short; which one it is tells the form together with what follows. 0: none. */
static size_t day_name(weir_str text, bool *is_long)
{
    for (int i = 0; i < 7; i++) {
        weir_str name = {days[i], strlen(days[i])};

        *is_long = true;
        if (text.n > name.n && word_iis((weir_str){text.p, name.n}, name)) {
            return name.n;
        }
        *is_long = false;
        name.n = 3;
        if (text.n > 3 && word_iis((weir_str){text.p, 3}, name)) {
            return 3;
        }
    }
    return 0;
}

static bool is_in_range(const struct tm *tm)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return tm->tm_mday >= 1 && tm->tm_mday <= lengths[tm->tm_mon] && tm->tm_hour < 24 &&
           tm->tm_min < 60 && tm->tm_sec <= 60;
}

bool http_date_parse(weir_str text, int64_t now_s, int64_t *seconds)
{
    struct tm tm = {0};
    bool is_long;
    size_t n = day_name(text, &is_long);
    struct reader r = {text.p + n, text.p + text.n, n > 0};

    if (!r.ok) {
        return false;
    }
    if (is_long) {
        take_rfc850(&r, &tm, now_s);
    } else if (*r.p == ',') {
        take_fixdate(&r, &tm);
    } else {
        take_asctime(&r, &tm);
    }
    if (!r.ok || r.p != r.end || !is_in_range(&tm)) {
        return false;
    }
    *seconds = timegm(&tm);
    return true;
}

static char *put_digits(char *at, int value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + n;
}

void http_date_format(int64_t seconds, char out[HTTP_DATE_SIZE])
{
    static const char day_names[] = "SunMonTueWedThuFriSat";
    static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t when = (time_t)seconds;
    struct tm tm;

    gmtime_r(&when, &tm);
    memcpy(out, "Xxx, 00 Xxx 0000 00:00:00 GMT", HTTP_DATE_SIZE);
    memcpy(out, day_names + 3 * tm.tm_wday, 3);
    put_digits(out + 5, tm.tm_mday, 2);
    memcpy(out + 8, month_names + 3 * tm.tm_mon, 3);
    put_digits(out + 12, tm.tm_year + 1900, 4);
    put_digits(out + 17, tm.tm_hour, 2);
    put_digits(out + 20, tm.tm_min, 2);
    put_digits(out + 23, tm.tm_sec, 2);
}
