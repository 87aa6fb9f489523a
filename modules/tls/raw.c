/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include <stdlib.h>
#include <string.h>

ptrdiff_t raw_fill(struct raw **raw_, weir_io *io)
{
    struct raw *raw = *raw_;

    if (!raw) {
        raw = malloc(sizeof(*raw));
        if (!raw) {
            return WEIR_IO_ERROR;
        }
        raw->at = raw->n = 0;
        *raw_ = raw;
    }
    if (raw->at > 0) {
        memmove(raw->bytes, raw->bytes + raw->at, raw->n);
        raw->at = 0;
    }
    ptrdiff_t got = weir_io_read(io, raw->bytes + raw->n, RAW_BYTES - raw->n);
    if (got > 0) {
        raw->n += (uint32_t)got;
    }
    return got;
}

size_t raw_take(struct raw *raw, void *p, size_t n)
{
    size_t taken = n < raw->n ? n : raw->n;

    memcpy(p, raw->bytes + raw->at, taken);
    raw->at += (uint32_t)taken;
    raw->n -= (uint32_t)taken;
    return taken;
}

void raw_rest(struct raw **raw)
{
    if (*raw && (*raw)->n == 0) {
        free(*raw);
        *raw = NULL;
    }
}
