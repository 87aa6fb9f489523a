/* SPDX-License-Identifier: Apache-2.0 */
/* weir/zone.h - shared memory that all workers and successive generations see.
 *
 * A zone is found by its name, and kept by the master while its size, layout and version stay the
 * same: counters and stores survive reloads, module upgrades and killed workers. Each process maps
 * it at another address, so what is in it refers to other parts by offsets, never by pointers.
 *
 * A worker may be killed at any point. What it had half done is found by the next one that takes
 * the lock: weir_zone_lock() then says WEIR_GONE.
 *
 * Included by module.h. */
#ifndef WEIR_ZONE_H
#define WEIR_ZONE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_zone weir_zone;

#define WEIR_ZONE_STRIPES 64 /* locks of one zone; what each guards is the module's affair */
#define WEIR_TABLE_VALUE 96  /* most bytes of a table's value */

typedef struct {
    uint32_t size;
    weir_zone *(*open)(weir_cfg *cfg, const char *name, uint64_t bytes, uint32_t layout,
                       uint32_t version);
    weir_zone *(*open_table)(weir_cfg *cfg, const char *name, uint64_t bytes);
    void *(*at)(weir_zone *zone);
    bool (*is_fresh)(const weir_zone *zone);
    weir_rc (*lock)(weir_zone *zone, uint32_t stripe);
    void (*unlock)(weir_zone *zone, uint32_t stripe);
    weir_rc (*table_add)(weir_zone *table, weir_str key, int64_t delta, uint32_t ttl_ms,
                         int64_t *now);
    weir_rc (*table_get)(weir_zone *table, weir_str key, void *value, size_t *n);
    weir_rc (*table_put)(weir_zone *table, weir_str key, const void *value, size_t n,
                         uint32_t ttl_ms);
} weir_zone_api;

#ifdef __cplusplus
}
#endif
#endif
