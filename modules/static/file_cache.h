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
    uint64_t size, checked_ms;
    int64_t mtime_s;
    long mtime_ns;
    ino_t inode;
    char *content;               /* NULL: not held */
    weir_str type;               /* outlives the cache */
    char etag[48], modified[30];
    uint8_t etag_n;
};

/* The file at `path` (decoded, beginning with '/') below the folder `root_fd`, or NULL with errno.
 * The caller gives it back with file_release(). */
struct file *file_get(int root_fd, weir_str path);
void file_release(void *file);

/* The media type that a file's name has; never empty. */
weir_str media_type(weir_str path);

#endif
