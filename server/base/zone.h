/* SPDX-License-Identifier: Apache-2.0 */
/* base/zone.h - named shared memory with robust locks, and a table with expiry in such a zone.
 *
 * The loader opens zones before it forks; workers inherit the mappings. What an earlier generation
 * left is offered with zone_hold(), and used when its size, layout and version fit; what was made
 * is given back to whoever keeps it by zones_complete(). */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <weir/zone.h>

#define ZONE_NAME 128 /* bytes of a name, with its NUL */

/* The zone `name` ("MODULE:name", "upstream:GROUP"), zeroed unless an earlier generation left it.
 * The same name gives the same zone again, which is then not fresh any more. NULL with errno:
 * EINVAL, another size, layout or version was asked for in this generation; or the system's. */
weir_zone *zone_open(const char *name, uint64_t bytes, uint32_t layout, uint32_t version);
void *zone_at(weir_zone *zone); /* its first byte, page-aligned */
uint64_t zone_bytes(const weir_zone *zone);
/* It holds zeroes, or what somebody did not finish to initialise. */
bool zone_is_fresh(const weir_zone *zone);

/* WEIR_OK; WEIR_GONE: the owner died with it: the caller has it now and repairs what it guards. */
weir_rc zone_lock(weir_zone *zone, uint32_t stripe);
void zone_unlock(weir_zone *zone, uint32_t stripe);

/* Memory that an earlier generation used; takes `fd`. */
void zone_hold(const char *name, int fd);
/* All zones are opened and initialised: calls `keep` for each, with its descriptor when it was made
 * here and -1 when it was held, then closes what is not needed to go on. */
typedef void zone_keep_fn(void *arg, const char *name, int fd);
void zones_complete(zone_keep_fn *keep, void *arg);

/* ---- a table in a zone: keys of any length, values of up to WEIR_TABLE_VALUE bytes ----
 *
 * Bounded: where there is no room, the entry of the key's bucket that would expire first goes.
 * ttl_ms 0: never expires. A key is remembered by a keyed hash of 128 bits. */
weir_zone *zone_open_table(const char *name, uint64_t bytes);
/* Adds to a number; one that is new or has expired begins at 0 and lives for ttl_ms. *now may be
 * NULL. */
weir_rc zone_table_add(weir_zone *table, weir_str key, int64_t delta, uint32_t ttl_ms,
                       int64_t *now);
/* Copies the value to `value`, which has room for *n bytes; *n is then its size. WEIR_NOTFOUND;
 * WEIR_ERROR: it is larger. */
weir_rc zone_table_get(weir_zone *table, weir_str key, void *value, size_t *n);
weir_rc zone_table_put(weir_zone *table, weir_str key, const void *value, size_t n,
                       uint32_t ttl_ms);

#endif
