/* SPDX-License-Identifier: Apache-2.0 */
/* The chunked coding: byte by byte gives the same body and end as all at once. */
#include <stdlib.h>
#include <string.h>

#include "http/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum chunked_result result;
    size_t used, body;
    uint64_t sum;
};

static struct outcome decode(const char *text, size_t size, size_t step)
{
    struct outcome o = {.result = CHUNKED_MORE};
    struct chunked c;
    struct fields trailers;
    struct arena arena;

    arena_init(&arena);
    fields_init(&trailers, &arena);
    chunked_init(&c);
    while (o.used < size && o.result == CHUNKED_MORE) {
        const char *p = text + o.used;
        size_t left = step < size - o.used ? step : size - o.used, before = left;
        weir_str piece;

        while ((o.result = chunked_decode(&c, &p, &left, &piece, &trailers, NULL)) ==
               CHUNKED_DATA) {
            for (size_t i = 0; i < piece.n; i++) {
                o.sum = o.sum * 31 + (unsigned char)piece.p[i];
            }
            o.body += piece.n;
        }
        o.used += before - left;
    }
    arena_fini(&arena);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = decode((const char *)data, size, size + 1);
    struct outcome bytes = decode((const char *)data, size, 1);

    if (whole.result != bytes.result || whole.body != bytes.body || whole.sum != bytes.sum ||
        whole.used != bytes.used) {
        abort();
    }
    return 0;
}
