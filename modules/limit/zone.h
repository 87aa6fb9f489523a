/* SPDX-License-Identifier: Apache-2.0 */
/* limit/zone.h - a named set of keys with a rate: the buckets in memory that all workers share, with
 * their locks, and who of the workers has which requests under way. */
#ifndef LIMIT_ZONE_H
#define LIMIT_ZONE_H

#include <weir/module.h>

#include "buckets.h"

struct store;

struct zone {
    /* as configured */
    const weir_template *key;
    weir_str rate_text, bandwidth_text;
    uint64_t memory;
    int64_t ipv6_prefix;
    weir_str store_url;
    /* made by check and commit */
    weir_str name;
    uint64_t step_ns;   /* between two requests; 0: there is no rate */
    uint64_t bandwidth; /* bytes per second of a key's responses; 0: any */
    weir_zone *shared;
    unsigned char secret[16];
    uint32_t group_n;   /* of a stripe */
    struct store *store; /* counters shared with other machines; NULL: none */
    uint32_t owner;     /* this worker's number in `shared`; 0: not taken yet */
    uint64_t swept_ms;  /* when dead workers were last looked for */
    uint32_t refused, delayed; /* metrics */
    struct zone *next;
};

/* Opens the shared memory. False: a mistake was reported. */
bool zone_open(weir_cfg *cfg, struct zone *zone);

/* The network that a key stands for which is an IPv6 address: its 16 bytes to `out`. 0: it is none. */
size_t zone_network(const struct zone *zone, weir_str key, unsigned char out[16]);
/* The key's hash, never 0. */
uint64_t zone_hash(const struct zone *zone, weir_str key);

/* Takes the lock of the hash's stripe, and gives the stripe. */
struct buckets zone_lock(const struct zone *zone, uint64_t hash);
void zone_unlock(const struct zone *zone, uint64_t hash);

/* The number under which this worker holds requests; 0: there are too many workers. No lock is
 * held. */
uint32_t zone_owner(struct zone *zone);
/* Takes back what dead workers held, at most once a second. True: there was something. No lock is
 * held. */
bool zone_sweep(struct zone *zone);

static inline uint64_t zone_now_ns(void)
{
    return weir_now_ms() * 1000000;
}

#endif
