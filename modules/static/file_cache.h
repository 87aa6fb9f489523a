/* SPDX-License-Identifier: Apache-2.0 */
/* file_cache.h - open files of this worker: descriptor, what a response's head needs, and the
 * content of small ones. An entry is looked at again at most once per second. */
#ifndef STATIC_FILE_CACHE_H
#define STATIC_FILE_CACHE_H

#include <sys/stat.h>

#include <weir/module.h>

struct file {
    struct file *next_same_slot;
    struct file *newer, *older;  /* by last use */
    uint32_t refs;               /* the cache's, and one for each response under way */
    bool cached;
    int root_fd;
    weir_str path;               /* below the root; in the entry's memory */
    int fd;                      /* -1 for a folder */
    bool is_folder;
    uint8_t missing;             /* bits of variants that are not there; see variant.h */
    uint64_t resolve;            /* as in file_get() */
    uint64_t size, checked_ms;
    int64_t mtime_s;
    long mtime_ns;
    dev_t device;
    ino_t inode;
    char *content;               /* NULL: not held */
    weir_str type;               /* outlives the cache */
    char etag[48], modified[30];
    uint8_t etag_n;
};

/* For the number of a policy in `symlinks`. */
uint64_t file_resolve_flags(uint32_t symlinks);

/* Opens what is below the folder `root_fd`, wherever links lead. -1 with errno. */
int file_open_beneath(int root_fd, const char *path, int flags, uint64_t resolve);

/* The file at `path` (decoded, beginning with '/') below the folder `root_fd`, or NULL with errno.
 * One root_fd has one value of `resolve`. The caller gives it back with file_release(). */
struct file *file_get(int root_fd, weir_str path, uint64_t resolve);
/* One more file_release() is due. */
void file_retain(struct file *file);
void file_release(void *file);

/* The media type that a file's name has; never empty. */
weir_str media_type(weir_str path);

#endif
