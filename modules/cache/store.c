/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - a zone's life, looking up, fetches, removing. See store.h. */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shared.h"
#include "words.h"

#define ACTIVE 1024               /* slots of the table of what is lent to this worker */
#define OBJECT_MEMORY_SHARE 16    /* no copy in memory takes more than this part of it */
#define OBJECT_MEMORY_MOST (1u << 20)
#define PROMOTE_USES 2            /* uses from which on a file's content is held in memory */

/* ---- opening ---- */

static const char *read_levels(struct store *store)
{
    weir_str text = store->conf.levels;

    for (size_t i = 0; i < text.n; i += 2) {
        bool is_digit = text.p[i] >= '1' && text.p[i] <= '2';

        if (!is_digit || store->level_n == STORE_LEVELS || (i + 1 < text.n && text.p[i + 1] != ':')) {
            return "expected one to three times 1 or 2, as in \"1:2\"";
        }
        store->levels[store->level_n++] = (uint8_t)(text.p[i] - '0');
    }
    return NULL;
}

static uint64_t align(uint64_t n)
{
    return (n + 4095) & ~UINT64_C(4095);
}

/* Divides the memory: with files half of it is for the index, else an eighth, since each object is in
 * it with its body. */
static void lay_out(struct store *store, bool is_fresh)
{
    char *base = weir_zone_at(store->zone);
    uint64_t shared_n = align(sizeof(struct shared));
    uint64_t left = store->conf.memory - shared_n;
    uint64_t share = left / (store->conf.path.n ? 2 : 8);
    uint32_t entries = (uint32_t)(share / (index_bytes(1000) / 1000));
    uint64_t index_n = align(index_bytes(entries));

    store->shared = (struct shared *)base;
    store->index = (struct index *)(base + shared_n);
    store->blocks = (struct blocks *)(base + shared_n + index_n);
    left -= index_n;
    uint32_t blocks = (uint32_t)(left / (BLOCK_SIZE + 1)) - 16;
    while (blocks_overhead(blocks) + (uint64_t)blocks * BLOCK_SIZE > left) {
        blocks--;
    }
    if (is_fresh) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        memset(store->shared, 0, sizeof(*store->shared));
        index_init(store->index, entries,
                   (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 16);
        blocks_init(store->blocks, blocks);
        store->shared->is_loading = store->conf.path.n > 0;
    }
    uint64_t most = (uint64_t)store->blocks->n * BLOCK_SIZE / OBJECT_MEMORY_SHARE;
    store->object_memory_max = store->conf.path.n == 0            ? most * 4
                               : most < OBJECT_MEMORY_MOST ? most : OBJECT_MEMORY_MOST;
}

const char *store_open(struct store *store, weir_cfg *cfg, const char **opt)
{
    uint32_t version = (uint32_t)checksum_of(store->conf.path.p, store->conf.path.n);
    const char *wrong = read_levels(store);

    *opt = "levels";
    store->dir_fd = -1;
    if (wrong) {
        return wrong;
    }
    *opt = "memory";
    store->zone = weir_cfg_zone(cfg, store->conf.name.p, store->conf.memory, STORE_LAYOUT, version);
    if (!store->zone) {
        return ""; /* reported */
    }
    *opt = "path";
    if (store->conf.path.n) {
        int rc = disk_open(store);

        if (rc < 0) {
            return strerror(-rc);
        }
    }
    bool is_fresh = weir_zone_is_fresh(store->zone);
    lay_out(store, is_fresh);
    if (is_fresh) {
        purge_load(store);
    }
    return NULL;
}

void store_worker_start(struct store *store)
{
    store_lock(store);
    loans_of_the_dead(store);
    store->me = 0;
    while (store->me < BORROWERS && store->shared->borrowers[store->me].pid) {
        store->me++;
    }
    if (store->me < BORROWERS) {
        store->shared->borrowers[store->me] = (struct borrower){.pid = getpid()};
    }
    store_unlock(store);
}

void store_lock(struct store *store)
{
    if (weir_zone_lock(store->zone, 0) == WEIR_GONE) {
        memory_repair(store);
        weir_log(WEIR_LOG_WARN, NULL, "cache %s: a worker died in the middle of a change: the index "
                 "is made anew", store->conf.name.p);
    }
}

void store_unlock(struct store *store)
{
    weir_zone_unlock(store->zone, 0);
}

uint64_t store_serial(struct store *store)
{
    uint64_t now = (uint64_t)weir_wall_ms() * 1000;

    store_lock(store);
    store->shared->last_serial =
        now > store->shared->last_serial ? now : store->shared->last_serial + 1;
    now = store->shared->last_serial;
    store_unlock(store);
    return now;
}

void store_stat(struct store *store, struct store_stat *stat)
{
    struct shared *shared = store->shared;
    struct entry *entry;
    uint32_t at = 0;

    store_lock(store);
    *stat = (struct store_stat){.bytes = index_total(store->index),
                                .memory_free = (uint64_t)store->blocks->free_n * BLOCK_SIZE,
                                .memory_all = (uint64_t)store->blocks->n * BLOCK_SIZE,
                                .files_loaded = shared->loaded,
                                .hits = shared->hits,
                                .misses = shared->misses,
                                .evicted = shared->evicted,
                                .refused = shared->refused,
                                .is_loading = shared->is_loading};
    while ((entry = index_next(store->index, &at))) {
        stat->objects += entry->serial != 0;
    }
    store_unlock(store);
}

void store_count(struct store *store, bool is_hit, bool is_miss)
{
    if (is_hit) {
        atomic_fetch_add_explicit(&store->shared->hits, 1, memory_order_relaxed);
    } else if (is_miss) {
        atomic_fetch_add_explicit(&store->shared->misses, 1, memory_order_relaxed);
    }
}

/* ---- what is lent ---- */

static struct held *active[ACTIVE]; /* by the block that it is in */
static struct held *free_held;

static struct held *held_create(struct store *store)
{
    struct held *held = free_held;

    if (held) {
        free_held = held->next_free;
    } else if (!(held = malloc(sizeof(*held)))) {
        return NULL;
    }
    *held = (struct held){.store = store, .refs = 1, .fd = -1, .is_verified = true};
    return held;
}

void held_retain(struct held *held)
{
    held->refs++;
}

static struct held **active_slot(const struct store *store, uint32_t handle)
{
    struct held **at = &active[handle % ACTIVE];

    while (*at && ((*at)->hot != handle || (*at)->store != store)) {
        at = &(*at)->next_free;
    }
    return at;
}

void held_release(void *arg)
{
    struct held *held = arg;
    struct store *store = held->store;

    if (--held->refs > 0) {
        return;
    }
    if (held->hot) {
        struct held **at = active_slot(store, held->hot);

        *at = held->next_free;
        store_lock(store);
        loan_return(store, held->hot, held->place);
        store_unlock(store);
    }
    if (held->fd >= 0) {
        close(held->fd);
    }
    free(held->record);
    held->next_free = free_held;
    free_held = held;
}

/* The lock is held. NULL: too many loans are out. */
static struct held *borrow(struct store *store, uint32_t handle, struct id id)
{
    struct held **at = active_slot(store, handle);

    if (*at) {
        struct hot *hot = hot_at(store, handle);

        /* Borrowed while it was coming in, when its record did not say yet how long it is. */
        if (atomic_load(&hot->state) == HOT_WHOLE) {
            object_view(hot_record(hot), &(*at)->object);
        }
        held_retain(*at);
        return *at;
    }
    struct held *held = held_create(store);
    if (!held || !loan_take(store, handle, &held->place)) {
        if (held) {
            held_release(held);
        }
        return NULL;
    }
    held->hot = handle;
    held->id = id;
    held->next_free = NULL;
    *at = held;
    object_view(hot_record(hot_at(store, handle)), &held->object);
    return held;
}

/* The file in which a growing body is, if it is not in memory. */
static bool open_growing(struct held *held)
{
    struct hot *hot = hot_at(held->store, held->hot);
    struct object object;
    uint64_t size;
    int64_t changed;

    if (held->fd >= 0) {
        return true;
    }
    held->fd = disk_open_aside(held->store, hot->serial, hot->writer);
    if (held->fd >= 0) {
        return true;
    }
    held->fd = disk_open_object(held->store, hot->id); /* it has its name by now */
    char *record = held->fd < 0 ? NULL : disk_read_record(held->fd, &object, &size, &changed);
    bool is_it = record && object.serial == hot->serial;
    free(record);
    if (!is_it && held->fd >= 0) {
        close(held->fd);
        held->fd = -1;
    }
    return is_it;
}

static void send_file(struct held *held, weir_chain *chain, uint64_t first, uint64_t n)
{
    held_retain(held);
    weir_chain_add_file(chain, held->fd, first, n, held_release, held);
}

void held_send(struct held *held, weir_chain *chain, uint64_t first, uint64_t n)
{
    struct store *store = held->store;

    if (!held->hot || atomic_load(&hot_at(store, held->hot)->in_file)) {
        send_file(held, chain, first, n);
        return;
    }
    struct hot *hot = hot_at(store, held->hot);
    const struct extent *extent = &hot->extent;
    const char *data = hot_record(hot) + hot->record_n;
    while (n > 0) {
        if (first < extent->room) {
            uint64_t part = extent->room - first < n ? extent->room - first : n;

            held_retain(held);
            weir_chain_add_ref(chain, data + first, part, held_release, held);
            first += part;
            n -= part;
        }
        first -= extent->room;
        if (n > 0) {
            extent = blocks_at(store->blocks, extent->next);
            data = (const char *)(extent + 1);
        }
    }
}

bool held_check_body(const struct held *held)
{
    return disk_check_body(held->fd, &held->object);
}

void held_checked(struct held *held, bool is_right)
{
    struct store *store = held->store;

    if (!is_right) {
        weir_log(WEIR_LOG_WARN, NULL, "cache %s: a damaged file is removed, and fetched again: "
                 "%.*s", store->conf.name.p, (int)held->object.url.n, held->object.url.p);
        store->shared->refused++;
        store_remove(store, held->id);
        return;
    }
    held->is_verified = true;
    store_lock(store);
    struct entry *entry = index_find(store->index, held->id);
    if (entry && entry->serial == held->object.serial) {
        entry->changed_ns = held->changed_ns;
    }
    store_unlock(store);
}

/* ---- variants ---- */

struct id variants_id(struct id primary)
{
    return (struct id){{primary.w[0] ^ UINT64_C(0x7661726961746573), ~primary.w[1]}};
}

/* The texts are in a record: the lists, each with a newline behind it. */
void variants_add(struct store *store, struct id primary, weir_str names)
{
    struct id id = variants_id(primary);
    struct entry *entry = index_find(store->index, id);
    struct entry *plain = index_find(store->index, primary);

    if (!entry) {
        entry = entry_make(store, id, primary);
    }
    if (!entry) {
        return;
    }
    if (!entry->hot) {
        entry->fetch_serial = 1; /* it must not go while room is made for its text */
        entry->hot = hot_create(store, VARIANT_TEXT, 0);
        entry->fetch_serial = 0;
        if (!entry->hot) {
            entry_drop(store, entry);
            return;
        }
        memset(hot_record(hot_at(store, entry->hot)), 0, VARIANT_TEXT);
        entry->flags = ENTRY_VARIANTS;
        index_set_bytes(store->index, entry, VARIANT_TEXT);
    }
    plain = index_find(store->index, primary); /* making room may have moved it */
    if (plain) {
        plain->flags |= ENTRY_HAS_VARIANTS;
    }
    char *text = hot_record(hot_at(store, entry->hot)), *at = text;
    for (size_t n = 0; *at; n++) {
        size_t length = strcspn(at, "\n");

        if (word_is((weir_str){at, length}, names)) {
            return;
        }
        at += length + 1;
        if (n + 2 > VARIANT_LISTS) {
            at = text; /* the oldest lists make room: their objects are not found any more */
            memset(text, 0, VARIANT_TEXT);
        }
    }
    if ((size_t)(at - text) + names.n + 2 > VARIANT_TEXT) {
        at = text;
        memset(text, 0, VARIANT_TEXT);
    }
    memcpy(at, names.p, names.n);
    at[names.n] = '\n';
}

size_t store_variants(struct store *store, struct id primary, weir_str lists[VARIANT_LISTS],
                      char text[VARIANT_TEXT])
{
    size_t n = 0;

    text[0] = '\0';
    store_lock(store);
    struct entry *entry = index_find(store->index, variants_id(primary));
    if (entry && entry->hot) {
        index_touch(entry);
        memcpy(text, hot_record(hot_at(store, entry->hot)), VARIANT_TEXT);
        entry->used_s = (uint32_t)(weir_wall_ms() / 1000);
    }
    store_unlock(store);
    text[VARIANT_TEXT - 1] = '\0';
    for (char *at = text; *at && n < VARIANT_LISTS;) {
        size_t length = strcspn(at, "\n");

        lists[n++] = (weir_str){at, length};
        at += length + 1;
    }
    return n;
}

/* ---- looking up ---- */

static void note_use(struct entry *entry)
{
    index_touch(entry);
    entry->used_s = (uint32_t)(weir_wall_ms() / 1000);
    entry->uses++;
    entry->hot_used = 1;
}

/* Reads a body that was asked for more than once into memory. */
static void promote(struct store *store, struct held *held)
{
    const struct object *object = &held->object;
    size_t record_n = object_record_size(object);
    uint64_t n = object->body_n;

    if (n > store->object_memory_max) {
        return;
    }
    store_lock(store);
    uint32_t handle = hot_create(store, record_n, n);
    uint32_t place;
    bool is_lent = handle && loan_take(store, handle, &place);
    store_unlock(store);
    if (!is_lent) {
        if (handle) {
            store_lock(store);
            hot_unref(store, handle);
            store_unlock(store);
        }
        return;
    }
    struct hot *hot = hot_at(store, handle);
    object_encode(object, hot_record(hot));
    struct extent *extent = &hot->extent;
    char *data = hot_record(hot) + record_n;
    struct checksum sum;
    checksum_start(&sum);
    for (uint64_t at = 0; at < n;) {
        size_t part = extent->room < n - at ? extent->room : (size_t)(n - at);

        if (part && pread(held->fd, data, part, (off_t)at) != (ssize_t)part) {
            break;
        }
        checksum_add(&sum, data, part);
        at += part;
        if (at < n) {
            extent = blocks_at(store->blocks, extent->next);
            data = (char *)(extent + 1);
        }
    }
    bool is_right = checksum_end(&sum) == object->body_check;
    hot->body_n = n;
    hot->length = (int64_t)n;
    hot->serial = object->serial;
    hot->id = held->id;
    hot->state = HOT_WHOLE;
    store_lock(store);
    struct entry *entry = index_find(store->index, held->id);
    if (is_right && entry && entry->serial == object->serial && !entry->hot) {
        entry->hot = handle; /* takes the reference that it was made with */
    } else {
        hot_unref(store, handle);
    }
    loan_return(store, handle, place);
    store_unlock(store);
}

/* An object in a file that the index does not know, or knows. */
static void note_file(struct store *store, struct held *held, uint64_t size)
{
    struct id primary = id_of(held->object.key, (weir_str){NULL, 0});

    store_lock(store);
    struct entry *entry = index_find(store->index, held->id);
    if (!entry) {
        entry = entry_make(store, held->id, primary);
    }
    if (entry && entry->serial == 0) {
        entry->serial = held->object.serial;
        entry->flags |= ENTRY_ON_DISK;
        index_set_bytes(store->index, entry, size);
        note_use(entry);
        if (held->object.names.n) {
            variants_add(store, primary, held->object.names);
        }
    }
    store_unlock(store);
}

/* `serial` 0: the index does not know it. */
static struct held *open_file(struct store *store, struct id id, uint64_t serial, int64_t changed_ns,
                              bool is_wanted)
{
    struct held *held = serial ? open_files_find(store, id, serial, changed_ns) : NULL;
    bool is_known = serial != 0;
    uint64_t size;

    if (held) {
        return held;
    }
    held = held_create(store);
    if (!held) {
        return NULL;
    }
    held->id = id;
    held->fd = disk_open_object(store, id);
    held->record =
        held->fd < 0 ? NULL : disk_read_record(held->fd, &held->object, &size, &held->changed_ns);
    if (!held->record) {
        if (held->fd >= 0) {
            weir_log(WEIR_LOG_WARN, NULL, "cache %s: a damaged file is removed", store->conf.name.p);
            store->shared->refused++;
            store_remove(store, id);
            disk_unlink(store, id);
        } else if (is_known) {
            store_remove(store, id); /* somebody has removed the file */
        }
        held_release(held);
        return NULL;
    }
    held->is_verified = held->changed_ns == changed_ns;
    if (!is_known) {
        note_file(store, held, size);
    } else if (held->is_verified && held->object.body_n > store->object_memory_max) {
        open_files_keep(held);
    } else if (is_wanted && held->is_verified) {
        promote(store, held);
    }
    return held;
}

/* Holds it against rules that are younger than it. */
static struct held *unless_purged(struct store *store, struct held *held, struct id primary)
{
    enum purged purged = PURGED_NOT;

    store_lock(store);
    if (purge_may_apply(store, held->object.serial)) {
        purged = purge_applies(store, held->object.serial, primary, &held->object);
    }
    store_unlock(store);
    held->is_soft_purged = held->is_soft_purged || purged == PURGED_SOFT;
    if (purged == PURGED_HARD) {
        store_remove(store, held->id);
        held_release(held);
        return NULL;
    }
    return held;
}

struct held *store_lookup(struct store *store, struct id id, weir_str key, weir_str values,
                          bool *has_variants)
{
    struct shared *shared = store->shared;
    struct held *held = NULL;
    int64_t changed_ns = 0;
    uint64_t serial = 0;
    bool on_disk = false, is_wanted = false, may_be_purged = false, is_soft_purged = false;

    store_lock(store);
    struct entry *entry = index_find(store->index, id);
    bool is_known = entry && entry->serial;
    if (is_known) {
        note_use(entry);
        held = entry->hot ? borrow(store, entry->hot, id) : NULL;
        on_disk = entry->flags & ENTRY_ON_DISK;
        changed_ns = entry->changed_ns;
        serial = entry->serial;
        is_wanted = entry->uses >= PROMOTE_USES && !entry->hot;
        may_be_purged = purge_may_apply(store, entry->serial);
        is_soft_purged = entry->flags & ENTRY_SOFT_PURGED;
    } else {
        on_disk = shared->is_loading && !(entry && entry->fetch_serial);
        may_be_purged = true;
    }
    *has_variants = entry ? entry->flags & ENTRY_HAS_VARIANTS
                          : values.n == 0 && index_find(store->index, variants_id(id)) != NULL;
    store_unlock(store);
    if (!held && on_disk) {
        held = open_file(store, id, serial, changed_ns, is_wanted);
    }
    if (held && (!word_is(held->object.key, key) || !word_is(held->object.values, values))) {
        held_release(held);
        return NULL;
    }
    if (held) {
        held->is_soft_purged = is_soft_purged;
    }
    if (held && may_be_purged) {
        held = unless_purged(store, held, id_of(key, (weir_str){NULL, 0}));
    }
    return held;
}

/* ---- fetches ---- */

enum fetch_role store_fetch_begin(struct store *store, struct id id, uint64_t serial,
                                  int64_t until_ms, uint32_t min_uses)
{
    int64_t now_ms = weir_wall_ms();
    enum fetch_role role = FETCH_PASS;

    store_lock(store);
    struct entry *entry = index_find(store->index, id);
    if (!entry) {
        entry = entry_make(store, id, id);
    }
    if (entry && entry->serial == 0) {
        entry->uses++;
        entry->used_s = (uint32_t)(now_ms / 1000);
    }
    if (!entry || (entry->serial == 0 && entry->uses < min_uses)) {
        role = FETCH_PASS;
    } else if (entry->fetch_serial && entry->fetch_until_ms > now_ms) {
        role = FETCH_FOLLOW;
    } else if (entry->pass_until_ms > now_ms) {
        role = FETCH_ALONE;
    } else {
        if (entry->fetch_hot) { /* of somebody who has died over it */
            hot_unref(store, entry->fetch_hot);
            entry->fetch_hot = 0;
        }
        entry->fetch_serial = serial;
        entry->fetch_until_ms = until_ms;
        role = FETCH_LEAD;
    }
    store_unlock(store);
    return role;
}

void store_fetch_end(struct store *store, struct id id, uint64_t serial, int64_t pass_until_ms)
{
    store_lock(store);
    struct entry *entry = index_find(store->index, id);
    if (entry && entry->fetch_serial == serial) {
        if (entry->fetch_hot) {
            hot_unref(store, entry->fetch_hot);
        }
        entry->fetch_hot = 0;
        entry->fetch_serial = 0;
        entry->pass_until_ms = pass_until_ms;
    }
    store_unlock(store);
}

enum follow store_follow(struct store *store, struct id id, struct held **held)
{
    enum follow follow = FOLLOW_OVER;

    *held = NULL;
    store_lock(store);
    struct entry *entry = index_find(store->index, id);
    if (entry && entry->fetch_serial && entry->fetch_until_ms > weir_wall_ms()) {
        follow = FOLLOW_WAIT;
        if (entry->fetch_hot) {
            *held = borrow(store, entry->fetch_hot, id);
            follow = *held ? FOLLOW_BODY : FOLLOW_OVER;
        }
    }
    store_unlock(store);
    return follow;
}

enum growth held_growth(const struct held *held, uint64_t *body_n)
{
    struct hot *hot = hot_at(held->store, held->hot);
    uint32_t state = atomic_load(&hot->state); /* before the count, which may grow meanwhile */

    *body_n = atomic_load(&hot->body_n);
    if (atomic_load(&hot->in_file) && !open_growing((struct held *)(uintptr_t)held)) {
        return GROWTH_FAILED;
    }
    return state == HOT_WHOLE ? GROWTH_WHOLE : state == HOT_FAILED ? GROWTH_FAILED : GROWTH_MORE;
}

int64_t held_length(const struct held *held)
{
    const struct hot *hot = hot_at(held->store, held->hot);

    if (atomic_load(&hot->state) == HOT_WHOLE) {
        return (int64_t)atomic_load(&hot->body_n);
    }
    return hot->length;
}

/* ---- removing ---- */

void store_remove(struct store *store, struct id id)
{
    store_lock(store);
    struct entry *entry = index_find(store->index, id);
    if (entry && entry->fetch_serial) { /* others wait at it: only what is stored goes */
        uint32_t hot = entry->hot;

        entry->hot = 0;
        entry->serial = 0;
        if (hot) {
            hot_unref(store, hot);
        }
        if (entry->flags & ENTRY_ON_DISK) {
            disk_unlink(store, id);
            entry->flags &= (uint8_t)~ENTRY_ON_DISK;
        }
        index_set_bytes(store->index, entry, 0);
    } else if (entry) {
        entry_drop(store, entry);
    }
    store_unlock(store);
}

void store_invalidate(struct store *store, struct id primary)
{
    char digits[ID_TEXT];

    store_lock(store);
    bool has_variants = index_find(store->index, variants_id(primary)) != NULL;
    struct entry *entry = index_find(store->index, primary);
    bool is_fetched = entry && entry->fetch_serial;
    bool is_loading = store->shared->is_loading;
    store_unlock(store);
    store_remove(store, primary);
    if (has_variants || is_fetched || is_loading) {
        /* What is under way, and what is not known here, must not be used either. */
        id_format(primary, digits);
        store_purge(store, PURGE_PRIMARY, (weir_str){digits, 16}, false);
    }
}
