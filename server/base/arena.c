/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/recycle.h"

struct arena_block {
    struct arena_block *next;
    size_t is_large; /* not from the free list */
};

struct arena_cleanup {
    struct arena_cleanup *next;
    void (*fn)(void *);
    void *arg;
};

_Static_assert(sizeof(struct arena_block) % 16 == 0, "what follows a header must be aligned");

static struct recycle blocks = {.size = ARENA_BLOCK};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_fini(struct arena *arena)
{
    while (arena->cleanups) {
        struct arena_cleanup *cleanup = arena->cleanups;

        arena->cleanups = cleanup->next;
        cleanup->fn(cleanup->arg);
    }
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->next;
        if (block->is_large) {
            free(block);
        } else {
            recycle_put(&blocks, block);
        }
    }
    arena_init(arena);
}

/* A large piece goes behind the newest block, which stays the one that small pieces come from. */
static void *alloc_large(struct arena *arena, size_t size)
{
    struct arena_block *block = mem_alloc(sizeof(*block) + size);

    block->is_large = 1;
    if (arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = NULL;
        arena->blocks = block;
    }
    return block + 1;
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
    if (size > (ARENA_BLOCK - sizeof(struct arena_block)) / 2) {
        return alloc_large(arena, size);
    }
    struct arena_block *block = recycle_take(&blocks);
    block->is_large = 0;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->at = (char *)(block + 1) + size;
    arena->end = (char *)block + ARENA_BLOCK;
    return block + 1;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

weir_str arena_dup(struct arena *arena, weir_str s)
{
    char *copy = arena_alloc(arena, s.n + 1);

    if (s.n) {
        memcpy(copy, s.p, s.n);
    }
    copy[s.n] = '\0';
    return (weir_str){copy, s.n};
}

char *arena_strdup(struct arena *arena, const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(arena_alloc(arena, n), s, n);
}

weir_str arena_printf(struct arena *arena, const char *fmt, ...)
{
    char few[256];
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(few, sizeof(few), fmt, args);
    va_end(args);
    if (n < 0) {
        n = 0;
    }
    if ((size_t)n < sizeof(few)) {
        return arena_dup(arena, (weir_str){few, (size_t)n});
    }
    char *text = arena_alloc(arena, (size_t)n + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return (weir_str){text, (size_t)n};
}

void arena_on_fini(struct arena *arena, void (*fn)(void *), void *arg)
{
    struct arena_cleanup *cleanup = arena_alloc(arena, sizeof(*cleanup));

    *cleanup = (struct arena_cleanup){.next = arena->cleanups, .fn = fn, .arg = arg};
    arena->cleanups = cleanup;
}

void arena_trim(void)
{
    recycle_trim(&blocks);
}
