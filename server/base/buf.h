/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf.h - counted byte buffers, recycled by the process. Readers hold slices into a buffer
 * and a reference each; it returns to the free list with the last reference. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <weir/types.h>

#define BUF_SIZE 32768u /* bytes of data in an ordinary buffer */

struct buf {
    struct buf *next_free;
    uint32_t refs;
    uint32_t cap;  /* bytes of data[] */
    uint32_t used; /* bytes written, by whoever fills it */
    char data[];
};

/* An empty buffer of BUF_SIZE (recycled) with one reference. */
struct buf *buf_create(void);
/* An empty buffer of `cap` bytes (not recycled unless cap is BUF_SIZE). */
struct buf *buf_create_sized(uint32_t cap);
void buf_free_last(struct buf *buf);

static inline struct buf *buf_retain(struct buf *buf)
{
    buf->refs++;
    return buf;
}

static inline void buf_release(struct buf *buf)
{
    if (--buf->refs == 0) {
        buf_free_last(buf);
    }
}

static inline size_t buf_room(const struct buf *buf)
{
    return buf->cap - buf->used;
}

/* Frees recycled buffers beyond what the last seconds needed. */
void buf_trim(void);

#endif
