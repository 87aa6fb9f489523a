/* SPDX-License-Identifier: Apache-2.0 */
/* http/fields.h - the header or trailer fields of one message. No I/O.
 *
 * Fields keep the order of the message. Names and values are borrowed slices (of a read buffer,
 * the request's arena, or the configuration). Known names (weir/fields.h) are found in O(1).
 */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include <weir/fields.h>
#include <weir/types.h>

#include "base/arena.h"

_Static_assert(WEIR_F_COUNT <= 128, "fields.first needs more room");

struct fields {
    struct arena *arena;     /* where `list` grows */
    weir_field *list;
    uint32_t n, cap;
    uint8_t first[128];      /* by number: index + 1 of the first such field among the first 254;
                                0: none there */
};

void fields_init(struct fields *fields, struct arena *arena);
/* Drops all, keeps the memory. */
void fields_clear(struct fields *fields);

/* Number of a name in any case; 0: not a known one. */
uint32_t field_id(weir_str name);
/* The canonical spelling of a number. */
weir_str field_name(uint32_t id);

/* Appends a line. `id` must be field_id(name). */
void fields_add(struct fields *fields, uint32_t id, weir_str name, weir_str value, uint32_t flags);
/* The first field of that number; NULL: absent. id is not 0. */
weir_field *fields_get(const struct fields *fields, uint32_t id);
/* The first one by name; id 0 names are compared in any case. */
weir_field *fields_get_named(const struct fields *fields, weir_str name);
/* The next field after `field` with the same name, NULL: none. */
weir_field *fields_next(const struct fields *fields, const weir_field *field);
/* Replaces all of that name by one (kept at the first one's place), or appends it. */
void fields_set(struct fields *fields, uint32_t id, weir_str name, weir_str value, uint32_t flags);
/* Removes all of that name; returns how many. */
uint32_t fields_remove(struct fields *fields, uint32_t id, weir_str name);
/* The same with text in the arena, for when the buffer goes that it points into. */
weir_field field_dup(struct arena *arena, const weir_field *field);

/* The value of a request's cookie (RFC 6265, 4.2.1); p NULL: absent. */
weir_str fields_cookie(const struct fields *fields, weir_str name);

/* Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, TE, Trailer, Upgrade,
 * Proxy-Authorization and Proxy-Authenticate do not pass a proxy (RFC 9110, 7.6.1 and 11.7). */
bool field_is_hop_by_hop(uint32_t id);

/* A field name is a token (RFC 9110, 5.1); a value has no CR, LF or NUL and no other control
 * character but TAB (5.5). */
bool field_name_is_valid(weir_str name);
bool field_value_is_valid(weir_str value);

#endif
