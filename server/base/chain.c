/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/recycle.h"

#define SMALL 64 /* bytes for which a buffer of their own would be a waste */

static struct recycle links = {.size = sizeof(struct link)};

static void link_free(struct link *link)
{
    if (link->kind == LINK_BUF) {
        buf_release(link->buf);
    } else if (link->unref) {
        link->unref(link->arg);
    }
    recycle_put(&links, link);
}

static struct link *append(struct weir_chain *chain, enum link_kind kind, uint64_t n)
{
    struct link *link = recycle_take(&links);

    link->next = NULL;
    link->kind = kind;
    link->n = n;
    if (chain->last) {
        chain->last->next = link;
    } else {
        chain->first = link;
    }
    chain->last = link;
    chain->bytes += n;
    return link;
}

void chain_clear(struct weir_chain *chain)
{
    while (chain->first) {
        struct link *link = chain->first;

        chain->first = link->next;
        link_free(link);
    }
    chain_init(chain);
}

void chain_add_buf(struct weir_chain *chain, struct buf *buf, const char *p, size_t n)
{
    struct link *last = chain->last;

    if (n == 0) {
        return;
    }
    if (last && last->kind == LINK_BUF && last->buf == buf && last->p + last->n == p) {
        last->n += n;
        chain->bytes += n;
        return;
    }
    struct link *link = append(chain, LINK_BUF, n);
    link->p = p;
    link->buf = buf_retain(buf);
}

static void set_unref(struct link *link, void (*unref)(void *), void *arg)
{
    link->unref = unref;
    link->arg = arg;
}

void chain_add_ref(struct weir_chain *chain, const void *p, size_t n, void (*unref)(void *),
                   void *arg)
{
    if (n == 0) {
        if (unref) {
            unref(arg);
        }
        return;
    }
    struct link *link = append(chain, LINK_MEMORY, n);
    link->p = p;
    set_unref(link, unref, arg);
}

/* Frame heads and the like share one buffer, of which each chain holds a slice. */
static struct buf *small_text;

static void add_small(struct weir_chain *chain, const void *p, size_t n)
{
    if (!small_text || buf_room(small_text) < n) {
        if (small_text) {
            buf_release(small_text);
        }
        small_text = buf_create();
    }
    char *at = small_text->data + small_text->used;

    memcpy(at, p, n);
    small_text->used += (uint32_t)n;
    chain_add_buf(chain, small_text, at, n);
}

void chain_add_copy(struct weir_chain *chain, const void *p, size_t n)
{
    struct link *last = chain->last;

    if (n == 0) {
        return;
    }
    /* Behind the last slice, if that is the end of what its buffer holds and nobody else's. */
    if (last && last->kind == LINK_BUF && last->buf->refs == 1 && buf_room(last->buf) >= n &&
        last->p + last->n == last->buf->data + last->buf->used) {
        memcpy(last->buf->data + last->buf->used, p, n);
        last->buf->used += (uint32_t)n;
        last->n += n;
        chain->bytes += n;
        return;
    }
    if (n <= SMALL) {
        add_small(chain, p, n);
        return;
    }
    struct buf *buf = n <= BUF_SIZE ? buf_create() : buf_create_sized((uint32_t)n);
    memcpy(buf->data, p, n);
    buf->used = (uint32_t)n;
    chain_add_buf(chain, buf, buf->data, n);
    buf_release(buf);
}

void chain_add_file(struct weir_chain *chain, int fd, uint64_t off, uint64_t n,
                    void (*unref)(void *), void *arg)
{
    struct link *last = chain->last;

    if (n == 0) {
        if (unref) {
            unref(arg);
        }
        return;
    }
    if (last && last->kind == LINK_FILE && last->fd == fd && last->off + last->n == off &&
        !unref && !last->unref) {
        last->n += n;
        chain->bytes += n;
        return;
    }
    struct link *link = append(chain, LINK_FILE, n);
    link->fd = fd;
    link->off = off;
    set_unref(link, unref, arg);
}

void chain_add_pipe(struct weir_chain *chain, int fd, uint64_t n, void (*unref)(void *), void *arg)
{
    struct link *last = chain->last;

    if (n == 0) {
        if (unref) {
            unref(arg);
        }
        return;
    }
    if (last && last->kind == LINK_PIPE && last->fd == fd && !unref) {
        last->n += n;
        chain->bytes += n;
        return;
    }
    struct link *link = append(chain, LINK_PIPE, n);
    link->fd = fd;
    set_unref(link, unref, arg);
}

static void move_first(struct weir_chain *dst, struct weir_chain *src)
{
    struct link *link = src->first;

    src->first = link->next;
    if (!src->first) {
        src->last = NULL;
    }
    src->bytes -= link->n;
    link->next = NULL;
    if (dst->last) {
        dst->last->next = link;
    } else {
        dst->first = link;
    }
    dst->last = link;
    dst->bytes += link->n;
}

/* What several links hold one reference to. */
struct shared {
    unsigned refs;
    void (*unref)(void *);
    void *arg;
};

static void shared_release(void *arg)
{
    struct shared *shared = arg;

    if (--shared->refs == 0) {
        shared->unref(shared->arg);
        free(shared);
    }
}

/* One more link is to hold what this one does. */
static void *share(struct link *link)
{
    struct shared *shared = link->arg;

    if (link->unref != shared_release) {
        shared = mem_alloc(sizeof(*shared));
        *shared = (struct shared){.refs = 1, .unref = link->unref, .arg = link->arg};
        set_unref(link, shared_release, shared);
    }
    shared->refs++;
    return shared;
}

/* The first `n` bytes of a link become a link of their own, which shares its reference. */
static void split_first(struct weir_chain *dst, struct weir_chain *src, uint64_t n)
{
    struct link *link = src->first;

    if (link->kind == LINK_BUF) {
        chain_add_buf(dst, link->buf, link->p, n);
    } else if (link->kind == LINK_FILE) {
        void *shared = link->unref ? share(link) : NULL;

        chain_add_file(dst, link->fd, link->off, n, shared ? shared_release : NULL, shared);
    } else {
        void *shared = link->unref ? share(link) : NULL;

        chain_add_ref(dst, link->p, n, shared ? shared_release : NULL, shared);
    }
    chain_drop(src, n);
}

uint64_t chain_move(struct weir_chain *dst, struct weir_chain *src, uint64_t n)
{
    uint64_t moved = 0;

    if (n >= src->bytes && !dst->first) {
        *dst = *src;
        chain_init(src);
        return dst->bytes;
    }
    while (src->first && moved < n) {
        uint64_t left = n - moved;

        if (src->first->n <= left) {
            moved += src->first->n;
            move_first(dst, src);
        } else if (src->first->kind == LINK_PIPE) {
            break;
        } else {
            split_first(dst, src, left);
            moved += left;
        }
    }
    return moved;
}

void chain_drop(struct weir_chain *chain, uint64_t n)
{
    while (n > 0 && chain->first) {
        struct link *link = chain->first;

        if (link->n > n) {
            link->n -= n;
            chain->bytes -= n;
            if (link->kind == LINK_FILE) {
                link->off += n;
            } else if (link->kind != LINK_PIPE) {
                link->p += n;
            }
            return;
        }
        n -= link->n;
        chain->bytes -= link->n;
        chain->first = link->next;
        if (!chain->first) {
            chain->last = NULL;
        }
        link_free(link);
    }
}

int chain_iov(const struct weir_chain *chain, struct iovec *iov, int max, size_t *bytes)
{
    size_t sum = 0;
    int n = 0;

    for (const struct link *link = chain->first; link && n < max; link = link->next) {
        if (link->kind != LINK_MEMORY && link->kind != LINK_BUF) {
            break;
        }
        iov[n].iov_base = (void *)(uintptr_t)link->p;
        iov[n].iov_len = link->n;
        sum += link->n;
        n++;
    }
    if (bytes) {
        *bytes = sum;
    }
    return n;
}

ssize_t chain_peek(const struct weir_chain *chain, void *out, size_t n)
{
    size_t done = 0;

    for (const struct link *link = chain->first; link && done < n; link = link->next) {
        size_t part = link->n < n - done ? link->n : n - done;

        if (link->kind == LINK_PIPE) {
            break;
        }
        if (link->kind == LINK_FILE) {
            ssize_t got = pread(link->fd, (char *)out + done, part, (off_t)link->off);

            if (got < 0) {
                return -1;
            }
            part = (size_t)got;
        } else {
            memcpy((char *)out + done, link->p, part);
        }
        done += part;
    }
    return (ssize_t)done;
}

bool chain_load_first(struct weir_chain *chain)
{
    struct link *file = chain->first;

    if (!file || file->kind != LINK_FILE) {
        return file && file->kind != LINK_PIPE;
    }
    struct buf *buf = buf_create();
    size_t n = file->n < buf->cap ? file->n : buf->cap;
    ssize_t got = pread(file->fd, buf->data, n, (off_t)file->off);
    if (got > 0) {
        struct weir_chain piece = {0};
        struct weir_chain rest = *chain;

        buf->used = (uint32_t)got;
        chain_add_buf(&piece, buf, buf->data, (size_t)got);
        chain_drop(&rest, (uint64_t)got);
        chain_move(&piece, &rest, rest.bytes);
        *chain = piece;
    }
    buf_release(buf);
    return got > 0;
}

/* Where chain_reserve() found no room behind the last link. */
static struct buf *reserved;

void *chain_reserve(struct weir_chain *chain, size_t want, size_t *got)
{
    struct link *last = chain->last;

    if (reserved) {
        buf_release(reserved); /* nothing was committed */
        reserved = NULL;
    }
    if (last && last->kind == LINK_BUF && last->buf->refs == 1 &&
        last->p + last->n == last->buf->data + last->buf->used &&
        buf_room(last->buf) >= (want < SMALL ? want : SMALL) && buf_room(last->buf) > 0) {
        *got = buf_room(last->buf);
        return last->buf->data + last->buf->used;
    }
    reserved = buf_create();
    *got = buf_room(reserved);
    return reserved->data;
}

void chain_commit(struct weir_chain *chain, size_t used)
{
    if (used == 0) {
        return;
    }
    if (!reserved) {
        chain->last->buf->used += (uint32_t)used;
        chain->last->n += used;
        chain->bytes += used;
        return;
    }
    reserved->used = (uint32_t)used;
    chain_add_buf(chain, reserved, reserved->data, used);
    buf_release(reserved);
    reserved = NULL;
}

void chain_trim(void)
{
    if (small_text && small_text->refs == 1) {
        buf_release(small_text);
        small_text = NULL;
    }
    recycle_trim(&links);
}
