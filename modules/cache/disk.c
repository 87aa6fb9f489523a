/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c - the files of a zone. See shared.h. A name below the zone's folder:
 *
 *     c/29/....c29b  the object of that id, in folders named by its last digits ("1:2")
 *     aside/SERIAL.PID   what is being written
 *     purges             rules that have to outlive a restart */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "shared.h"
#include "words.h"

#define PATH_SIZE 64
#define RECORD_GUESS 4096          /* read at once from a file's end: most records fit */
#define CHECK_STEP (256 * 1024)

int disk_open(struct store *store)
{
    store->dir_fd = open(store->conf.path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return store->dir_fd < 0 ? -errno : 0;
}

/* ---- names ---- */

/* "c/29/b7f5...c29" for levels 1:2: each folder is named by the digits before the ones of the folder
 * around it. */
static void object_path(const struct store *store, struct id id, char out[PATH_SIZE])
{
    char digits[ID_TEXT];
    size_t end = ID_TEXT;

    id_format(id, digits);
    for (uint8_t i = 0; i < store->level_n; i++) {
        end -= store->levels[i];
        memcpy(out, digits + end, store->levels[i]);
        out += store->levels[i];
        *out++ = '/';
    }
    memcpy(out, digits, ID_TEXT);
    out[ID_TEXT] = '\0';
}

static void aside_path(uint64_t serial, int32_t writer, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "aside/%llx.%d", (unsigned long long)serial, writer);
}

/* Makes the folders of a path. */
static void make_folders(const struct store *store, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        char folder[PATH_SIZE];

        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        mkdirat(store->dir_fd, folder, 0700);
    }
}

/* ---- writing ---- */

int disk_create(struct store *store, uint64_t serial, uint64_t length)
{
    char path[PATH_SIZE];
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;

    aside_path(serial, getpid(), path);
    int fd = openat(store->dir_fd, path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        make_folders(store, path);
        fd = openat(store->dir_fd, path, flags, 0600);
    }
    if (fd < 0) {
        return -errno;
    }
    /* A disk that is too full says so now, before anybody relies on the file. */
    if (length && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)length) != 0 && errno == ENOSPC) {
        close(fd);
        disk_discard(store, serial);
        return -ENOSPC;
    }
    return fd;
}

bool disk_write(int fd, const void *p, size_t n, uint64_t at)
{
    const char *from = p;

    while (n > 0) {
        ssize_t put = pwrite(fd, from, n, (off_t)at);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            errno = put == 0 ? ENOSPC : errno;
            return false;
        }
        from += put;
        at += (uint64_t)put;
        n -= (size_t)put;
    }
    return true;
}

static int64_t changed_ns(const struct stat *st)
{
    return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

int disk_commit(struct store *store, uint64_t serial, struct id id, int fd, int64_t *changed)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    struct stat st;

    aside_path(serial, getpid(), from);
    object_path(store, id, to);
    if (store->conf.sync && fdatasync(fd) != 0) {
        return -errno;
    }
    int rc = renameat(store->dir_fd, from, store->dir_fd, to);
    if (rc != 0 && errno == ENOENT) {
        make_folders(store, to);
        rc = renameat(store->dir_fd, from, store->dir_fd, to);
    }
    if (rc != 0 || fstat(fd, &st) != 0) {
        return -errno;
    }
    *changed = changed_ns(&st);
    return 0;
}

void disk_discard(struct store *store, uint64_t serial)
{
    char path[PATH_SIZE];

    aside_path(serial, getpid(), path);
    unlinkat(store->dir_fd, path, 0);
}

void disk_unlink(struct store *store, struct id id)
{
    char path[PATH_SIZE];

    object_path(store, id, path);
    unlinkat(store->dir_fd, path, 0);
}

/* ---- reading ---- */

int disk_open_object(struct store *store, struct id id)
{
    char path[PATH_SIZE];

    object_path(store, id, path);
    int fd = openat(store->dir_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int disk_open_aside(struct store *store, uint64_t serial, int32_t writer)
{
    char path[PATH_SIZE];

    aside_path(serial, writer, path);
    int fd = openat(store->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

static bool read_all(int fd, char *out, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t got = pread(fd, out, n, (off_t)at);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        out += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

/* The record that ends `tail_n` bytes before the file's end; `end` holds the file's last bytes. */
static char *copy_record(int fd, const char *end, size_t end_n, size_t record_n, uint64_t size)
{
    char *record = malloc(record_n);

    if (!record) {
        return NULL;
    }
    if (record_n + OBJECT_TAIL <= end_n) {
        memcpy(record, end + end_n - OBJECT_TAIL - record_n, record_n);
    } else if (!read_all(fd, record, record_n, size - OBJECT_TAIL - record_n)) {
        free(record);
        return NULL;
    }
    return record;
}

char *disk_read_record(int fd, struct object *object, uint64_t *size, int64_t *changed)
{
    char end[RECORD_GUESS];
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= OBJECT_TAIL) {
        return NULL;
    }
    *size = (uint64_t)st.st_size;
    *changed = changed_ns(&st);
    size_t end_n = *size < sizeof(end) ? (size_t)*size : sizeof(end);
    if (!read_all(fd, end, end_n, *size - end_n)) {
        return NULL;
    }
    size_t record_n = object_tail_read(end + end_n - OBJECT_TAIL);
    if (record_n == 0 || record_n + OBJECT_TAIL > *size) {
        return NULL;
    }
    char *record = copy_record(fd, end, end_n, record_n, *size);
    if (record && (!object_decode(record, record_n, object) ||
                   object->body_n > *size - record_n - OBJECT_TAIL)) {
        free(record);
        return NULL;
    }
    return record;
}

bool disk_is_unchanged(int fd, int64_t known_ns)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink > 0 && changed_ns(&st) == known_ns;
}

bool disk_check_body(int fd, const struct object *object)
{
    char *part = malloc(CHECK_STEP);
    struct checksum sum;
    bool fine = part != NULL;

    checksum_start(&sum);
    for (uint64_t at = 0; fine && at < object->body_n;) {
        size_t n = object->body_n - at < CHECK_STEP ? (size_t)(object->body_n - at) : CHECK_STEP;

        fine = read_all(fd, part, n, at);
        if (fine) {
            checksum_add(&sum, part, n);
        }
        at += n;
    }
    free(part);
    return fine && checksum_end(&sum) == object->body_check;
}

uint64_t disk_free_bytes(struct store *store)
{
    struct statvfs fs;

    return fstatvfs(store->dir_fd, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

/* ---- all of them ---- */

/* A walk keeps its place between calls: an open folder per level. */
struct walk {
    DIR *folders[STORE_LEVELS + 1];
    int depth; /* of the innermost open one; -1: not begun */
};

static DIR *open_folder(int at_fd, const char *name)
{
    int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

    if (!folder && fd >= 0) {
        close(fd);
    }
    return folder;
}

static void look_at(struct store *store, int folder_fd, const char *name, disk_found_fn *found)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct object object;
    uint64_t size;
    int64_t changed;
    struct id id;
    char *record = fd >= 0 ? disk_read_record(fd, &object, &size, &changed) : NULL;

    if (fd < 0) {
        return;
    }
    /* A file under a name that is not its own would never be found. */
    if (record && id_parse((weir_str){name, strlen(name)}, &id) &&
        id_is(id, id_of(object.key, object.values))) {
        found(store, id, &object, size);
    } else {
        unlinkat(folder_fd, name, 0);
        store->shared->refused++;
    }
    free(record);
    close(fd);
}

/* Folders have as many characters as the level says. */
static bool is_level(const struct store *store, int depth, const char *name)
{
    return depth < store->level_n && strlen(name) == store->levels[depth] &&
           strspn(name, "0123456789abcdef") == store->levels[depth];
}

bool disk_walk(struct store *store, unsigned most, disk_found_fn *found)
{
    static struct walk walk = {.depth = -1}; /* one worker, and one zone at a time */
    static struct store *walked;

    if (walk.depth < 0 || walked != store) {
        while (walk.depth >= 0) {
            closedir(walk.folders[walk.depth--]);
        }
        walked = store;
        walk.folders[0] = open_folder(store->dir_fd, ".");
        walk.depth = walk.folders[0] ? 0 : -1;
    }
    while (walk.depth >= 0 && most-- > 0) {
        DIR *folder = walk.folders[walk.depth];
        struct dirent *item = readdir(folder);

        if (!item) {
            closedir(folder);
            walk.depth--;
        } else if (walk.depth == store->level_n && strlen(item->d_name) == ID_TEXT) {
            look_at(store, dirfd(folder), item->d_name, found);
        } else if (is_level(store, walk.depth, item->d_name) &&
                   (walk.folders[walk.depth + 1] = open_folder(dirfd(folder), item->d_name))) {
            walk.depth++;
        }
    }
    return walk.depth >= 0;
}

void disk_clean_aside(struct store *store)
{
    DIR *folder = open_folder(store->dir_fd, "aside");
    struct dirent *item;

    while (folder && (item = readdir(folder))) {
        const char *dot = strrchr(item->d_name, '.');
        int writer = dot && dot != item->d_name ? (int)strtol(dot + 1, NULL, 10) : 0;

        if (writer > 0 && kill(writer, 0) != 0 && errno == ESRCH) {
            unlinkat(dirfd(folder), item->d_name, 0);
        }
    }
    if (folder) {
        closedir(folder);
    }
}
