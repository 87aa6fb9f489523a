/* SPDX-License-Identifier: Apache-2.0 */
#include "http/crowd.h"

#include "base/memory.h"

#include <string.h>
#include <sys/random.h>

struct place {
    uint64_t key; /* 0: free */
    uint64_t n;
};

/* Open addressing, at most half full: a key is in the first place from its own on that is free or its. */
static struct place *places;
static uint64_t place_mask, place_n, most_of_one, secret;

static uint64_t key_of(const struct addr *addr)
{
    uint64_t bits = 0;

    switch (addr->sa.sa_family) {
    case AF_INET:
        return (uint64_t)addr->in.sin_addr.s_addr << 16 | 4;
    case AF_INET6:
        memcpy(&bits, &addr->in6.sin6_addr, sizeof(bits));
        return bits ? bits : 6;
    default:
        return 0;
    }
}

static uint64_t own_place(uint64_t key)
{
    uint64_t mixed = (key ^ secret) * 0x9e3779b97f4a7c15ULL;

    return (mixed ^ mixed >> 32) & place_mask;
}

static struct place *find(uint64_t key)
{
    uint64_t at = own_place(key);

    while (places[at].key && places[at].key != key) {
        at = (at + 1) & place_mask;
    }
    return &places[at];
}

void crowd_init(uint64_t most, uint64_t all)
{
    uint64_t n = 64;

    most_of_one = most;
    if (!most) {
        return;
    }
    while (n < 2 * all + 2) {
        n *= 2;
    }
    places = mem_zalloc(n * sizeof(*places));
    place_mask = n - 1;
    if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret)) {
        secret = (uint64_t)(uintptr_t)places;
    }
}

bool crowd_enter(const struct addr *addr, uint64_t *key)
{
    *key = most_of_one ? key_of(addr) : 0;
    if (!*key) {
        return true;
    }
    struct place *place = find(*key);
    if (place->n >= most_of_one) {
        *key = 0;
        return false;
    }
    if (place->n == 0 && 2 * (place_n + 1) > place_mask) {
        *key = 0; /* connections of the generation before have come on top */
        return true;
    }
    place_n += place->n == 0;
    place->key = *key;
    place->n++;
    return true;
}

/* What stood behind a place that becomes free moves up, so that it is found. */
static void close_gap(uint64_t at)
{
    for (uint64_t next = (at + 1) & place_mask; places[next].key; next = (next + 1) & place_mask) {
        uint64_t way = (next - own_place(places[next].key)) & place_mask;

        if (way >= ((next - at) & place_mask)) {
            places[at] = places[next];
            places[next] = (struct place){0};
            at = next;
        }
    }
}

void crowd_leave(uint64_t key)
{
    if (!key) {
        return;
    }
    struct place *place = find(key);
    if (place->n > 0 && --place->n == 0) {
        *place = (struct place){0};
        place_n--;
        close_gap((uint64_t)(place - places));
    }
}
