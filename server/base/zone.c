/* SPDX-License-Identifier: Apache-2.0 */
#include "base/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

#define ZONE_MAGIC 0x31656e6f7a726977ULL /* "wirzone1": another order of members, another magic */
#define HEAD_BYTES 8192                  /* before a module's own first byte; whole pages */

/* At the beginning of the shared memory. */
struct zone_head {
    uint64_t magic, bytes;
    uint32_t layout, version;
    uint32_t is_complete; /* what the module keeps in it was initialised once */
    /* One per cache line, so that neighbours do not disturb each other. */
    struct {
        pthread_mutex_t mutex;
        char pad[64 - sizeof(pthread_mutex_t)];
    } locks[WEIR_ZONE_STRIPES] __attribute__((aligned(64)));
};

_Static_assert(sizeof(struct zone_head) <= HEAD_BYTES, "the head of a zone has two pages");

struct weir_zone {
    struct zone_head *head;
    bool is_fresh;
    bool is_held; /* an earlier generation left it */
    int fd;       /* -1: not needed any more */
    char name[ZONE_NAME];
    struct weir_zone *next;
};

/* What was offered and not opened yet. */
struct held_zone {
    char name[ZONE_NAME];
    int fd;
    struct held_zone *next;
};

static struct weir_zone *zones;
static struct held_zone *held_zones;

/* ---- memory ---- */

void zone_hold(const char *name, int fd)
{
    struct held_zone *held = mem_zalloc(sizeof(*held));

    *held = (struct held_zone){.fd = fd, .next = held_zones};
    snprintf(held->name, sizeof(held->name), "%s", name);
    held_zones = held;
}

static int take_held(const char *name)
{
    for (struct held_zone **at = &held_zones; *at; at = &(*at)->next) {
        struct held_zone *held = *at;

        if (strcmp(held->name, name) == 0) {
            int fd = held->fd;

            *at = held->next;
            free(held);
            return fd;
        }
    }
    return -1;
}

static struct zone_head *map(int fd, uint64_t bytes)
{
    void *p = mmap(NULL, HEAD_BYTES + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}

static bool fits(const struct zone_head *head, uint64_t bytes, uint32_t layout, uint32_t version)
{
    return head->magic == ZONE_MAGIC && head->bytes == bytes && head->layout == layout &&
           head->version == version;
}

/* Maps what was left under that name. False: nothing was, or it does not fit. */
static bool take_over(struct weir_zone *zone, uint64_t bytes, uint32_t layout, uint32_t version)
{
    int fd = take_held(zone->name);

    if (fd < 0) {
        return false;
    }
    off_t size = lseek(fd, 0, SEEK_END);
    struct zone_head *head =
        size >= 0 && (uint64_t)size == HEAD_BYTES + bytes ? map(fd, bytes) : NULL;
    if (!head || !fits(head, bytes, layout, version)) {
        if (head) {
            munmap(head, HEAD_BYTES + bytes);
        }
        close(fd);
        return false;
    }
    zone->head = head;
    zone->fd = fd;
    zone->is_held = true;
    return true;
}

static void init_locks(struct zone_head *head)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (int i = 0; i < WEIR_ZONE_STRIPES; i++) {
        pthread_mutex_init(&head->locks[i].mutex, &attr);
    }
    pthread_mutexattr_destroy(&attr);
}

static int make(struct weir_zone *zone, uint64_t bytes, uint32_t layout, uint32_t version)
{
    int fd = memfd_create(zone->name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    /* Sealed: nobody's mapping can lose its ground. */
    if (ftruncate(fd, (off_t)(HEAD_BYTES + bytes)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
        !(zone->head = map(fd, bytes))) {
        int error = errno;

        close(fd);
        return -error;
    }
    zone->fd = fd;
    zone->head->bytes = bytes;
    zone->head->layout = layout;
    zone->head->version = version;
    init_locks(zone->head);
    zone->head->magic = ZONE_MAGIC;
    return 0;
}

static struct weir_zone *find(const char *name)
{
    struct weir_zone *zone = zones;

    while (zone && strcmp(zone->name, name) != 0) {
        zone = zone->next;
    }
    return zone;
}

weir_zone *zone_open(const char *name, uint64_t bytes, uint32_t layout, uint32_t version)
{
    struct weir_zone *zone = find(name);

    if (strlen(name) >= ZONE_NAME || bytes == 0 ||
        (zone && !fits(zone->head, bytes, layout, version))) {
        errno = EINVAL;
        return NULL;
    }
    if (zone) {
        zone->is_fresh = false;
        return zone;
    }
    zone = mem_zalloc(sizeof(*zone));
    *zone = (struct weir_zone){.fd = -1};
    memcpy(zone->name, name, strlen(name) + 1);
    int rc = take_over(zone, bytes, layout, version) ? 0 : make(zone, bytes, layout, version);
    if (rc < 0) {
        free(zone);
        errno = -rc;
        return NULL;
    }
    zone->is_fresh = !zone->head->is_complete;
    zone->next = zones;
    zones = zone;
    return zone;
}

void zones_complete(zone_keep_fn *keep, void *arg)
{
    for (struct weir_zone *zone = zones; zone; zone = zone->next) {
        zone->head->is_complete = 1;
        keep(arg, zone->name, zone->is_held ? -1 : zone->fd);
        close(zone->fd);
        zone->fd = -1;
    }
    while (held_zones) {
        struct held_zone *held = held_zones;

        held_zones = held->next;
        close(held->fd);
        free(held);
    }
}

void *zone_at(weir_zone *zone)
{
    return (char *)zone->head + HEAD_BYTES;
}

uint64_t zone_bytes(const weir_zone *zone)
{
    return zone->head->bytes;
}

bool zone_is_fresh(const weir_zone *zone)
{
    return zone->is_fresh;
}

weir_rc zone_lock(weir_zone *zone, uint32_t stripe)
{
    pthread_mutex_t *mutex = &zone->head->locks[stripe % WEIR_ZONE_STRIPES].mutex;
    int rc = pthread_mutex_lock(mutex);

    if (rc == 0) {
        return WEIR_OK;
    }
    if (rc == EOWNERDEAD) {
        pthread_mutex_consistent(mutex);
        log_warn("zone %s: the owner of lock %u died; what it guards is repaired", zone->name,
                 stripe % WEIR_ZONE_STRIPES);
        return WEIR_GONE;
    }
    log_error("zone %s, lock %u: %s", zone->name, stripe % WEIR_ZONE_STRIPES, strerror(rc));
    abort(); /* memory is damaged: nothing that follows could be right */
}

void zone_unlock(weir_zone *zone, uint32_t stripe)
{
    pthread_mutex_unlock(&zone->head->locks[stripe % WEIR_ZONE_STRIPES].mutex);
}
