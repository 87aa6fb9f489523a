/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.c - what one of the workers does for all, a little at a time: the index is filled from the
 * files, rules are applied to everything, what nobody asks for goes. See store.h and shared.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared.h"

#define FILES_AT_A_TIME 128
#define ENTRIES_AT_A_TIME 256
#define EVICTIONS_AT_A_TIME 32

/* One worker is the keeper until it ends. */
static bool is_keeper(struct store *store)
{
    struct shared *shared = store->shared;
    int32_t me = getpid();

    if (shared->keeper == me) {
        return true;
    }
    if (shared->keeper && (kill(shared->keeper, 0) == 0 || errno == EPERM)) {
        return false;
    }
    store_lock(store);
    shared->keeper = me;
    bool somebody_died = loans_of_the_dead(store);
    store_unlock(store);
    if (store->dir_fd >= 0 && (somebody_died || shared->is_loading)) {
        disk_clean_aside(store);
    }
    return true;
}

/* ---- files that the index does not know ---- */

static void on_found(struct store *store, struct id id, const struct object *object, uint64_t size)
{
    struct id primary = id_of(object->key, (weir_str){NULL, 0});

    store_lock(store);
    struct entry *entry = index_find(store->index, id);
    if (!entry) {
        entry = entry_make(store, id, primary);
    }
    if (entry && entry->serial == 0 && !entry->fetch_serial) {
        entry->serial = object->serial;
        entry->flags |= ENTRY_ON_DISK;
        entry->used_s = (uint32_t)(weir_wall_ms() / 1000);
        index_set_bytes(store->index, entry, size);
        store->shared->loaded++;
        if (object->serial > store->shared->last_serial) {
            store->shared->last_serial = object->serial;
        }
    }
    if (entry && object->names.n) {
        variants_add(store, primary, object->names);
    }
    store_unlock(store);
}

static void load(struct store *store)
{
    if (disk_walk(store, FILES_AT_A_TIME, on_found)) {
        return;
    }
    store->shared->is_loading = false;
    store->shared->sweep_at = 0;
    weir_log(WEIR_LOG_INFO, NULL, "cache %s: %llu objects were found in files",
             store->conf.name.p, (unsigned long long)store->shared->loaded);
}

/* ---- rounds ---- */

static bool is_unwanted(const struct store *store, const struct entry *entry, uint32_t now_s)
{
    uint64_t idle_s = now_s > entry->used_s ? now_s - entry->used_s : 0;

    return !entry->fetch_serial && store->conf.inactive_ms && idle_s * 1000 > store->conf.inactive_ms;
}

/* Holds an entry against the rules; true: it has to go. What is in a file alone is read later,
 * without the lock. */
static bool is_purged(struct store *store, struct entry *entry, struct id *unread, size_t *n)
{
    struct object object;

    if (!entry->serial || entry->flags & ENTRY_VARIANTS ||
        !purge_may_apply(store, entry->serial)) {
        return false;
    }
    if (!entry->hot) {
        unread[(*n)++] = entry->id;
        return false;
    }
    object_view(hot_record(hot_at(store, entry->hot)), &object);
    enum purged purged =
        purge_applies(store, entry->serial, (struct id){{entry->primary, 0}}, &object);
    entry->flags |= purged == PURGED_SOFT ? ENTRY_SOFT_PURGED : 0;
    return purged == PURGED_HARD;
}

static void purge_file(struct store *store, struct id id)
{
    int fd = disk_open_object(store, id);
    struct object object;
    uint64_t size;
    int64_t changed;
    char *record = fd < 0 ? NULL : disk_read_record(fd, &object, &size, &changed);

    if (record) {
        store_lock(store);
        enum purged purged = purge_applies(store, object.serial,
                                           id_of(object.key, (weir_str){NULL, 0}), &object);
        struct entry *entry = index_find(store->index, id);
        if (entry && purged == PURGED_SOFT) {
            entry->flags |= ENTRY_SOFT_PURGED;
        }
        store_unlock(store);
        if (purged == PURGED_HARD) {
            store_remove(store, id);
        }
    }
    free(record);
    if (fd >= 0) {
        close(fd);
    }
}

static void sweep(struct store *store)
{
    struct shared *shared = store->shared;
    uint32_t now_s = (uint32_t)(weir_wall_ms() / 1000);
    struct id unread[ENTRIES_AT_A_TIME];
    size_t unread_n = 0;
    struct entry *entry = NULL;

    store_lock(store);
    for (int i = 0; i < ENTRIES_AT_A_TIME; i++) {
        entry = index_next(store->index, &shared->sweep_at);
        if (!entry) {
            break;
        }
        if (is_unwanted(store, entry, now_s) || is_purged(store, entry, unread, &unread_n)) {
            entry_drop(store, entry);
        }
    }
    store_unlock(store);
    for (size_t i = 0; i < unread_n; i++) {
        purge_file(store, unread[i]);
    }
    if (entry) {
        return;
    }
    store_lock(store);
    /* Giving a rule sets sweep_at to 0: then this round has not held all against it. */
    bool is_whole = shared->sweep_at != 0;
    shared->sweep_at = 0;
    if (is_whole && !shared->is_loading && shared->purge_n > shared->purge_first) {
        purge_swept(store);
    }
    store_unlock(store);
}

/* Keeps max_size, and min_free of the disk for others. */
static void keep_room(struct store *store)
{
    uint64_t free_bytes = store->conf.min_free ? disk_free_bytes(store) : UINT64_MAX;

    store_lock(store);
    for (int i = 0; i < EVICTIONS_AT_A_TIME; i++) {
        bool is_over = store->conf.max_size && index_total(store->index) > store->conf.max_size;

        if (!is_over && (free_bytes >= store->conf.min_free || !evict_one(store))) {
            break;
        }
        if (is_over && !evict_one(store)) {
            break;
        }
    }
    store_unlock(store);
}

bool store_maintain(struct store *store)
{
    open_files_tidy(store);
    if (!is_keeper(store)) {
        return false;
    }
    store_lock(store);
    bool somebody_died = loans_of_the_dead(store);
    store_unlock(store);
    if (store->dir_fd >= 0 && somebody_died) {
        disk_clean_aside(store);
    }
    if (store->shared->is_loading) {
        load(store);
    }
    sweep(store);
    if (store->dir_fd >= 0) {
        keep_room(store);
    }
    return store->shared->is_loading ||
           store->shared->purge_n > store->shared->purge_first;
}
