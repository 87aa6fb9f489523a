/* SPDX-License-Identifier: Apache-2.0 */
/* invalidation.h - which stored responses a request with an unsafe method makes doubtful (RFC 9111,
 * 4.4). */
#ifndef CACHE_INVALIDATION_H
#define CACHE_INVALIDATION_H

#include "message.h"

/* GET, HEAD, OPTIONS and TRACE are safe (RFC 9110, 9.2.1); what is not known is not. */
bool method_is_safe(weir_str method);

/* Did the request succeed: 2xx or 3xx? */
bool status_invalidates(uint32_t status);

/* The path and query that a Location or Content-Location names, if it is of the same origin: a
 * response of one site must not be able to purge another's. Relative references are resolved
 * against `target`; `out` must hold location.n + target.n + 1 bytes. False: elsewhere, or nothing. */
bool invalidation_target(weir_str location, weir_str scheme, weir_str authority, weir_str target,
                         char *out, weir_str *path);

#endif
