/* SPDX-License-Identifier: Apache-2.0 */
/* config/unit.h - numbers with units, as an admin writes them. Pure. */
#ifndef CONFIG_UNIT_H
#define CONFIG_UNIT_H

#include <weir/types.h>

enum unit_result {
    UNIT_OK,
    UNIT_NO_NUMBER, /* does not begin with digits */
    UNIT_UNKNOWN,   /* what follows the digits is no unit */
    UNIT_TOO_LARGE
};

/* "250ms" "10s" "5m" "1h" "1d" "1w" "1y"; a bare number is seconds. */
enum unit_result unit_duration(weir_str text, uint64_t *ms);
/* "512" "4k" "10m" "1g" "2t", in powers of 1024, in any case, a trailing b allowed. */
enum unit_result unit_size(weir_str text, uint64_t *bytes);
/* A whole number with an optional minus sign. */
enum unit_result unit_int(weir_str text, int64_t *out);

/* What would have been right: "a number and ms, s, m, h, d, w or y". */
extern const char unit_duration_form[];
extern const char unit_size_form[];

/* The shortest way to write a value that reads back as the same: "90s", "4k". Returns out. */
char *unit_print_duration(uint64_t ms, char out[32]);
char *unit_print_size(uint64_t bytes, char out[32]);

#endif
