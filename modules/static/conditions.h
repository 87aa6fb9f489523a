/* SPDX-License-Identifier: Apache-2.0 */
/* conditions.h - conditional requests and ranges (RFC 9110, 13 and 14). */
#ifndef STATIC_CONDITIONS_H
#define STATIC_CONDITIONS_H

#include "file_cache.h"

/* 200, 304 or 412: what the preconditions say, in the order of RFC 9110, 13.2.2. */
uint32_t conditions_check(weir_req *req, const struct file *file);

enum range_result {
    RANGE_NONE, /* no Range, one that does not apply, or several: the whole file */
    RANGE_ONE,
    RANGE_BAD   /* 416 */
};

/* The bytes asked for: *first .. *last, both within the file. */
enum range_result range_parse(weir_req *req, const struct file *file, uint64_t *first,
                              uint64_t *last);

#endif
