/* SPDX-License-Identifier: Apache-2.0 */
#include "blocks.h"

#include <assert.h>
#include <string.h>

/* States of a block; those inside a piece have INSIDE. The order is in the low bits. */
enum {
    INSIDE = 0,
    USED = 0x40,
    FREE = 0x80,
    ORDER = 0x0f
};

/* In a free piece's own memory. */
struct links {
    uint32_t next, before; /* number + 1 */
};

static unsigned char *states(const struct blocks *b)
{
    return (unsigned char *)(uintptr_t)b + b->state_at;
}

static struct links *links_of(struct blocks *b, uint32_t handle)
{
    return blocks_at(b, handle);
}

size_t blocks_overhead(uint32_t n)
{
    return (sizeof(struct blocks) + n + 4095) & ~(size_t)4095;
}

static void put_free(struct blocks *b, uint32_t number, unsigned order)
{
    uint32_t handle = number + 1;
    struct links *links = links_of(b, handle);

    states(b)[number] = (unsigned char)(FREE | order);
    *links = (struct links){.next = b->first[order]};
    if (links->next) {
        links_of(b, links->next)->before = handle;
    }
    b->first[order] = handle;
    b->free_n += 1u << order;
}

static void take_free(struct blocks *b, uint32_t number, unsigned order)
{
    struct links *links = links_of(b, number + 1);

    if (links->before) {
        links_of(b, links->before)->next = links->next;
    } else {
        b->first[order] = links->next;
    }
    if (links->next) {
        links_of(b, links->next)->before = links->before;
    }
    states(b)[number] = INSIDE;
    b->free_n -= 1u << order;
}

/* Frees blocks from..to in the largest pieces whose place fits. */
static void free_run(struct blocks *b, uint32_t from, uint32_t to)
{
    while (from < to) {
        unsigned order = 0;

        while (order + 1 < BLOCK_ORDERS && from % (2u << order) == 0 &&
               from + (2u << order) <= to) {
            order++;
        }
        put_free(b, from, order);
        from += 1u << order;
    }
}

void blocks_init(struct blocks *b, uint32_t n)
{
    *b = (struct blocks){
        .n = n, .state_at = sizeof(struct blocks), .data_at = blocks_overhead(n)};
    memset(states(b), INSIDE, n);
    free_run(b, 0, n);
}

uint32_t blocks_take(struct blocks *b, unsigned order)
{
    unsigned from = order;

    while (from < BLOCK_ORDERS && b->first[from] == 0) {
        from++;
    }
    if (from >= BLOCK_ORDERS) {
        return 0;
    }
    uint32_t number = b->first[from] - 1;
    take_free(b, number, from);
    while (from > order) {
        from--;
        put_free(b, number + (1u << from), from);
    }
    states(b)[number] = (unsigned char)(USED | order);
    return number + 1;
}

void blocks_give(struct blocks *b, uint32_t handle)
{
    uint32_t number = handle - 1;
    unsigned order = blocks_order(b, handle);

    assert(states(b)[number] & USED);
    states(b)[number] = INSIDE;
    while (order + 1 < BLOCK_ORDERS) {
        uint32_t buddy = number ^ (1u << order);

        if (buddy + (1u << order) > b->n || states(b)[buddy] != (FREE | order)) {
            break;
        }
        take_free(b, buddy, order);
        number = number < buddy ? number : buddy;
        order++;
    }
    put_free(b, number, order);
}

int blocks_largest(const struct blocks *b)
{
    for (int order = BLOCK_ORDERS - 1; order >= 0; order--) {
        if (b->first[order]) {
            return order;
        }
    }
    return -1;
}

unsigned blocks_order(const struct blocks *b, uint32_t handle)
{
    return states(b)[handle - 1] & ORDER;
}

void blocks_repair(struct blocks *b, const uint32_t *kept, size_t n)
{
    uint32_t at = 0;

    /* The orders of pieces that are in use did not change: only what is between them did. */
    memset(b->first, 0, sizeof(b->first));
    b->free_n = 0;
    for (size_t i = 0; i <= n; i++) {
        uint32_t next = i < n ? kept[i] - 1 : b->n;

        if (next > at) {
            memset(states(b) + at, INSIDE, next - at);
            free_run(b, at, next);
        }
        if (i < n) {
            unsigned order = blocks_order(b, kept[i]);

            at = next + (1u << order);
        }
    }
}
