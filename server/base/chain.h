/* SPDX-License-Identifier: Apache-2.0 */
/* base/chain.h - a body on its way: a queue of slices of memory, files and pipes.
 *
 * A slice never copies what it stands for; it holds a reference to it. Links are recycled by the
 * process. One owner at a time; not for several threads.
 */
#ifndef BASE_CHAIN_H
#define BASE_CHAIN_H

#include <sys/types.h>
#include <sys/uio.h>

#include <weir/types.h>

#include "buf.h"

enum link_kind {
    LINK_MEMORY, /* bytes that `unref` keeps */
    LINK_BUF,    /* bytes in `buf` */
    LINK_FILE,   /* a range of `fd` */
    LINK_PIPE    /* bytes that wait in the pipe whose read end is `fd` */
};

struct link {
    struct link *next;
    enum link_kind kind;
    int fd;
    const char *p;  /* MEMORY, BUF: what is left */
    uint64_t n;     /* bytes left */
    uint64_t off;   /* FILE: where they begin */
    union {
        struct buf *buf;
        struct {
            void (*unref)(void *); /* may be NULL */
            void *arg;
        };
    };
};

struct weir_chain {
    struct link *first, *last;
    uint64_t bytes; /* of all links */
};

static inline void chain_init(struct weir_chain *chain)
{
    *chain = (struct weir_chain){0};
}

static inline bool chain_is_empty(const struct weir_chain *chain)
{
    return chain->bytes == 0;
}

/* Drops everything. */
void chain_clear(struct weir_chain *chain);

/* Appends `n` bytes at `p` inside `buf`; takes one more reference. Adjacent slices of one buffer
 * become one link. n = 0 appends nothing (and the same in all functions below; unref is called). */
void chain_add_buf(struct weir_chain *chain, struct buf *buf, const char *p, size_t n);
/* Appends bytes kept until unref(arg); unref may be NULL for what outlives the chain. */
void chain_add_ref(struct weir_chain *chain, const void *p, size_t n, void (*unref)(void *),
                   void *arg);
void chain_add_copy(struct weir_chain *chain, const void *p, size_t n);
void chain_add_file(struct weir_chain *chain, int fd, uint64_t off, uint64_t n,
                    void (*unref)(void *), void *arg);
/* Appends `n` bytes that were spliced into a pipe. Pipe bytes of one pipe are one link. */
void chain_add_pipe(struct weir_chain *chain, int fd, uint64_t n, void (*unref)(void *), void *arg);

/* Moves the first `n` bytes (all, if there are fewer) of `src` to the end of `dst`. A pipe link
 * can only move whole: at a pipe link larger than what is left of n, the move stops. Returns the
 * bytes moved. */
uint64_t chain_move(struct weir_chain *dst, struct weir_chain *src, uint64_t n);
/* Drops the first `n` bytes (n <= bytes), which were written or are not wanted. */
void chain_drop(struct weir_chain *chain, uint64_t n);

/* The leading run of memory slices as iovecs: fills at most `max`; *bytes (may be NULL) gets their
 * sum. Returns the number filled: 0 when the chain is empty or begins with a file or pipe. */
int chain_iov(const struct weir_chain *chain, struct iovec *iov, int max, size_t *bytes);

/* Copies up to `n` bytes from the front into `out` without dropping them; memory slices only (a file
 * is read with pread, a pipe stops it). Returns the bytes copied, or -1 with errno. */
ssize_t chain_peek(const struct weir_chain *chain, void *out, size_t n);

/* The first link is in memory afterwards: of a file a piece is read. False: it is empty, a pipe, or
 * cannot be read (the file shrank). */
bool chain_load_first(struct weir_chain *chain);
/* Room for at least one byte behind the last; *got: how many. chain_commit() appends the first `used`
 * of them. Nothing else may happen to the chain in between. */
void *chain_reserve(struct weir_chain *chain, size_t want, size_t *got);
void chain_commit(struct weir_chain *chain, size_t used);

void chain_trim(void);

#endif
