/* SPDX-License-Identifier: Apache-2.0 */
/* conditions.h - conditional requests and ranges (RFC 9110, 13 and 14). */
#ifndef STATIC_CONDITIONS_H
#define STATIC_CONDITIONS_H

#include "file_cache.h"

/* 200, 304 or 412: what the preconditions say, in the order of RFC 9110, 13.2.2. */
uint32_t conditions_check(weir_req *req, const struct file *file);

/* If-Range names the file as the client has it; another file is sent whole (RFC 9110, 13.1.5). */
bool conditions_range_applies(weir_req *req, const struct file *file);

#endif
