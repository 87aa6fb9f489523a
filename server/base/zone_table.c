/* SPDX-License-Identifier: Apache-2.0 */
/* base/zone_table.c - keys and values with expiry in a zone. See zone.h.
 *
 * An entry is written so that a writer killed at any point leaves it as it was, free, or done: it
 * counts only while its `expires_ms` is not 0, which is set last. So nothing needs repair when a
 * lock's owner has died. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/table.h"
#include "base/zone.h"

#define TABLE_LAYOUT 1
#define TABLE_VERSION 1
#define BUCKET_ENTRIES 8
#define NEVER UINT64_MAX

struct entry {
    _Atomic uint64_t expires_ms; /* 0: free */
    uint64_t hash[2];
    uint32_t n;
    uint32_t pad;
    union {
        int64_t number;
        unsigned char bytes[WEIR_TABLE_VALUE];
    } value;
};

_Static_assert(sizeof(struct entry) == 128, "two cache lines");

struct bucket {
    struct entry entries[BUCKET_ENTRIES];
};

struct table_head {
    uint64_t keys[2][2];
    uint64_t bucket_n;
    char pad[128 - 5 * sizeof(uint64_t)];
};

weir_zone *zone_open_table(const char *name, uint64_t bytes)
{
    uint64_t least = sizeof(struct table_head) + sizeof(struct bucket);
    weir_zone *zone = zone_open(name, bytes > least ? bytes : least, TABLE_LAYOUT, TABLE_VERSION);

    if (!zone || !zone_is_fresh(zone)) {
        return zone;
    }
    struct table_head *head = zone_at(zone);
    if (getrandom(head->keys, sizeof(head->keys), 0) != sizeof(head->keys)) {
        return NULL;
    }
    head->bucket_n = (zone_bytes(zone) - sizeof(*head)) / sizeof(struct bucket);
    return zone;
}

/* ---- one bucket, locked ---- */

struct place {
    weir_zone *zone;
    struct bucket *bucket;
    uint32_t stripe;
    uint64_t hash[2];
};

static struct place lock_place(weir_zone *zone, weir_str key)
{
    struct table_head *head = zone_at(zone);
    struct place place = {
        .zone = zone,
        .hash = {hash_keyed(head->keys[0], key.p, key.n), hash_keyed(head->keys[1], key.p, key.n)}};
    uint64_t index = place.hash[0] % head->bucket_n;

    place.bucket = (struct bucket *)(head + 1) + index;
    place.stripe = (uint32_t)(index % WEIR_ZONE_STRIPES);
    zone_lock(zone, place.stripe);
    return place;
}

static void unlock_place(const struct place *place)
{
    zone_unlock(place->zone, place->stripe);
}

static bool is_alive(const struct entry *entry)
{
    return entry->expires_ms > clock_now.ms;
}

/* NULL: it is not there, or has expired. */
static struct entry *find(const struct place *place)
{
    for (int i = 0; i < BUCKET_ENTRIES; i++) {
        struct entry *entry = &place->bucket->entries[i];

        if (entry->hash[0] == place->hash[0] && entry->hash[1] == place->hash[1] &&
            is_alive(entry)) {
            return entry;
        }
    }
    return NULL;
}

/* Where it is, or what is free, or what goes first; emptied. */
static struct entry *make_room(const struct place *place)
{
    struct entry *best = find(place);

    for (int i = 0; i < BUCKET_ENTRIES && !best; i++) {
        best = is_alive(&place->bucket->entries[i]) ? NULL : &place->bucket->entries[i];
    }
    if (!best) {
        best = &place->bucket->entries[0];
        for (int i = 1; i < BUCKET_ENTRIES; i++) {
            struct entry *entry = &place->bucket->entries[i];

            best = entry->expires_ms < best->expires_ms ? entry : best;
        }
    }
    best->expires_ms = 0;
    best->hash[0] = place->hash[0];
    best->hash[1] = place->hash[1];
    return best;
}

static uint64_t expiry(uint32_t ttl_ms)
{
    return ttl_ms ? clock_now.ms + ttl_ms : NEVER;
}

weir_rc zone_table_add(weir_zone *table, weir_str key, int64_t delta, uint32_t ttl_ms, int64_t *now)
{
    struct place place = lock_place(table, key);
    struct entry *entry = find(&place);
    weir_rc rc = WEIR_OK;

    if (!entry) {
        entry = make_room(&place);
        entry->n = sizeof(entry->value.number);
        entry->value.number = 0;
        entry->expires_ms = expiry(ttl_ms);
    }
    if (entry->n == sizeof(entry->value.number)) {
        entry->value.number = (int64_t)((uint64_t)entry->value.number + (uint64_t)delta);
        if (now) {
            *now = entry->value.number;
        }
    } else {
        rc = WEIR_ERROR; /* it was put as something else */
    }
    unlock_place(&place);
    return rc;
}

weir_rc zone_table_get(weir_zone *table, weir_str key, void *value, size_t *n)
{
    struct place place = lock_place(table, key);
    const struct entry *entry = find(&place);
    weir_rc rc = entry ? WEIR_OK : WEIR_NOTFOUND;

    if (entry && entry->n <= *n) {
        memcpy(value, entry->value.bytes, entry->n);
        *n = entry->n;
    } else if (entry) {
        rc = WEIR_ERROR;
    }
    unlock_place(&place);
    return rc;
}

weir_rc zone_table_put(weir_zone *table, weir_str key, const void *value, size_t n, uint32_t ttl_ms)
{
    if (n > WEIR_TABLE_VALUE) {
        return WEIR_ERROR;
    }
    struct place place = lock_place(table, key);
    struct entry *entry = make_room(&place);

    if (n) {
        memcpy(entry->value.bytes, value, n);
    }
    entry->n = (uint32_t)n;
    entry->expires_ms = expiry(ttl_ms);
    unlock_place(&place);
    return WEIR_OK;
}
