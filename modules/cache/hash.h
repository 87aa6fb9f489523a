/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - names of objects (128 bits of their key) and checksums of what is stored. */
#ifndef CACHE_HASH_H
#define CACHE_HASH_H

#include <weir/types.h>

struct id {
    uint64_t w[2];
};

static inline bool id_is(struct id a, struct id b)
{
    return a.w[0] == b.w[0] && a.w[1] == b.w[1];
}

/* SipHash-1-3 with 128 bits of result, of the key and behind it the values of a variant. The hash's
 * own key is fixed, since files are named by it; whoever finds two URLs of one name gains a miss,
 * because the whole key is compared, too. */
struct id id_of(weir_str key, weir_str values);

/* 32 hexadecimal digits. */
#define ID_TEXT 32
void id_format(struct id id, char out[ID_TEXT]);
bool id_parse(weir_str text, struct id *id);

/* A checksum of 64 bits, in pieces of any size. Every change of one word changes it; it is not meant
 * to withstand people. */
struct checksum {
    uint64_t lane[4];
    uint64_t n;
    unsigned char rest[32];
};

void checksum_start(struct checksum *c);
void checksum_add(struct checksum *c, const void *p, size_t n);
uint64_t checksum_end(const struct checksum *c);
uint64_t checksum_of(const void *p, size_t n);

#endif
