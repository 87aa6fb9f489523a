/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - one zone: what is stored, in memory that all workers share and in files.
 *
 * Zone memory holds the index, and copies of what is small and asked for; hits on those are sent
 * from there as they lie. Files are written aside and renamed when they are whole. A worker that is
 * killed leaves nothing wrong: what it held in memory is given back by the others, what it was
 * writing is removed, and an index in the middle of a change is emptied and filled from the files.
 *
 * Objects are found by id_of(key, values); the whole key is compared, too. */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include <weir/module.h>

#include "cache_status.h"
#include "blocks.h"
#include "hash.h"
#include "index.h"
#include "object.h"

#define STORE_LEVELS 3
#define STORE_LAYOUT 1 /* of zone memory: to be raised whenever a struct in it changes */

struct store_conf {
    weir_str name;
    weir_str path;              /* empty: memory only */
    weir_str levels;            /* "1:2" */
    uint64_t memory, max_size, min_free, inactive_ms;
    bool sync;                  /* fsync before a file counts */
};

struct shared;

struct store {
    struct store *next;
    struct store_conf conf;
    weir_zone *zone;
    struct shared *shared;      /* at the zone's beginning */
    struct index *index;
    struct blocks *blocks;
    int dir_fd;                 /* -1: memory only */
    uint8_t levels[STORE_LEVELS];
    uint8_t level_n;
    uint32_t me;                /* this worker's place among the borrowers */
    uint64_t object_memory_max; /* larger bodies are kept in files only */
    int64_t full_logged_ms;     /* when a full disk was last complained of */
    uint32_t results[CACHE_WORDS]; /* metrics: requests by $upstream_cache_status */
};

/* What a lookup found: a record and a body, in memory or in a file, kept while anybody holds it. */
struct held {
    struct store *store;
    struct held *next_free;
    uint32_t refs;
    struct id id;
    uint32_t hot;               /* in memory; 0: in a file */
    uint32_t place;             /* where the loan is noted */
    int fd;
    char *record;               /* of a file: the heap's */
    int64_t changed_ns;         /* of a file */
    struct object object;
    bool is_soft_purged;
    bool is_verified;           /* false: the body's checksum has to be looked at first */
};

/* ---- the zone ---- */

/* commit(): reads `levels` and opens folder and zone. NULL: all is well, else what is wrong, with
 * the option's name in *opt. */
const char *store_open(struct store *store, weir_cfg *cfg, const char **opt);
/* In a worker: takes a place among the borrowers; gives back what dead ones held. */
void store_worker_start(struct store *store);
/* Called a few times a second in each worker: one of them does what is due, for a millisecond or
 * two: fills the index from files, lets go of what nobody asked for, makes room on a full disk. True:
 * there is more to do. */
bool store_maintain(struct store *store);

struct store_stat {
    uint64_t objects, bytes, memory_free, memory_all, files_loaded;
    uint64_t hits, misses, evicted, refused; /* refused: damaged or foreign files */
    bool is_loading;
};
void store_stat(struct store *store, struct store_stat *stat);

/* A response was made of what is stored; or the origin was asked where that might have been. */
void store_count(struct store *store, bool is_hit, bool is_miss);

/* Microseconds since 1970, and larger than any before. */
uint64_t store_serial(struct store *store);

/* ---- looking up ---- */

/* The object, or NULL. *has_variants: the URL has others, see store_variants(). */
struct held *store_lookup(struct store *store, struct id id, weir_str key, weir_str values,
                          bool *has_variants);
/* The lists of names by which responses of this key vary: up to VARIANT_LISTS, in `lists`, whose
 * texts are in `text`. Returns how many. */
#define VARIANT_LISTS 4
#define VARIANT_TEXT 1024
size_t store_variants(struct store *store, struct id primary, weir_str lists[VARIANT_LISTS],
                      char text[VARIANT_TEXT]);

void held_retain(struct held *held);
void held_release(void *held);
/* Adds `n` bytes of the body from `first` on to a chain, which holds it as long as it needs it. */
void held_send(struct held *held, weir_chain *chain, uint64_t first, uint64_t n);
/* Reads the body and compares its checksum. May take long; touches nothing but the file, so that it
 * may run on another thread. */
bool held_check_body(const struct held *held);
/* It was right, or was not: then it is removed. */
void held_checked(struct held *held, bool is_right);

/* ---- fetching: one does, others follow ---- */

enum fetch_role {
    FETCH_LEAD,    /* the caller fetches it; store_fetch_end() has to follow */
    FETCH_FOLLOW,  /* somebody else does */
    FETCH_ALONE,   /* not storable, as was seen not long ago: nobody waits, but it may be stored */
    FETCH_PASS     /* not asked for often enough yet */
};
/* `min_uses`: how often it has to be asked for before it is stored. `until_ms`: when others stop
 * believing in the fetch. */
enum fetch_role store_fetch_begin(struct store *store, struct id id, uint64_t serial,
                                  int64_t until_ms, uint32_t min_uses);
/* The fetch is over. pass_until_ms: the response cannot be stored, others need not wait for such a
 * fetch until then; 0: nothing was learned. */
void store_fetch_end(struct store *store, struct id id, uint64_t serial, int64_t pass_until_ms);

enum follow {
    FOLLOW_WAIT,   /* no head yet */
    FOLLOW_BODY,   /* *held is what is coming in */
    FOLLOW_OVER    /* nobody is fetching: look up again */
};
enum follow store_follow(struct store *store, struct id id, struct held **held);

/* How much of what is coming in has come, and is that all? */
enum growth {
    GROWTH_MORE,
    GROWTH_WHOLE,
    GROWTH_FAILED
};
enum growth held_growth(const struct held *held, uint64_t *body_n);
/* Its length as announced; -1: not known yet. */
int64_t held_length(const struct held *held);

/* ---- filling ---- */

struct fill;

/* Begins to store. `object`'s texts are copied. `length`: -1 when it is not known. `fetch`: the id
 * under which the fetch was begun, whose followers see it from now on. NULL: there is no room. */
struct fill *fill_create(struct store *store, const struct object *object, struct id fetch,
                         int64_t length, uint64_t max_object);
/* Takes body bytes. False: it cannot be stored; fill_abort() remains to be called. */
bool fill_add(struct fill *fill, const char *p, size_t n);
/* The same for `n` bytes of a stored body, from `first` on. */
bool fill_add_held(struct fill *fill, const struct held *held, uint64_t first, uint64_t n);
/* The body is whole: it counts from now on. Frees `fill`. */
bool fill_finish(struct fill *fill);
/* It will not be. Followers are cut off. Frees `fill`. */
void fill_abort(struct fill *fill);

/* The stored fields were updated (RFC 9111, 3.2): `object` has the new ones and the old body. */
void store_update(struct store *store, struct held *held, const struct object *object);

/* ---- removing ---- */

/* One object. */
void store_remove(struct store *store, struct id id);
/* All of a key's variants that were fetched before now. */
void store_invalidate(struct store *store, struct id primary);

enum purge_kind {
    PURGE_URL,
    PURGE_PREFIX,
    PURGE_TAG,
    PURGE_PRIMARY, /* of a key, as 16 hexadecimal digits */
    PURGE_WILDCARD /* an URL in which "*" is any text */
};
/* What an URL asks for: with "*" at its end, which is cut off, a prefix; with others a wildcard. */
enum purge_kind purge_kind_of(weir_str *url);
/* What was stored until now and fits is not used any more (`is_soft`: not without asking). It holds from
 * this moment; the memory and files are freed as maintenance goes through them. */
void store_purge(struct store *store, enum purge_kind kind, weir_str text, bool is_soft);

#endif
