/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - copies in zone memory: pieces, references, loans, and what goes when there is no
 * room. See shared.h; the lock is held throughout. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "shared.h"

#define EVICT_MOST 64 /* objects that one that comes in may push out */

/* ---- pieces ---- */

/* The order of a piece for `bytes`: the smallest that holds them when little is wasted, else one that
 * takes the larger part of them. */
static unsigned order_for(uint64_t bytes)
{
    unsigned order = 0;

    while (order + 1 < BLOCK_ORDERS && (uint64_t)BLOCK_SIZE << order < bytes) {
        order++;
    }
    uint64_t size = (uint64_t)BLOCK_SIZE << order;
    return order > 0 && size > bytes && (size - bytes) * 8 > bytes ? order - 1 : order;
}

/* A piece of that order, or the next smaller one that there is. */
static uint32_t take_piece(struct store *store, unsigned order, unsigned least)
{
    for (;; order--) {
        uint32_t handle = blocks_take(store->blocks, order);

        if (handle || order == least) {
            return handle;
        }
    }
}

bool hot_grow(struct store *store, struct hot *hot, uint64_t n)
{
    while (n > 0) {
        uint32_t handle = take_piece(store, order_for(n + sizeof(struct extent)), 0);

        if (!handle) {
            return false;
        }
        struct extent *extent = blocks_at(store->blocks, handle);
        uint32_t size = BLOCK_SIZE << blocks_order(store->blocks, handle);
        struct extent *last = hot->last ? blocks_at(store->blocks, hot->last) : &hot->extent;
        *extent = (struct extent){.room = size - (uint32_t)sizeof(*extent)};
        last->next = handle;
        hot->last = handle;
        hot->bytes += size;
        n -= extent->room < n ? extent->room : n;
    }
    return true;
}

static void free_pieces(struct store *store, uint32_t handle)
{
    struct hot *hot = hot_at(store, handle);
    uint32_t next = hot->extent.next;

    blocks_give(store->blocks, handle);
    while (next) {
        handle = next;
        next = ((struct extent *)blocks_at(store->blocks, handle))->next;
        blocks_give(store->blocks, handle);
    }
}

static uint32_t make(struct store *store, size_t record_n, uint64_t body_n)
{
    size_t head = sizeof(struct hot) + record_n;
    unsigned order = order_for(head + body_n), least = 0;

    while ((size_t)BLOCK_SIZE << least < head) {
        least++; /* the record is in one piece */
    }
    if (least >= BLOCK_ORDERS) {
        return 0;
    }
    uint32_t handle = take_piece(store, order < least ? least : order, least);
    if (!handle) {
        return 0;
    }
    uint32_t size = BLOCK_SIZE << blocks_order(store->blocks, handle);
    struct hot *hot = hot_at(store, handle);
    memset(hot, 0, sizeof(*hot));
    hot->refs = 1;
    hot->length = -1;
    hot->record_n = (uint32_t)record_n;
    hot->bytes = size;
    hot->extent.room = size - (uint32_t)head;
    if (body_n > hot->extent.room && !hot_grow(store, hot, body_n - hot->extent.room)) {
        free_pieces(store, handle);
        return 0;
    }
    return handle;
}

/* ---- who goes ---- */

static void drop_copy(struct store *store, struct entry *entry)
{
    uint32_t handle = entry->hot;

    entry->hot = 0;
    if (handle) {
        hot_unref(store, handle);
    }
}

void entry_drop(struct store *store, struct entry *entry)
{
    bool has_file = entry->flags & ENTRY_ON_DISK;
    struct id id = entry->id;

    drop_copy(store, entry);
    if (entry->fetch_hot) {
        hot_unref(store, entry->fetch_hot);
    }
    index_remove(store->index, entry);
    if (has_file) {
        disk_unlink(store, id);
    }
}

bool evict_one(struct store *store)
{
    struct entry *entry = index_victim(store->index);

    if (!entry) {
        return false;
    }
    store->shared->evicted += entry->serial != 0;
    entry_drop(store, entry);
    return true;
}

struct entry *entry_make(struct store *store, struct id id, struct id primary)
{
    struct entry *entry = index_add(store->index, id);

    if (!entry && evict_one(store)) {
        entry = index_add(store->index, id);
    }
    if (entry) {
        entry->primary = primary.w[0];
    }
    return entry;
}

/* Where files are, only copies go: the hand takes those that were not used since it came by last.
 * False: there is none left. */
static bool drop_some_copy(struct store *store)
{
    struct shared *shared = store->shared;

    for (uint32_t steps = 2 * store->index->entry_max + 2; steps > 0; steps--) {
        struct entry *entry = index_next(store->index, &shared->hand);

        if (!entry) {
            shared->hand = 0;
            continue;
        }
        bool is_copy = entry->hot && entry->flags & ENTRY_ON_DISK;
        if (is_copy && entry->hot_used) {
            entry->hot_used = 0;
        } else if (is_copy) {
            drop_copy(store, entry);
            return true;
        }
    }
    return false;
}

uint32_t hot_create(struct store *store, size_t record_n, uint64_t body_n)
{
    for (unsigned tries = 0; tries < EVICT_MOST; tries++) {
        uint32_t handle = make(store, record_n, body_n);

        if (handle) {
            return handle;
        }
        if (!(store->dir_fd >= 0 ? drop_some_copy(store) : evict_one(store))) {
            return 0;
        }
    }
    return 0;
}

void hot_unref(struct store *store, uint32_t handle)
{
    if (atomic_fetch_sub(&hot_at(store, handle)->refs, 1) == 1) {
        free_pieces(store, handle);
    }
}

/* ---- loans ---- */

bool loan_take(struct store *store, uint32_t handle, uint32_t *place)
{
    struct borrower *me = &store->shared->borrowers[store->me];
    static uint32_t from;

    for (uint32_t i = 0; i < LOANS && store->me < BORROWERS; i++) {
        uint32_t at = (from + i) % LOANS;

        if (me->loans[at] == 0) {
            from = at + 1;
            atomic_fetch_add(&hot_at(store, handle)->refs, 1);
            me->loans[at] = handle;
            *place = at;
            return true;
        }
    }
    return false;
}

void loan_return(struct store *store, uint32_t handle, uint32_t place)
{
    store->shared->borrowers[store->me].loans[place] = 0;
    hot_unref(store, handle);
}

static bool is_alive(int32_t pid)
{
    return kill(pid, 0) == 0 || errno == EPERM;
}

bool loans_of_the_dead(struct store *store)
{
    bool found = false;

    for (uint32_t i = 0; i < BORROWERS; i++) {
        struct borrower *borrower = &store->shared->borrowers[i];

        if (borrower->pid == 0 || is_alive(borrower->pid)) {
            continue;
        }
        for (uint32_t k = 0; k < LOANS; k++) {
            if (borrower->loans[k]) {
                hot_unref(store, borrower->loans[k]);
                borrower->loans[k] = 0;
            }
        }
        borrower->pid = 0;
        found = true;
    }
    return found;
}

/* ---- after a death in the middle of a change ---- */

static int compare_handles(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* All that living workers are using, with its pieces. Returns how many; *handles is the heap's. */
static size_t collect_loans(struct store *store, uint32_t **handles)
{
    size_t n = 0, room = 1024;

    *handles = malloc(room * sizeof(**handles));
    for (uint32_t i = 0; i < BORROWERS * LOANS && *handles; i++) {
        struct borrower *borrower = &store->shared->borrowers[i / LOANS];
        uint32_t handle = borrower->loans[i % LOANS];

        if (!handle || !is_alive(borrower->pid)) {
            borrower->loans[i % LOANS] = 0;
            continue;
        }
        /* The first time it is met its count begins anew. */
        hot_at(store, handle)->refs = 0;
        for (uint32_t next = handle; next;) {
            if (n == room) {
                room *= 2;
                uint32_t *more = realloc(*handles, room * sizeof(*more));

                if (!more) {
                    abort(); /* a wrong list would give memory away that is being sent */
                }
                *handles = more;
            }
            (*handles)[n++] = next;
            next = next == handle ? hot_at(store, next)->extent.next
                                  : ((struct extent *)blocks_at(store->blocks, next))->next;
        }
    }
    return n;
}

void memory_repair(struct store *store)
{
    struct shared *shared = store->shared;
    uint32_t *handles;
    size_t n = collect_loans(store, &handles), kept = 0;

    if (!handles) {
        abort();
    }
    qsort(handles, n, sizeof(*handles), compare_handles);
    for (size_t i = 0; i < n; i++) { /* lent twice, kept once */
        if (kept == 0 || handles[kept - 1] != handles[i]) {
            handles[kept++] = handles[i];
        }
    }
    blocks_repair(store->blocks, handles, kept);
    free(handles);
    for (uint32_t i = 0; i < BORROWERS * LOANS; i++) {
        uint32_t handle = shared->borrowers[i / LOANS].loans[i % LOANS];

        if (handle) {
            atomic_fetch_add(&hot_at(store, handle)->refs, 1);
        }
    }
    index_init(store->index, store->index->entry_max, store->index->salt);
    shared->is_loading = store->dir_fd >= 0;
    shared->loaded = 0;
    shared->hand = shared->sweep_at = 0;
}
