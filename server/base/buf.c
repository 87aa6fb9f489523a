/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/recycle.h"

static struct recycle bufs = {.size = sizeof(struct buf) + BUF_SIZE};

static struct buf *start(struct buf *buf, uint32_t cap)
{
    buf->refs = 1;
    buf->cap = cap;
    buf->used = 0;
    return buf;
}

struct buf *buf_create(void)
{
    return start(recycle_take(&bufs), BUF_SIZE);
}

struct buf *buf_create_sized(uint32_t cap)
{
    return start(mem_alloc(sizeof(struct buf) + cap), cap);
}

void buf_free_last(struct buf *buf)
{
    if (buf->cap == BUF_SIZE) {
        recycle_put(&bufs, buf);
    } else {
        free(buf);
    }
}

void buf_trim(void)
{
    recycle_trim(&bufs);
}
