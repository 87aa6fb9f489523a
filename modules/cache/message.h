/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - the fields of a request or response, as the parts of the cache that know nothing of
 * the host look at them. */
#ifndef CACHE_MESSAGE_H
#define CACHE_MESSAGE_H

#include <weir/fields.h>
#include <weir/types.h>

struct message {
    const weir_field *fields; /* borrowed, with their numbers */
    size_t n;
};

/* The first field of that number. False: there is none, *value is empty. */
bool message_get(const struct message *m, uint32_t id, weir_str *value);
/* The same by name, in any case. */
bool message_named(const struct message *m, weir_str name, weir_str *value);
/* How many lines it has. */
size_t message_count(const struct message *m, uint32_t id);

/* All lines of that name joined by ", " into `out`, at most `size` bytes. False: there is none, or
 * they are longer. A single line is not copied. */
bool message_joined(const struct message *m, weir_str name, char *out, size_t size, weir_str *value);

#endif
