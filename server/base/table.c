/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/memory.h"
#include "base/str.h"

static uint64_t rotl(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

uint64_t hash_keyed(const uint64_t key[2], const void *p, size_t n)
{
    const unsigned char *at = p;
    uint64_t last = (uint64_t)n << 56;
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL,
                     key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL};
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t word;

        memcpy(&word, at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < n; i++) {
        last |= (uint64_t)at[i] << (8 * i);
    }
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(const void *p, size_t n)
{
    static uint64_t key[2];

    while (key[0] == 0) {
        if (getrandom(key, sizeof(key), 0) != sizeof(key)) {
            abort();
        }
    }
    return hash_keyed(key, p, n);
}

static struct table_entry *find(const struct table *table, weir_str key, uint32_t hash)
{
    uint32_t i = hash & (table->cap - 1);

    while (table->entries[i].key.p &&
           (table->entries[i].hash != hash || !str_eq(table->entries[i].key, key))) {
        i = (i + 1) & (table->cap - 1);
    }
    return &table->entries[i];
}

void table_fini(struct table *table)
{
    free(table->entries);
    *table = (struct table){0};
}

void *table_get(const struct table *table, weir_str key)
{
    if (table->count == 0) {
        return NULL;
    }
    return find(table, key, (uint32_t)hash_bytes(key.p, key.n))->value;
}

static void grow(struct table *table)
{
    struct table bigger = {.cap = table->cap ? table->cap * 2 : 16, .count = table->count};

    bigger.entries = mem_zalloc(bigger.cap * sizeof(*bigger.entries));
    for (uint32_t i = 0; i < table->cap; i++) {
        if (table->entries[i].key.p) {
            *find(&bigger, table->entries[i].key, table->entries[i].hash) = table->entries[i];
        }
    }
    free(table->entries);
    *table = bigger;
}

bool table_put(struct table *table, weir_str key, void *value)
{
    uint32_t hash = (uint32_t)hash_bytes(key.p, key.n);

    if (table->count * 4 >= table->cap * 3) {
        grow(table);
    }
    struct table_entry *entry = find(table, key, hash);
    if (entry->key.p) {
        return false;
    }
    *entry = (struct table_entry){.key = {key.p ? key.p : "", key.n}, .value = value, .hash = hash};
    table->count++;
    return true;
}
