/* SPDX-License-Identifier: Apache-2.0 */
#include "config/unit.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* The longest first: for printing. A year is 365 days. */
static const struct unit durations[] = {
    {"y", 365ull * 24 * 60 * 60 * 1000},
    {"w", 7ull * 24 * 60 * 60 * 1000},
    {"d", 24ull * 60 * 60 * 1000},
    {"h", 60ull * 60 * 1000},
    {"m", 60ull * 1000},
    {"s", 1000},
    {"ms", 1},
    {"", 1000},
};

static const struct unit sizes[] = {
    {"t", 1ull << 40},  {"g", 1ull << 30},
    {"m", 1ull << 20},  {"k", 1ull << 10},
    {"tb", 1ull << 40}, {"gb", 1ull << 30},
    {"mb", 1ull << 20}, {"kb", 1ull << 10},
    {"b", 1},           {"", 1},
};

const char unit_duration_form[] = "a number and ms, s, m, h, d, w or y, such as \"30s\"";
const char unit_size_form[] = "a number of bytes, or a number and k, m, g or t, such as \"10m\"";

static enum unit_result parse(weir_str text, const struct unit *units, size_t unit_n, uint64_t *out)
{
    size_t digits = 0;
    uint64_t number, value;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') {
        digits++;
    }
    if (digits == 0) {
        return UNIT_NO_NUMBER;
    }
    weir_str unit = {text.p + digits, text.n - digits};
    for (size_t i = 0; i < unit_n; i++) {
        if (!str_ieq(unit, str_from(units[i].name))) {
            continue;
        }
        if (!str_to_u64((weir_str){text.p, digits}, &number) ||
            __builtin_mul_overflow(number, units[i].factor, &value) || value > INT64_MAX) {
            return UNIT_TOO_LARGE;
        }
        *out = value;
        return UNIT_OK;
    }
    return UNIT_UNKNOWN;
}

enum unit_result unit_duration(weir_str text, uint64_t *ms)
{
    return parse(text, durations, sizeof(durations) / sizeof(durations[0]), ms);
}

enum unit_result unit_size(weir_str text, uint64_t *bytes)
{
    return parse(text, sizes, sizeof(sizes) / sizeof(sizes[0]), bytes);
}

enum unit_result unit_int(weir_str text, int64_t *out)
{
    bool is_negative = text.n > 0 && text.p[0] == '-';
    weir_str digits = {text.p + is_negative, text.n - is_negative};
    uint64_t number;

    if (digits.n == 0 || digits.p[0] < '0' || digits.p[0] > '9') {
        return UNIT_NO_NUMBER;
    }
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9') {
            return UNIT_UNKNOWN;
        }
    }
    if (!str_to_u64(digits, &number)) {
        return UNIT_TOO_LARGE;
    }
    *out = is_negative ? -(int64_t)number : (int64_t)number;
    return UNIT_OK;
}

static char *print(uint64_t value, const struct unit *units, size_t unit_n, char out[32])
{
    size_t i = 0;

    while (i + 1 < unit_n && (value == 0 || value % units[i].factor != 0)) {
        i++;
    }
    snprintf(out, 32, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
    return out;
}

char *unit_print_duration(uint64_t ms, char out[32])
{
    return ms == 0 ? print(0, &(struct unit){"s", 1000}, 1, out) : print(ms, durations, 7, out);
}

char *unit_print_size(uint64_t bytes, char out[32])
{
    const struct unit none = {"", 1};

    if (bytes == 0 || bytes % 1024 != 0) {
        return print(bytes, &none, 1, out);
    }
    return print(bytes, sizes, 4, out);
}
