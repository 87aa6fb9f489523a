/* SPDX-License-Identifier: Apache-2.0 */
#include "zone.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "siphash.h"

#define OWNER_MAX 2048 /* workers, of all generations that still run */
#define LAYOUT 0x32500400u /* changes with struct head and struct bucket */
#define REVISION 2

struct head {
    int32_t pids[OWNER_MAX]; /* 0: free; guarded by stripe 0 */
};

static struct buckets stripe_at(const struct zone *zone, uint32_t stripe)
{
    char *first = (char *)weir_zone_at(zone->shared) + sizeof(struct head);
    size_t size = (size_t)zone->group_n * BUCKET_WAYS * sizeof(struct bucket);

    return (struct buckets){(struct bucket *)(void *)(first + stripe * size), zone->group_n};
}

bool zone_open(weir_cfg *cfg, struct zone *zone)
{
    uint64_t group = (uint64_t)BUCKET_STRIPES * BUCKET_WAYS * sizeof(struct bucket);
    uint64_t groups = zone->memory < group ? 1 : zone->memory / group;
    uint64_t bytes = sizeof(struct head) + groups * group;

    zone->group_n = (uint32_t)groups;
    memcpy(zone->secret, weir_cfg_secret(cfg), sizeof(zone->secret));
    zone->shared = weir_cfg_zone(cfg, zone->name.p, bytes, LAYOUT, REVISION);
    return zone->shared != NULL;
}

/* An IPv6 address stands for its network: who has one has 2^64 of them. */
size_t zone_network(const struct zone *zone, weir_str key, unsigned char out[16])
{
    char text[INET6_ADDRSTRLEN];

    if (key.n >= sizeof(text) || !memchr(key.p, ':', key.n)) {
        return 0;
    }
    memcpy(text, key.p, key.n);
    text[key.n] = '\0';
    if (inet_pton(AF_INET6, text, out) != 1) {
        return 0;
    }
    for (int bit = (int)zone->ipv6_prefix; bit < 128; bit++) {
        out[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
    }
    return 16;
}

uint64_t zone_hash(const struct zone *zone, weir_str key)
{
    unsigned char address[16];
    size_t n = zone_network(zone, key, address);
    uint64_t hash = n ? siphash(zone->secret, address, n) : siphash(zone->secret, key.p, key.n);

    return hash ? hash : 1;
}

static uint32_t stripe_of(uint64_t hash)
{
    return (uint32_t)(hash >> 58);
}

/* GONE, the owner died: nothing in a bucket can be half done so that it matters. */
struct buckets zone_lock(const struct zone *zone, uint64_t hash)
{
    weir_zone_lock(zone->shared, stripe_of(hash));
    return stripe_at(zone, stripe_of(hash));
}

void zone_unlock(const struct zone *zone, uint64_t hash)
{
    weir_zone_unlock(zone->shared, stripe_of(hash));
}

/* ---- workers ---- */

uint32_t zone_owner(struct zone *zone)
{
    struct head *head = weir_zone_at(zone->shared);

    if (zone->owner) {
        return zone->owner;
    }
    weir_zone_lock(zone->shared, 0);
    for (uint32_t i = 0; i < OWNER_MAX && !zone->owner; i++) {
        if (head->pids[i] == 0) {
            head->pids[i] = (int32_t)getpid();
            zone->owner = i + 1;
        }
    }
    weir_zone_unlock(zone->shared, 0);
    return zone->owner;
}

static void disown(struct zone *zone, uint32_t owner)
{
    for (uint32_t stripe = 0; stripe < BUCKET_STRIPES; stripe++) {
        struct buckets buckets = stripe_at(zone, stripe);

        weir_zone_lock(zone->shared, stripe);
        buckets_disown(&buckets, owner);
        weir_zone_unlock(zone->shared, stripe);
    }
}

bool zone_sweep(struct zone *zone)
{
    struct head *head = weir_zone_at(zone->shared);
    bool found = false;

    if (zone->swept_ms && weir_now_ms() - zone->swept_ms < 1000) {
        return false;
    }
    zone->swept_ms = weir_now_ms();
    for (uint32_t i = 0; i < OWNER_MAX; i++) {
        int32_t pid = head->pids[i];

        if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH) {
            continue;
        }
        disown(zone, i + 1);
        weir_zone_lock(zone->shared, 0);
        if (head->pids[i] == pid) {
            head->pids[i] = 0; /* only now may another worker take the number */
        }
        weir_zone_unlock(zone->shared, 0);
        found = true;
    }
    return found;
}
