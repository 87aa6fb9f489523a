/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.h - memory in a zone, in blocks of 256 bytes times a power of two (buddies). Blocks are
 * numbers, since each process maps the zone elsewhere. The caller holds the zone's lock. */
#ifndef CACHE_BLOCKS_H
#define CACHE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include <weir/types.h>

#define BLOCK_SIZE 256
#define BLOCK_ORDERS 15 /* up to 4 MiB in one piece */

struct blocks {
    uint32_t n;                   /* of BLOCK_SIZE bytes */
    uint32_t free_n;
    uint32_t first[BLOCK_ORDERS]; /* free ones by order, number + 1; 0: none */
    uint64_t state_at, data_at;   /* bytes behind the struct's beginning */
};

/* Bytes that `n` blocks need beside their data, which begins behind them. */
size_t blocks_overhead(uint32_t n);
/* Lays them out in the memory behind `b`: overhead, then data. All are free. */
void blocks_init(struct blocks *b, uint32_t n);

/* A piece of `order`: its number + 1. 0: there is none. */
uint32_t blocks_take(struct blocks *b, unsigned order);
void blocks_give(struct blocks *b, uint32_t handle);

/* The largest order that has a free piece, or larger than which it would not help; -1: nothing. */
int blocks_largest(const struct blocks *b);
unsigned blocks_order(const struct blocks *b, uint32_t handle);

static inline void *blocks_at(struct blocks *b, uint32_t handle)
{
    return (char *)b + b->data_at + (uint64_t)(handle - 1) * BLOCK_SIZE;
}

/* After somebody died in the middle of a change: everything is free but the `n` pieces in `kept`,
 * sorted. */
void blocks_repair(struct blocks *b, const uint32_t *kept, size_t n);

#endif
