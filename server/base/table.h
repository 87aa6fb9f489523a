/* SPDX-License-Identifier: Apache-2.0 */
/* base/table.h - a hash table from strings to pointers, for names that the configuration gives.
 * Keys are borrowed: they must outlive the table. Grows; entries are not removed one by one. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <weir/types.h>

struct table_entry {
    weir_str key;
    void *value;
    uint32_t hash;
};

struct table {
    struct table_entry *entries; /* cap of them; key.p NULL: free */
    uint32_t cap, count;
};

/* A zeroed table is an empty one. */
void table_fini(struct table *table);
/* NULL: no such key. */
void *table_get(const struct table *table, weir_str key);
/* Adds; false when the key is there already (its value stays). `value` is not NULL. */
bool table_put(struct table *table, weir_str key, void *value);
/* A keyed hash (SipHash-1-3, key drawn at the process's start) for tables that clients can fill. */
uint64_t hash_bytes(const void *p, size_t n);
/* The same under a key of the caller's, for what outlives the process. */
uint64_t hash_keyed(const uint64_t key[2], const void *p, size_t n);

#endif
