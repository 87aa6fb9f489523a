/* SPDX-License-Identifier: Apache-2.0 */
/* index.h - what is stored, and what goes when there is no room: a table of entries in a zone.
 *
 * The policy is S3-FIFO (Yang et al., 2023): what is new enters a small queue and leaves it soon
 * unless it is asked for again; then it goes to the main queue, in which entries that were used get
 * further rounds. What left the small queue is remembered for a while by a fingerprint: if it comes
 * back it enters the main queue at once. So a scan does not push out what is used, and a hit moves
 * nothing. The caller holds the zone's lock. */
#ifndef CACHE_INDEX_H
#define CACHE_INDEX_H

#include "hash.h"

enum queue_kind {
    QUEUE_NONE,
    QUEUE_SMALL,
    QUEUE_MAIN
};

struct entry {
    struct id id;
    uint64_t primary;      /* of the key without a variant: all of a URL's have the same */
    uint64_t serial;       /* of what is stored; 0: nothing is */
    uint64_t bytes;        /* what it counts for */
    int64_t changed_ns;    /* its file's ctime when it was last known to be right; 0: not known */
    uint64_t fetch_serial; /* somebody is fetching it; 0: nobody */
    int64_t fetch_until_ms;
    int64_t pass_until_ms; /* not storable, as was seen: nobody need wait for a fetch */
    uint32_t hot;          /* block of its copy in memory; 0: none */
    uint32_t fetch_hot;    /* of what is being fetched; 0: no head yet */
    uint32_t used_s;       /* last use, seconds of the wall clock */
    uint32_t uses;
    uint32_t next;         /* same bucket; number + 1 */
    uint32_t newer, older; /* in its queue */
    uint8_t queue;         /* enum queue_kind */
    uint8_t frequency;     /* uses since it was last looked at, at most 3 */
    uint8_t flags;         /* ENTRY_* */
    uint8_t hot_used;      /* the copy in memory was, since it was last looked at */
};

enum {
    ENTRY_HAS_VARIANTS = 1, /* the URL's variants are listed under index_variants_id() */
    ENTRY_VARIANTS = 2,     /* this is such a list */
    ENTRY_SOFT_PURGED = 4,  /* to be validated before it is used */
    ENTRY_ON_DISK = 8
};

struct queue {
    uint32_t newest, oldest; /* number + 1 */
    uint32_t n;
    uint64_t bytes;
};

struct index {
    uint32_t entry_max, bucket_n, ghost_n;
    uint32_t free_first;      /* number + 1 */
    uint32_t entry_n;
    uint64_t salt;
    struct queue queues[3];   /* by queue_kind */
    uint32_t ghost_clock;     /* how many entries have left the small queue */
    uint64_t entries_at, buckets_at, ghosts_at; /* bytes behind the struct's beginning */
};

/* Bytes for `entries` of them. */
size_t index_bytes(uint32_t entries);
void index_init(struct index *ix, uint32_t entries, uint64_t salt);

struct entry *index_find(struct index *ix, struct id id);
/* A new one, at the end that its history deserves. NULL: evict something first. */
struct entry *index_add(struct index *ix, struct id id);
void index_remove(struct index *ix, struct entry *entry);
void index_set_bytes(struct index *ix, struct entry *entry, uint64_t bytes);

static inline void index_touch(struct entry *entry)
{
    entry->frequency += entry->frequency < 3;
}

/* Chooses what goes next, and remembers it in case it comes back; the caller removes it. Entries
 * that are being fetched stay. NULL: there is none that may go. */
struct entry *index_victim(struct index *ix);

static inline uint64_t index_total(const struct index *ix)
{
    return ix->queues[QUEUE_SMALL].bytes + ix->queues[QUEUE_MAIN].bytes;
}

/* Goes through all entries: `*at` begins with 0 and is the caller's to keep, so that it may be done bit by
 * bit. NULL: that was all. */
struct entry *index_next(struct index *ix, uint32_t *at);

#endif
