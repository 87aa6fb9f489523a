/* SPDX-License-Identifier: Apache-2.0 */
/* http_date.h - dates of HTTP (RFC 9110, 5.6.7). */
#ifndef CACHE_HTTP_DATE_H
#define CACHE_HTTP_DATE_H

#include <weir/types.h>

#define HTTP_DATE_SIZE 29

/* Reads a date in any of its three forms, in any case, as caches should (RFC 9111, 4.2); any zone but
 * GMT is refused. `now_s` decides the century of a year of two digits: more than 50 years ahead is
 * in the past. False: not a date. */
bool http_date_parse(weir_str text, int64_t now_s, int64_t *seconds);

/* "Sun, 06 Nov 1994 08:49:37 GMT", without a NUL. */
void http_date_format(int64_t seconds, char out[HTTP_DATE_SIZE]);

#endif
