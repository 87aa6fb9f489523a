/* SPDX-License-Identifier: Apache-2.0 */
/* shared.h - what the files of the store share, and nobody else: the layout of zone memory. */
#ifndef CACHE_SHARED_H
#define CACHE_SHARED_H

#include <stdatomic.h>

#include "store.h"

#define BORROWERS 32   /* workers of one generation and the one that drains */
#define LOANS 1024     /* copies in memory that a worker can be sending from at a time */
#define PURGES 64
#define PURGE_TEXT 492

/* A worker, and what it is using: if it dies, others give that back. */
struct borrower {
    int32_t pid;           /* 0: nobody */
    uint32_t loans[LOANS]; /* blocks; 0: none */
};

struct purge {
    uint64_t serial;
    uint8_t kind, is_soft;
    uint16_t n;
    char text[PURGE_TEXT];
};

struct shared {
    uint64_t last_serial;
    uint64_t index_at, blocks_at;  /* bytes from the zone's beginning */
    struct borrower borrowers[BORROWERS];
    /* Rules that were given, oldest first; purge_first is the number of the oldest that is kept. */
    struct purge purges[PURGES];
    uint64_t purge_first, purge_n;
    uint64_t swept;                /* rules before this number were applied to everything */
    /* Maintenance. */
    int32_t keeper;                /* the worker that does it */
    bool is_loading;               /* the index is not filled from the files yet */
    uint32_t sweep_at, hand;       /* where the rounds through the index are */
    uint64_t loaded;
    /* Counts; no lock. */
    _Atomic uint64_t hits, misses, evicted, refused;
};

enum hot_state {
    HOT_GROWING,
    HOT_WHOLE,
    HOT_FAILED
};

/* Memory behind the head of a piece. */
struct extent {
    uint32_t next; /* handle; 0: the last */
    uint32_t room; /* bytes of body in it */
};

/* A copy in memory: this, the record, the first bytes of the body; further pieces behind `next`. */
struct hot {
    _Atomic uint32_t refs;     /* the index's, the fetch's, and one per loan */
    _Atomic uint32_t state;
    _Atomic uint64_t body_n;   /* bytes that can be read */
    _Atomic uint32_t in_file;  /* they are in the file of that serial, all of them */
    uint32_t record_n;
    int64_t length;            /* announced; -1 */
    uint64_t serial;
    struct id id;
    int32_t writer;            /* process that fills it; its file aside is named so */
    uint32_t bytes;            /* of all pieces */
    uint32_t last;             /* the piece that is being filled: the writer's */
    struct extent extent;
};

static inline struct hot *hot_at(struct store *store, uint32_t handle)
{
    return blocks_at(store->blocks, handle);
}

static inline char *hot_record(struct hot *hot)
{
    return (char *)(hot + 1);
}

/* Takes the zone's lock, and repairs what a dead owner left. */
void store_lock(struct store *store);
void store_unlock(struct store *store);

/* ---- memory.c; the lock is held ---- */

/* Pieces for `bytes` of record and body, one reference; makes room by dropping other copies (or, in
 * a zone without files, other objects). 0: it does not fit. */
uint32_t hot_create(struct store *store, size_t record_n, uint64_t body_n);
/* More room at its end. */
bool hot_grow(struct store *store, struct hot *hot, uint64_t n);
void hot_unref(struct store *store, uint32_t handle);
/* The loan of a reference that is noted for this worker. False: too many are out. */
bool loan_take(struct store *store, uint32_t handle, uint32_t *place);
void loan_return(struct store *store, uint32_t handle, uint32_t place);
/* True: somebody was dead. */
bool loans_of_the_dead(struct store *store);
void memory_repair(struct store *store);
/* Lets go of one object, the one that the policy chooses; its file goes, too. */
bool evict_one(struct store *store);
/* Removes an entry with all that it holds, its file included. */
void entry_drop(struct store *store, struct entry *entry);
struct entry *entry_make(struct store *store, struct id id, struct id primary);
/* Responses of this key vary by these names, too. */
void variants_add(struct store *store, struct id primary, weir_str names);
struct id variants_id(struct id primary);

/* ---- disk.c: no lock ---- */

/* Opens the folder. -errno. */
int disk_open(struct store *store);
/* A file for writing, aside. -errno. */
int disk_create(struct store *store, uint64_t serial, uint64_t length);
/* Gives it its name; *changed_ns is its ctime then. 0 or -errno. */
int disk_commit(struct store *store, uint64_t serial, struct id id, int fd, int64_t *changed_ns);
void disk_discard(struct store *store, uint64_t serial);
void disk_unlink(struct store *store, struct id id);
/* The file of an object, or one that is being written (`serial`). -errno. */
int disk_open_object(struct store *store, struct id id);
int disk_open_aside(struct store *store, uint64_t serial, int32_t writer);
/* Reads the last record of a file. NULL: it is not whole; the caller frees it. */
char *disk_read_record(int fd, struct object *object, uint64_t *size, int64_t *changed_ns);
bool disk_check_body(int fd, const struct object *object);
/* One that is still there, and was not written since? */
bool disk_is_unchanged(int fd, int64_t changed_ns);
/* A part of the files, for the index; false: all were seen. Calls `found` for each. */
typedef void disk_found_fn(struct store *store, struct id id, const struct object *object,
                           uint64_t size);
bool disk_walk(struct store *store, unsigned most, disk_found_fn *found);
/* Removes what nobody is writing any more. */
void disk_clean_aside(struct store *store);
uint64_t disk_free_bytes(struct store *store);
bool disk_write(int fd, const void *p, size_t n, uint64_t at);

/* ---- open_files.c: no lock ---- */

/* The object of that serial, if its file is open here and was not changed since. The caller releases it. */
struct held *open_files_find(struct store *store, struct id id, uint64_t serial, int64_t changed_ns);
/* Keeps it open for the next one. */
void open_files_keep(struct held *held);
/* Closes what is not stored any more, and what nobody asks for. */
void open_files_tidy(struct store *store);

/* ---- purge.c; the lock is held ---- */

enum purged {
    PURGED_NOT,
    PURGED_SOFT,
    PURGED_HARD
};
enum purged purge_applies(struct store *store, uint64_t serial, struct id primary,
                          const struct object *object);
/* Is there a rule that is younger than this serial? */
bool purge_may_apply(const struct store *store, uint64_t serial);
void purge_load(struct store *store);
void purge_swept(struct store *store);

#endif
