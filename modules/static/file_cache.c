/* SPDX-License-Identifier: Apache-2.0 */
#include "file_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 2048
#define ENTRIES_MAX 1000
#define CONTENT_MAX (16 * 1024)        /* bytes of a file whose content is held */
#define CONTENT_TOTAL_MAX (8u << 20)
#define FRESH_MS 1000

static struct file *slots[SLOTS];
static struct file *newest, *oldest;
static unsigned entries;
static size_t content_total;

static unsigned slot_of(int root_fd, weir_str path)
{
    uint32_t hash = 2166136261u ^ (uint32_t)root_fd;

    for (size_t i = 0; i < path.n; i++) {
        hash = (hash ^ (unsigned char)path.p[i]) * 16777619u;
    }
    return hash % SLOTS;
}

void file_retain(struct file *file)
{
    file->refs++;
}

void file_release(void *arg)
{
    struct file *file = arg;

    if (--file->refs > 0) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    free(file->content);
    free(file);
}

static void unlink_use(struct file *file)
{
    *(file->newer ? &file->newer->older : &newest) = file->older;
    *(file->older ? &file->older->newer : &oldest) = file->newer;
    file->newer = file->older = NULL;
}

static void link_newest(struct file *file)
{
    file->newer = NULL;
    file->older = newest;
    *(newest ? &newest->newer : &oldest) = file;
    newest = file;
}

static void forget(struct file *file)
{
    struct file **at = &slots[slot_of(file->root_fd, file->path)];

    while (*at != file) {
        at = &(*at)->next_same_slot;
    }
    *at = file->next_same_slot;
    unlink_use(file);
    entries--;
    content_total -= file->content ? file->size : 0;
    file->cached = false;
    file_release(file);
}

static struct file *find(int root_fd, weir_str path)
{
    struct file *file = slots[slot_of(root_fd, path)];

    while (file && (file->root_fd != root_fd || file->path.n != path.n ||
                    memcmp(file->path.p, path.p, path.n) != 0)) {
        file = file->next_same_slot;
    }
    return file;
}

uint64_t file_resolve_flags(uint32_t symlinks)
{
    return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (symlinks ? RESOLVE_NO_SYMLINKS : 0);
}

int file_open_beneath(int root_fd, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)flags, .resolve = resolve};

    while (*path == '/') {
        path++;
    }
    return (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
}

static void describe(struct file *file, const struct stat *st)
{
    time_t when = st->st_mtim.tv_sec;
    struct tm tm;

    file->is_folder = S_ISDIR(st->st_mode);
    file->size = (uint64_t)st->st_size;
    file->mtime_s = st->st_mtim.tv_sec;
    file->mtime_ns = st->st_mtim.tv_nsec;
    file->device = st->st_dev;
    file->inode = st->st_ino;
    gmtime_r(&when, &tm);
    strftime(file->modified, sizeof(file->modified), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    file->etag_n = (uint8_t)snprintf(file->etag, sizeof(file->etag), "\"%llx-%lx-%llx\"",
                                     (unsigned long long)file->mtime_s,
                                     (unsigned long)file->mtime_ns,
                                     (unsigned long long)file->size);
}

static void read_content(struct file *file)
{
    if (file->size == 0 || file->size > CONTENT_MAX ||
        content_total + file->size > CONTENT_TOTAL_MAX) {
        return;
    }
    file->content = malloc(file->size);
    if (file->content &&
        pread(file->fd, file->content, file->size, 0) != (ssize_t)file->size) {
        free(file->content); /* it is being changed: sendfile will see what there is */
        file->content = NULL;
    }
}

/* NULL with errno. */
static struct file *open_file(int root_fd, weir_str path, uint64_t resolve)
{
    struct file *file = calloc(1, sizeof(*file) + path.n + 1);
    struct stat st;

    if (!file) {
        return NULL;
    }
    char *copy = (char *)(file + 1);
    memcpy(copy, path.p, path.n);
    file->refs = 1;
    file->root_fd = root_fd;
    file->resolve = resolve;
    file->path = (weir_str){copy, path.n};
    file->checked_ms = weir_now_ms();
    file->fd = file_open_beneath(root_fd, copy, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                                 resolve);
    if (file->fd < 0 || fstat(file->fd, &st) != 0) {
        int error = errno;

        file_release(file);
        errno = error;
        return NULL;
    }
    describe(file, &st);
    if (!file->is_folder && !S_ISREG(st.st_mode)) {
        file_release(file);
        errno = ENOENT; /* sockets, pipes and devices are nobody's business */
        return NULL;
    }
    file->type = media_type(file->path);
    if (file->is_folder) {
        close(file->fd);
        file->fd = -1;
    }
    return file;
}

static void keep(struct file *file)
{
    unsigned slot = slot_of(file->root_fd, file->path);

    if (entries >= ENTRIES_MAX) {
        forget(oldest);
    }
    if (!file->is_folder) {
        read_content(file);
    }
    content_total += file->content ? file->size : 0;
    file->next_same_slot = slots[slot];
    slots[slot] = file;
    link_newest(file);
    entries++;
    file->cached = true;
    file->refs++;
}

/* Is the name still the same file, unchanged? */
static bool is_current(struct file *file)
{
    uint64_t now_ms = weir_now_ms();
    const char *path = file->path.p;
    struct stat st;

    if (now_ms - file->checked_ms < FRESH_MS) {
        return true;
    }
    while (*path == '/') {
        path++;
    }
    if (fstatat(file->root_fd, *path ? path : ".", &st, 0) != 0 || st.st_ino != file->inode ||
        st.st_dev != file->device || st.st_mtim.tv_sec != file->mtime_s || st.st_mtim.tv_nsec != file->mtime_ns ||
        (uint64_t)st.st_size != file->size) {
        return false;
    }
    file->checked_ms = now_ms;
    file->missing = 0;
    return true;
}

struct file *file_get(int root_fd, weir_str path, uint64_t resolve)
{
    struct file *file = find(root_fd, path);

    if (file && !is_current(file)) {
        forget(file);
        file = NULL;
    }
    if (file) {
        if (file != newest) {
            unlink_use(file);
            link_newest(file);
        }
        file->refs++;
        return file;
    }
    file = open_file(root_fd, path, resolve);
    if (file) {
        keep(file);
    }
    return file;
}
