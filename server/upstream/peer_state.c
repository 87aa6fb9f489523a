/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/peer_state.h"

#include "base/str.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define SPARE 32 /* slots for peers that are added at run time */
#define ROUND 64

uint32_t state_capacity(uint32_t peer_n)
{
    return (peer_n + SPARE + ROUND - 1) / ROUND * ROUND;
}

static size_t rows_bytes(uint32_t capacity)
{
    return (size_t)STATE_WORKERS * capacity * sizeof(_Atomic uint32_t);
}

static size_t head_bytes(void)
{
    return (sizeof(struct group_state) + 63) / 64 * 64;
}

size_t state_bytes(uint32_t capacity, size_t balancer_bytes)
{
    return head_bytes() + capacity * sizeof(struct peer_state) + rows_bytes(capacity) +
           balancer_bytes;
}

void state_map(struct state_map *map, void *memory, uint32_t capacity)
{
    char *at = memory;

    map->group = memory;
    at += head_bytes();
    map->peers = (struct peer_state *)(void *)at;
    at += capacity * sizeof(struct peer_state);
    map->rows = (_Atomic uint32_t *)(void *)at;
    at += rows_bytes(capacity);
    map->balancer = at;
    map->capacity = capacity;
    map->row = STATE_WORKERS;
    map->pid = 0;
}

/* ---- slots ---- */

/* Slots are taken seldom, and by the loader as a rule: whoever finds the lock held for long takes
 * it, since its holder died. */
static void lock(struct group_state *group)
{
    uint32_t expected = 0;

    for (int i = 0; i < 1000 && !atomic_compare_exchange_strong(&group->adding, &expected, 1); i++) {
        expected = 0;
        sched_yield();
    }
}

static void unlock(struct group_state *group)
{
    atomic_store(&group->adding, 0);
}

static uint32_t find(const struct state_map *map, weir_str address)
{
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->peers[i].kind != PEER_FREE && str_eq(str_from(map->peers[i].address), address)) {
            return i;
        }
    }
    return UINT32_MAX;
}

static uint32_t find_free(const struct state_map *map)
{
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->peers[i].kind == PEER_FREE && map->peers[i].in_flight == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

uint32_t state_slot(struct state_map *map, weir_str address, enum peer_kind kind)
{
    weir_str key = {address.p, address.n < ADDR_TEXT ? address.n : ADDR_TEXT - 1};

    lock(map->group);
    uint32_t slot = find(map, key);
    if (slot == UINT32_MAX && (slot = find_free(map)) != UINT32_MAX) {
        struct peer_state *state = &map->peers[slot];

        memset(state, 0, sizeof(*state));
        memcpy(state->address, key.p, key.n);
        state->kind = kind;
    }
    unlock(map->group);
    return slot;
}

/* ---- counts ---- */

static bool is_dead(int32_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* What a worker had under way when it died is under way no more. */
static void give_back(struct state_map *map, uint32_t row)
{
    for (uint32_t slot = 0; slot < map->capacity; slot++) {
        uint32_t n = atomic_exchange(&map->rows[(size_t)row * map->capacity + slot], 0);

        atomic_fetch_sub(&map->peers[slot].in_flight, n);
    }
}

static void take_row(struct state_map *map)
{
    map->pid = getpid();
    map->row = STATE_WORKERS;
    for (uint32_t row = 0; row < STATE_WORKERS; row++) {
        int32_t owner = map->group->owners[row];

        if (owner != 0 && owner != map->pid && is_dead(owner) &&
            atomic_compare_exchange_strong(&map->group->owners[row], &owner, -1)) {
            give_back(map, row);
            map->group->owners[row] = 0;
        }
        owner = 0;
        if (map->row == STATE_WORKERS &&
            atomic_compare_exchange_strong(&map->group->owners[row], &owner, map->pid)) {
            map->row = row;
        }
    }
}

uint32_t state_begin(struct state_map *map, uint32_t slot)
{
    if (map->pid == 0) {
        take_row(map);
    }
    if (map->row < STATE_WORKERS) {
        atomic_fetch_add_explicit(&map->rows[(size_t)map->row * map->capacity + slot], 1,
                                  memory_order_relaxed);
    }
    return atomic_fetch_add(&map->peers[slot].in_flight, 1) + 1;
}

void state_end(struct state_map *map, uint32_t slot)
{
    if (map->row < STATE_WORKERS) {
        atomic_fetch_sub_explicit(&map->rows[(size_t)map->row * map->capacity + slot], 1,
                                  memory_order_relaxed);
    }
    atomic_fetch_sub(&map->peers[slot].in_flight, 1);
}
