/* SPDX-License-Identifier: Apache-2.0 */
/* raw.h - bytes from the socket that nobody has taken yet. OpenSSL reads a record's head and then its
 * rest; the socket is read once for all that is there. */
#ifndef TLS_RAW_H
#define TLS_RAW_H

#include <weir/module.h>

#define RAW_BYTES (16384 + 256 + 5 + 64) /* a record of the largest size */

struct raw {
    uint32_t at, n; /* what is left lies at `at`, `n` bytes */
    unsigned char bytes[RAW_BYTES];
};

/* Makes *raw, when there is none, and reads from the socket behind what it holds. Returns the number of
 * bytes read, or WEIR_IO_*. */
ptrdiff_t raw_fill(struct raw **raw, weir_io *io);
/* Takes up to `n` of its bytes. */
size_t raw_take(struct raw *raw, void *p, size_t n);
/* An empty one costs no memory. */
void raw_rest(struct raw **raw);

#endif
