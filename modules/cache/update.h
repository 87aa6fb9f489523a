/* SPDX-License-Identifier: Apache-2.0 */
/* update.h - stored fields and those of a 304 (RFC 9111, 3.2). */
#ifndef CACHE_UPDATE_H
#define CACHE_UPDATE_H

#include "message.h"

/* Writes the stored fields, each replaced by the 304's of that name, and the 304's others, to `out`, which
 * has room for all of both. What says how the stored body is coded and how long it is stays. */
size_t update_fields(const struct message *stored, const struct message *fresh, weir_field *out);

#endif
