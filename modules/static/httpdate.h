/* SPDX-License-Identifier: Apache-2.0 */
/* httpdate.h - dates in header fields (RFC 9110, 5.6.7). */
#ifndef STATIC_HTTPDATE_H
#define STATIC_HTTPDATE_H

#include <time.h>

#include <weir/types.h>

#define HTTPDATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Writes HTTPDATE_BYTES, no NUL. */
void httpdate_format(time_t when, char *out);

/* Reads the usual form and the two obsolete ones. False: it is none of them. */
bool httpdate_parse(weir_str text, time_t *out);

#endif
