/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c - objects that are coming in: what is small gathers in memory, what is not goes to a file
 * at once. Followers read either while it grows. See store.h and shared.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared.h"
#include "words.h"

#define COMPLAIN_MS 60000 /* a full disk is told of once in so long */

struct fill {
    struct store *store;
    struct object object; /* its texts are in the copy in memory, or in `texts` */
    struct id id, fetch, primary;
    uint32_t hot, place;
    int fd;               /* -1: in memory so far */
    int64_t length;
    uint64_t max_object;
    uint64_t n;           /* body bytes so far */
    struct extent *extent; /* where the next ones go */
    char *data;           /* of it */
    uint32_t used;        /* bytes of it */
    struct checksum sum;
};

static void complain(struct store *store, int error)
{
    int64_t now_ms = weir_wall_ms();

    if (now_ms - store->full_logged_ms > COMPLAIN_MS) {
        store->full_logged_ms = now_ms;
        weir_log(WEIR_LOG_ERROR, NULL, "cache %s: %s: %s: responses pass through without being stored",
                 store->conf.name.p, store->conf.path.p, strerror(error));
    }
}

/* ---- beginning ---- */

/* The copy in memory: the whole, or only its record when the body goes to a file. */
static bool make_hot(struct fill *fill, const struct object *object, bool in_memory)
{
    struct store *store = fill->store;
    size_t record_n = object_record_size(object);
    uint64_t body_n = in_memory && fill->length > 0 ? (uint64_t)fill->length : 0;

    if (record_n == 0) {
        return false;
    }
    store_lock(store);
    fill->hot = hot_create(store, record_n, body_n);
    bool is_lent = fill->hot && loan_take(store, fill->hot, &fill->place);
    if (fill->hot) {
        hot_unref(store, fill->hot); /* the loan's reference is the one that counts */
    }
    store_unlock(store);
    if (!is_lent) {
        return false;
    }
    struct hot *hot = hot_at(store, fill->hot);
    hot->serial = object->serial;
    hot->id = fill->id;
    hot->writer = getpid();
    hot->length = fill->length;
    object_encode(object, hot_record(hot));
    object_view(hot_record(hot), &fill->object);
    fill->extent = &hot->extent;
    fill->data = hot_record(hot) + record_n;
    return true;
}

static void give_back(struct fill *fill)
{
    store_lock(fill->store);
    loan_return(fill->store, fill->hot, fill->place);
    store_unlock(fill->store);
}

static int open_aside(struct fill *fill)
{
    uint64_t length = fill->length > 0 ? (uint64_t)fill->length : 0;

    return disk_create(fill->store, fill->object.serial, length);
}

/* Whoever waits at the fetch sees it from now on. */
static void publish(struct fill *fill)
{
    struct store *store = fill->store;

    store_lock(store);
    struct entry *entry = index_find(store->index, fill->fetch);
    if (entry && entry->fetch_serial == fill->object.serial && !entry->fetch_hot) {
        entry->fetch_hot = fill->hot;
        atomic_fetch_add(&hot_at(store, fill->hot)->refs, 1);
    }
    store_unlock(store);
}

struct fill *fill_create(struct store *store, const struct object *object, struct id fetch,
                         int64_t length, uint64_t max_object)
{
    bool has_files = store->dir_fd >= 0;
    bool in_memory = length < 0 || (uint64_t)length <= store->object_memory_max;

    if ((max_object && length > 0 && (uint64_t)length > max_object) || (!in_memory && !has_files)) {
        return NULL;
    }
    struct fill *fill = calloc(1, sizeof(*fill));
    if (!fill) {
        return NULL;
    }
    *fill = (struct fill){.store = store,
                          .id = id_of(object->key, object->values),
                          .primary = id_of(object->key, (weir_str){NULL, 0}),
                          .fetch = fetch,
                          .fd = -1,
                          .length = length,
                          .max_object = max_object};
    checksum_start(&fill->sum);
    if (!make_hot(fill, object, in_memory)) {
        free(fill);
        return NULL;
    }
    if (!in_memory) {
        fill->fd = open_aside(fill);
        if (fill->fd < 0) {
            complain(store, -fill->fd);
            give_back(fill);
            free(fill);
            return NULL;
        }
        atomic_store(&hot_at(store, fill->hot)->in_file, 1);
    }
    publish(fill);
    return fill;
}

/* ---- bytes ---- */

/* Writes what is in memory to the file. */
static bool write_memory(struct fill *fill)
{
    struct store *store = fill->store;
    struct hot *hot = hot_at(store, fill->hot);
    const struct extent *extent = &hot->extent;
    const char *data = hot_record(hot) + hot->record_n;

    for (uint64_t at = 0; at < fill->n;) {
        size_t part = extent->room < fill->n - at ? extent->room : (size_t)(fill->n - at);

        if (part && !disk_write(fill->fd, data, part, at)) {
            return false;
        }
        at += part;
        if (at < fill->n) {
            extent = blocks_at(store->blocks, extent->next);
            data = (const char *)(extent + 1);
        }
    }
    return true;
}

/* It has become too large for memory. */
static bool spill(struct fill *fill)
{
    if (fill->store->dir_fd < 0) {
        return false;
    }
    fill->fd = open_aside(fill);
    if (fill->fd < 0) {
        errno = -fill->fd;
        return false;
    }
    if (!write_memory(fill)) {
        return false;
    }
    atomic_store(&hot_at(fill->store, fill->hot)->in_file, 1);
    return true;
}

/* The next piece, made now if there is none yet. */
static bool next_extent(struct fill *fill, size_t more)
{
    struct store *store = fill->store;

    if (!fill->extent->next) {
        uint64_t wanted = fill->n > more ? fill->n : more; /* twice as much each time */

        if (wanted > store->object_memory_max) {
            wanted = more;
        }
        store_lock(store);
        bool fine = hot_grow(store, hot_at(store, fill->hot), wanted);
        store_unlock(store);
        if (!fine && !fill->extent->next) {
            return false;
        }
    }
    fill->extent = blocks_at(store->blocks, fill->extent->next);
    fill->data = (char *)(fill->extent + 1);
    fill->used = 0;
    return true;
}

static bool add_to_memory(struct fill *fill, const char *p, size_t n)
{
    while (n > 0) {
        if (fill->used == fill->extent->room && !next_extent(fill, n)) {
            return false;
        }
        size_t room = fill->extent->room - fill->used;
        size_t part = n < room ? n : room;
        memcpy(fill->data + fill->used, p, part);
        fill->used += (uint32_t)part;
        fill->n += part;
        p += part;
        n -= part;
    }
    return true;
}

bool fill_add(struct fill *fill, const char *p, size_t n)
{
    struct hot *hot = hot_at(fill->store, fill->hot);
    uint64_t total = fill->n + n;

    if ((fill->max_object && total > fill->max_object) ||
        (fill->length >= 0 && total > (uint64_t)fill->length)) {
        return false;
    }
    checksum_add(&fill->sum, p, n);
    if (fill->fd < 0 && total > fill->store->object_memory_max && !spill(fill)) {
        if (fill->store->dir_fd >= 0) {
            complain(fill->store, errno);
        }
        return false;
    }
    if (fill->fd < 0) {
        uint64_t before = fill->n;

        if (!add_to_memory(fill, p, n)) {
            /* No memory: the file takes it, if there can be one. */
            size_t done = (size_t)(fill->n - before);

            if (!spill(fill)) {
                return false;
            }
            p += done;
            n -= done;
        } else {
            n = 0;
        }
    }
    if (n > 0) {
        if (!disk_write(fill->fd, p, n, fill->n)) {
            complain(fill->store, errno);
            return false;
        }
        fill->n += n;
    }
    atomic_store(&hot->body_n, fill->n);
    return true;
}

static bool add_from_memory(struct fill *fill, const struct held *held, uint64_t first, uint64_t n)
{
    const struct hot *hot = hot_at(held->store, held->hot);
    const struct extent *extent = &hot->extent;
    const char *data = hot_record((struct hot *)(uintptr_t)hot) + hot->record_n;

    while (n > 0) {
        if (first < extent->room) {
            size_t part = extent->room - first < n ? (size_t)(extent->room - first) : (size_t)n;

            if (!fill_add(fill, data + first, part)) {
                return false;
            }
            first += part;
            n -= part;
        }
        first -= extent->room;
        if (n > 0) {
            extent = blocks_at(held->store->blocks, extent->next);
            data = (const char *)(extent + 1);
        }
    }
    return true;
}

bool fill_add_held(struct fill *fill, const struct held *held, uint64_t first, uint64_t n)
{
    char part[32768];

    if (held->hot && !atomic_load(&hot_at(held->store, held->hot)->in_file)) {
        return add_from_memory(fill, held, first, n);
    }
    while (n > 0) {
        ssize_t got = pread(held->fd, part, n < sizeof(part) ? (size_t)n : sizeof(part), (off_t)first);

        if (got <= 0 || !fill_add(fill, part, (size_t)got)) {
            return false;
        }
        first += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return true;
}

/* ---- the end ---- */

static void discard_file(struct fill *fill)
{
    if (fill->fd >= 0) {
        disk_discard(fill->store, fill->object.serial);
        close(fill->fd);
        fill->fd = -1;
    }
}

void fill_abort(struct fill *fill)
{
    atomic_store(&hot_at(fill->store, fill->hot)->state, HOT_FAILED);
    discard_file(fill);
    give_back(fill);
    free(fill);
}

/* Puts the record behind the body, and the file in its place. 0 or -errno. */
static int write_file(struct fill *fill, int64_t *changed_ns, uint64_t *size)
{
    struct hot *hot = hot_at(fill->store, fill->hot);
    char tail[OBJECT_TAIL];

    if (fill->fd < 0) {
        fill->fd = open_aside(fill);
        if (fill->fd < 0) {
            return fill->fd;
        }
        if (!write_memory(fill)) {
            return -errno;
        }
    }
    object_tail(hot->record_n, tail);
    if (!disk_write(fill->fd, hot_record(hot), hot->record_n, fill->n) ||
        !disk_write(fill->fd, tail, sizeof(tail), fill->n + hot->record_n)) {
        return -errno;
    }
    *size = fill->n + hot->record_n + OBJECT_TAIL;
    return disk_commit(fill->store, fill->object.serial, fill->id, fill->fd, changed_ns);
}

/* Room for it, by what others have had for long enough. */
static void make_room(struct store *store, uint64_t size)
{
    while (store->conf.max_size && index_total(store->index) + size > store->conf.max_size) {
        if (!evict_one(store)) {
            return;
        }
    }
}

/* The lock is held. */
static void insert(struct fill *fill, uint64_t size, int64_t changed_ns)
{
    struct store *store = fill->store;
    struct hot *hot = hot_at(store, fill->hot);
    bool in_memory = !atomic_load(&hot->in_file);

    make_room(store, size);
    struct entry *entry = index_find(store->index, fill->id);
    if (!entry) {
        entry = entry_make(store, fill->id, fill->primary);
    }
    if (!entry) {
        return;
    }
    if (entry->hot) {
        hot_unref(store, entry->hot);
        entry->hot = 0;
    }
    entry->serial = fill->object.serial;
    entry->flags &= (uint8_t)~(ENTRY_SOFT_PURGED | ENTRY_ON_DISK);
    entry->flags |= store->dir_fd >= 0 ? ENTRY_ON_DISK : 0;
    entry->flags |= index_find(store->index, variants_id(fill->id)) ? ENTRY_HAS_VARIANTS : 0;
    entry->changed_ns = changed_ns;
    entry->used_s = (uint32_t)(weir_wall_ms() / 1000);
    entry->pass_until_ms = 0;
    index_set_bytes(store->index, entry, size);
    if (in_memory) {
        entry->hot = fill->hot;
        entry->hot_used = 0;
        atomic_fetch_add(&hot->refs, 1);
    }
    if (fill->object.names.n) {
        variants_add(store, fill->primary, fill->object.names);
    }
}

bool fill_finish(struct fill *fill)
{
    struct store *store = fill->store;
    struct hot *hot = hot_at(store, fill->hot);
    int64_t changed_ns = 0;
    uint64_t size = hot->bytes;
    int rc = 0;

    if (fill->length >= 0 && fill->n != (uint64_t)fill->length) {
        fill_abort(fill);
        return false;
    }
    fill->object.body_n = fill->n;
    fill->object.body_check = checksum_end(&fill->sum);
    size_t record_n = hot->record_n;
    char *record = malloc(record_n);
    if (record) { /* texts do not move: followers that look at them see what they saw */
        object_encode(&fill->object, record);
        memcpy(hot_record(hot), record, record_n);
        free(record);
        rc = store->dir_fd >= 0 ? write_file(fill, &changed_ns, &size) : 0;
    } else {
        rc = -ENOMEM;
    }
    bool in_file = atomic_load(&hot->in_file);
    if (rc < 0) {
        complain(store, -rc);
        if (in_file) {
            fill_abort(fill);
            return false;
        }
        discard_file(fill); /* followers still have it from memory */
    }
    atomic_store(&hot->state, HOT_WHOLE);
    store_lock(store);
    if (rc == 0) {
        insert(fill, size, changed_ns);
    }
    loan_return(store, fill->hot, fill->place);
    store_unlock(store);
    if (fill->fd >= 0) {
        close(fill->fd);
    }
    free(fill);
    return rc == 0;
}

/* ---- updates of what is stored ---- */

/* A copy in memory with another record. 0: no room, it will be read from the file. */
static uint32_t copy_with_record(struct store *store, uint32_t from, const char *record,
                                 size_t record_n)
{
    struct hot *old = hot_at(store, from);
    uint64_t n = old->body_n, at = 0;
    uint32_t handle = hot_create(store, record_n, n);

    if (!handle) {
        return 0;
    }
    struct hot *hot = hot_at(store, handle);
    memcpy(hot_record(hot), record, record_n);
    hot->length = (int64_t)n;
    hot->body_n = n;
    hot->serial = old->serial;
    hot->id = old->id;
    hot->state = HOT_WHOLE;
    struct extent *to = &hot->extent, *source = &old->extent;
    char *out = hot_record(hot) + record_n, *in = hot_record(old) + old->record_n;
    uint32_t out_at = 0, in_at = 0;
    while (at < n) {
        if (out_at == to->room) {
            to = blocks_at(store->blocks, to->next);
            out = (char *)(to + 1);
            out_at = 0;
            continue;
        }
        if (in_at == source->room) {
            source = blocks_at(store->blocks, source->next);
            in = (char *)(source + 1);
            in_at = 0;
            continue;
        }
        uint32_t part = to->room - out_at < source->room - in_at ? to->room - out_at
                                                                 : source->room - in_at;
        part = part < n - at ? part : (uint32_t)(n - at);
        memcpy(out + out_at, in + in_at, part);
        out_at += part;
        in_at += part;
        at += part;
    }
    return handle;
}

/* Appends the record to the file. False: it could not be. */
static bool append_record(struct store *store, struct id id, uint64_t serial, const char *record,
                          size_t record_n, uint64_t *size, int64_t *changed_ns)
{
    int fd = disk_open_object(store, id);
    struct object object;
    char *old = fd < 0 ? NULL : disk_read_record(fd, &object, size, changed_ns);
    bool fine = old && object.serial == serial;

    free(old);
    if (fine) {
        char tail[OBJECT_TAIL];

        object_tail(record_n, tail);
        /* Killed in between, the file has no tail: it is fetched again. */
        fine = disk_write(fd, record, record_n, *size) &&
               disk_write(fd, tail, sizeof(tail), *size + record_n);
        old = fine ? disk_read_record(fd, &object, size, changed_ns) : NULL;
        fine = old != NULL;
        free(old);
    }
    if (fd >= 0) {
        close(fd);
    }
    return fine;
}

void store_update(struct store *store, struct held *held, const struct object *object)
{
    size_t record_n = object_record_size(object);
    char *record = record_n ? malloc(record_n) : NULL;
    uint64_t size = 0;
    int64_t changed_ns = 0;

    if (!record) {
        return;
    }
    object_encode(object, record);
    bool fine = store->dir_fd < 0 || append_record(store, held->id, object->serial, record,
                                                   record_n, &size, &changed_ns);
    store_lock(store);
    struct entry *entry = index_find(store->index, held->id);
    if (entry && entry->serial == object->serial) {
        uint32_t old = entry->hot, fresh = 0;

        if (old && fine) {
            uint64_t fetch_serial = entry->fetch_serial;

            entry->fetch_serial = fetch_serial ? fetch_serial : 1; /* keeps it while room is made */
            fresh = copy_with_record(store, old, record, record_n);
            entry->fetch_serial = fetch_serial;
        }
        if (old && entry->hot == old) { /* making room may have dropped it */
            hot_unref(store, old);
        } else if (fresh && entry->hot) {
            hot_unref(store, entry->hot);
        }
        entry->hot = fresh;
        entry->flags &= (uint8_t)~ENTRY_SOFT_PURGED;
        if (store->dir_fd >= 0 && fine) {
            entry->changed_ns = changed_ns;
            index_set_bytes(store->index, entry, size);
        }
        if (!fine || (store->dir_fd < 0 && !fresh)) {
            entry->fetch_serial ? (void)(entry->serial = 0) : entry_drop(store, entry);
        }
    }
    store_unlock(store);
    free(record);
}
