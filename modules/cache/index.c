/* SPDX-License-Identifier: Apache-2.0 */
#include "index.h"

#include <string.h>

#define SMALL_SHARE 10 /* the small queue has a tenth, by number and by bytes */

struct ghost {
    uint32_t fingerprint, left_at;
};

static struct entry *entry_at(const struct index *ix, uint32_t handle)
{
    return (struct entry *)((char *)(uintptr_t)ix + ix->entries_at) + (handle - 1);
}

static uint32_t handle_of(const struct index *ix, const struct entry *entry)
{
    return (uint32_t)(entry - (struct entry *)((char *)(uintptr_t)ix + ix->entries_at)) + 1;
}

static uint32_t *bucket_of(const struct index *ix, struct id id)
{
    /* Salted, so that nobody can aim at a bucket. */
    uint64_t hash = (id.w[0] ^ ix->salt) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t *)((char *)(uintptr_t)ix + ix->buckets_at) + (hash >> 32) % ix->bucket_n;
}

static struct ghost *ghost_of(const struct index *ix, struct id id)
{
    return (struct ghost *)((char *)(uintptr_t)ix + ix->ghosts_at) + (id.w[1] >> 32) % ix->ghost_n;
}

size_t index_bytes(uint32_t entries)
{
    return sizeof(struct index) + (size_t)entries * (sizeof(struct entry) + sizeof(uint32_t) +
                                                     sizeof(struct ghost)) + 64;
}

void index_init(struct index *ix, uint32_t entries, uint64_t salt)
{
    *ix = (struct index){.entry_max = entries,
                         .bucket_n = entries,
                         .ghost_n = entries,
                         .salt = salt,
                         .entries_at = (sizeof(*ix) + 15) & ~(size_t)15};
    ix->ghosts_at = ix->entries_at + (uint64_t)entries * sizeof(struct entry);
    ix->buckets_at = ix->ghosts_at + (uint64_t)entries * sizeof(struct ghost);
    memset((char *)ix + ix->ghosts_at, 0,
           (size_t)entries * (sizeof(struct ghost) + sizeof(uint32_t)));
    for (uint32_t i = 1; i <= entries; i++) {
        *entry_at(ix, i) = (struct entry){.next = i < entries ? i + 1 : 0};
    }
    ix->free_first = entries ? 1 : 0;
}

struct entry *index_find(struct index *ix, struct id id)
{
    for (uint32_t at = *bucket_of(ix, id); at; at = entry_at(ix, at)->next) {
        struct entry *entry = entry_at(ix, at);

        if (id_is(entry->id, id)) {
            return entry;
        }
    }
    return NULL;
}

/* ---- queues ---- */

static void enqueue(struct index *ix, struct entry *entry, enum queue_kind kind)
{
    struct queue *queue = &ix->queues[kind];
    uint32_t handle = handle_of(ix, entry);

    entry->queue = (uint8_t)kind;
    entry->newer = 0;
    entry->older = queue->newest;
    if (queue->newest) {
        entry_at(ix, queue->newest)->newer = handle;
    } else {
        queue->oldest = handle;
    }
    queue->newest = handle;
    queue->n++;
    queue->bytes += entry->bytes;
}

static void dequeue(struct index *ix, struct entry *entry)
{
    struct queue *queue = &ix->queues[entry->queue];

    *(entry->newer ? &entry_at(ix, entry->newer)->older : &queue->newest) = entry->older;
    *(entry->older ? &entry_at(ix, entry->older)->newer : &queue->oldest) = entry->newer;
    queue->n--;
    queue->bytes -= entry->bytes;
    entry->queue = QUEUE_NONE;
}

/* Did it leave the small queue not long ago: within as many departures as the main queue is long? */
static bool is_remembered(const struct index *ix, struct id id)
{
    const struct ghost *ghost = ghost_of(ix, id);
    uint32_t memory = ix->queues[QUEUE_MAIN].n > 64 ? ix->queues[QUEUE_MAIN].n : 64;

    return ghost->fingerprint == ((uint32_t)id.w[1] | 1) &&
           ix->ghost_clock - ghost->left_at <= memory;
}

struct entry *index_add(struct index *ix, struct id id)
{
    uint32_t *bucket = bucket_of(ix, id);
    uint32_t handle = ix->free_first;

    if (!handle) {
        return NULL;
    }
    struct entry *entry = entry_at(ix, handle);
    ix->free_first = entry->next;
    *entry = (struct entry){.id = id, .next = *bucket};
    *bucket = handle;
    ix->entry_n++;
    enqueue(ix, entry, is_remembered(ix, id) ? QUEUE_MAIN : QUEUE_SMALL);
    return entry;
}

void index_remove(struct index *ix, struct entry *entry)
{
    uint32_t handle = handle_of(ix, entry);
    uint32_t *at = bucket_of(ix, entry->id);

    while (*at != handle) {
        at = &entry_at(ix, *at)->next;
    }
    *at = entry->next;
    dequeue(ix, entry);
    *entry = (struct entry){.next = ix->free_first};
    ix->free_first = handle;
    ix->entry_n--;
}

void index_set_bytes(struct index *ix, struct entry *entry, uint64_t bytes)
{
    struct queue *queue = &ix->queues[entry->queue];

    queue->bytes += bytes - entry->bytes;
    entry->bytes = bytes;
}

/* ---- who goes ---- */

static bool small_is_large(const struct index *ix)
{
    const struct queue *small = &ix->queues[QUEUE_SMALL], *main = &ix->queues[QUEUE_MAIN];

    return main->n == 0 || (uint64_t)small->n * SMALL_SHARE > (uint64_t)small->n + main->n ||
           small->bytes * SMALL_SHARE > small->bytes + main->bytes;
}

static void requeue(struct index *ix, struct entry *entry, enum queue_kind kind)
{
    dequeue(ix, entry);
    enqueue(ix, entry, kind);
}

static void remember(struct index *ix, const struct entry *entry)
{
    *ghost_of(ix, entry->id) =
        (struct ghost){(uint32_t)entry->id.w[1] | 1, ++ix->ghost_clock};
}

struct entry *index_victim(struct index *ix)
{
    /* Each entry can be sent round four times at most before one has to go. */
    uint64_t most = 5 * (uint64_t)ix->entry_n + 8;

    for (; most > 0; most--) {
        bool from_small = ix->queues[QUEUE_SMALL].n && small_is_large(ix);
        enum queue_kind kind = from_small || !ix->queues[QUEUE_MAIN].n ? QUEUE_SMALL : QUEUE_MAIN;
        struct queue *queue = &ix->queues[kind];

        if (queue->n == 0) {
            return NULL;
        }
        struct entry *entry = entry_at(ix, queue->oldest);
        if (entry->fetch_serial) {
            requeue(ix, entry, kind);
        } else if (kind == QUEUE_SMALL && entry->frequency > 0) {
            entry->frequency = 0;
            requeue(ix, entry, QUEUE_MAIN);
        } else if (kind == QUEUE_MAIN && entry->frequency > 0) {
            entry->frequency--;
            requeue(ix, entry, QUEUE_MAIN);
        } else {
            if (kind == QUEUE_SMALL) {
                remember(ix, entry);
            }
            return entry;
        }
    }
    return NULL;
}

struct entry *index_next(struct index *ix, uint32_t *at)
{
    while (*at < ix->entry_max) {
        struct entry *entry = entry_at(ix, ++*at);

        if (entry->queue != QUEUE_NONE) {
            return entry;
        }
    }
    return NULL;
}
