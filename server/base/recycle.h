/* SPDX-License-Identifier: Apache-2.0 */
/* base/recycle.h - a free list of pieces of one size: the last one given back is the next one
 * taken, while it is still in the cache. What a quiet second did not need goes back to malloc. */
#ifndef BASE_RECYCLE_H
#define BASE_RECYCLE_H

#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"

/* Under AddressSanitizer nothing is recycled, so that it sees every use after the end. */
#if defined(__SANITIZE_ADDRESS__)
#define RECYCLE_NOTHING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RECYCLE_NOTHING 1
#endif
#endif

struct recycle {
    void *first;     /* each piece begins with a pointer to the next */
    size_t size;     /* bytes of a piece */
    unsigned count;
    unsigned least;  /* lowest count since the last trim: so many were not needed */
};

static inline void *recycle_take(struct recycle *list)
{
    void *piece = list->first;

    if (!piece) {
        return mem_alloc(list->size);
    }
    list->first = *(void **)piece;
    if (--list->count < list->least) {
        list->least = list->count;
    }
    return piece;
}

static inline void recycle_put(struct recycle *list, void *piece)
{
#ifdef RECYCLE_NOTHING
    (void)list;
    free(piece);
#else
    *(void **)piece = list->first;
    list->first = piece;
    list->count++;
#endif
}

/* Frees what was not needed since the last call. */
static inline void recycle_trim(struct recycle *list)
{
    for (unsigned i = 0; i < list->least; i++) {
        void *piece = list->first;

        list->first = *(void **)piece;
        list->count--;
        free(piece);
    }
    list->least = list->count;
}

#endif
