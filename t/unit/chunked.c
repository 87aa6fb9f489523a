/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include "base/str.h"
#include "http/chunked.h"

/* Decodes `text` in pieces of `step` bytes; returns the body's length, -1 for an error, -2 when it
 * does not end. */
static long decode(const char *text, size_t step, struct fields *trailers, char *out)
{
    struct chunked c;
    size_t n = strlen(text), body = 0;

    chunked_init(&c);
    for (size_t at = 0; at < n;) {
        const char *p = text + at;
        size_t left = step < n - at ? step : n - at;
        size_t before = left;
        enum chunked_result result;
        weir_str data;

        while ((result = chunked_decode(&c, &p, &left, &data, trailers, NULL)) == CHUNKED_DATA) {
            memcpy(out + body, data.p, data.n);
            body += data.n;
        }
        at += before - left;
        if (result == CHUNKED_END) {
            return (long)body;
        }
        if (result == CHUNKED_ERROR) {
            return -1;
        }
    }
    return -2;
}

int main(void)
{
    static const char good[] = "5;ext=\"a\"\r\nhello\r\n0A\r\n, chunked!\r\n0\r\nX-One: two\r\n\r\n";
    static const char *const bad[] = {
        "\r\n",        "g\r\n",          "0x5\r\nhello\r\n",  "5\nhello\r\n",  "5\r\nhelloX\r\n",
        "5\r\nhello\n", " 5\r\nhello\r\n", "-5\r\nhello\r\n",  "5 \r\nhello\r\n", "5;\x01\r\nhello\r\n",
        "11111111111111111\r\n", "ffffffffffffffff\r\n", "0\r\n folded\r\n\r\n", "0\r\nX Y: z\r\n\r\n",
        "0\r\nContent-Length: 5\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\nno colon\r\n\r\n",
        "0\r\nHost: a\r\n\r\n", "0\rX", "5\rhello\r\n",
    };
    struct fields trailers;
    struct arena arena;
    char out[256];

    arena_init(&arena);
    for (size_t step = 1; step < sizeof(good); step++) {
        fields_init(&trailers, &arena);
        long n = decode(good, step, &trailers, out);

        if (n != 15 || memcmp(out, "hello, chunked!", 15) != 0 || trailers.n != 1 ||
            !str_eq(trailers.list[0].value, STR("two"))) {
            ok(false, "in pieces of %zu bytes: %ld", step, n);
        }
    }
    ok(true, "every way to cut it gives the same body and trailer");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fields_init(&trailers, &arena);
        ok(decode(bad[i], 1000, &trailers, out) == -1, "bad coding %zu is refused", i);
    }
    ok(chunked_head(0x1a2b, out) == 6 && memcmp(out, "1a2b\r\n", 6) == 0, "a chunk's head");
    arena_fini(&arena);
    return done_testing();
}
