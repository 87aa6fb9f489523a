/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena.h - memory that is given back all at once.
 *
 * Small pieces are cut from blocks that a per-process free list recycles; a large piece gets a
 * block of its own. What holds a descriptor or a count registers a cleanup.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <weir/types.h>

#define ARENA_BLOCK 4096 /* bytes, its header included */

struct arena_block;
struct arena_cleanup;

struct arena {
    char *at, *end;                /* the free part of the newest block */
    struct arena_block *blocks;    /* newest first */
    struct arena_cleanup *cleanups; /* newest first */
};

void arena_init(struct arena *arena);
/* Runs the cleanups, newest first, and gives all memory back. The arena is then as initialised. */
void arena_fini(struct arena *arena);

void *arena_alloc_slow(struct arena *arena, size_t size);

/* Aligned for any type, not zeroed, never NULL. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if ((size_t)(arena->end - arena->at) < size) {
        return arena_alloc_slow(arena, size);
    }
    char *p = arena->at;
    arena->at += size;
    return p;
}

void *arena_zalloc(struct arena *arena, size_t size);
/* A copy with a NUL behind it that is not counted. */
weir_str arena_dup(struct arena *arena, weir_str s);
char *arena_strdup(struct arena *arena, const char *s);
weir_str arena_printf(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Calls fn(arg) when the arena ends. */
void arena_on_fini(struct arena *arena, void (*fn)(void *), void *arg);

/* Frees recycled blocks beyond what the last seconds needed; called now and then by the loop. */
void arena_trim(void);

#endif
