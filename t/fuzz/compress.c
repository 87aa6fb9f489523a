/* SPDX-License-Identifier: Apache-2.0 */
/* Compression streams: however what goes in is cut, and however little room there is for what comes
 * out, decoders make the same of it; what was flushed can be decoded at once.
 *
 * The input: three bytes choose coding and level, pieces and room; the rest is the body. */
#include <stdlib.h>
#include <string.h>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "coder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (1 << 21)

static char packed[OUT_MAX], plain[OUT_MAX];

/* What decoders make of the first `n` packed bytes; `is_end`: the stream has to be complete. */
static size_t decode(const struct coder *coder, size_t n, bool is_end)
{
    size_t made = 0;
    bool is_complete;

    if (coder == &coder_gzip) {
        z_stream z = {.next_in = (unsigned char *)packed,
                      .avail_in = (unsigned)n,
                      .next_out = (unsigned char *)plain,
                      .avail_out = OUT_MAX};

        inflateInit2(&z, 15 + 16);
        is_complete = inflate(&z, Z_SYNC_FLUSH) == Z_STREAM_END && z.avail_in == 0;
        made = z.total_out;
        inflateEnd(&z);
    } else if (coder == &coder_br) {
        BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
        const uint8_t *in = (const uint8_t *)packed;
        uint8_t *out = (uint8_t *)plain;
        size_t room = OUT_MAX;

        is_complete = BrotliDecoderDecompressStream(state, &n, &in, &room, &out, &made) ==
                          BROTLI_DECODER_RESULT_SUCCESS &&
                      n == 0;
        BrotliDecoderDestroyInstance(state);
    } else {
        ZSTD_DCtx *state = ZSTD_createDCtx();
        ZSTD_inBuffer in = {packed, n, 0};
        ZSTD_outBuffer out = {plain, OUT_MAX, 0};
        size_t rc = 1;

        while (in.pos < n && !ZSTD_isError(rc)) {
            rc = ZSTD_decompressStream(state, &out, &in);
        }
        is_complete = rc == 0;
        made = out.pos;
        ZSTD_freeDCtx(state);
    }
    if (is_end && !is_complete) {
        abort();
    }
    return made;
}

/* Passes `in` on; returns where what comes out ends. */
static size_t run(const struct coder *coder, void *stream, weir_str in, enum coder_op op,
                  size_t room, size_t at)
{
    size_t taken, made;
    int rc;

    do {
        if (at + room > OUT_MAX) {
            abort(); /* nothing grows like that */
        }
        rc = coder->run(stream, in, op, packed + at, room, &taken, &made);
        if (rc < 0 || taken > in.n || made > room) {
            abort();
        }
        in.p += taken;
        in.n -= taken;
        at += made;
    } while (rc == CODER_MORE || in.n > 0);
    return at;
}

static void check(const struct coder *coder, int level, weir_str body, size_t piece, size_t room,
                  bool is_flushed)
{
    void *stream = coder->open(level, -1);
    size_t at = 0;

    room = is_flushed && room < CODER_FLUSH_ROOM ? CODER_FLUSH_ROOM : room;
    for (size_t done = 0; done < body.n; done += piece) {
        weir_str part = {body.p + done, piece < body.n - done ? piece : body.n - done};

        at = run(coder, stream, part, is_flushed ? CODER_FLUSH : CODER_RUN, room, at);
        if (is_flushed && (decode(coder, at, false) != done + part.n ||
                           memcmp(plain, body.p, done + part.n) != 0)) {
            abort();
        }
    }
    at = run(coder, stream, (weir_str){"", 0}, CODER_END, room, at);
    coder->close(stream);
    if (decode(coder, at, true) != body.n || (body.n && memcmp(plain, body.p, body.n) != 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct coder *const coders[] = {&coder_gzip, &coder_br, &coder_zstd};

    if (size < 3 || size > 4096) {
        return 0;
    }
    weir_str body = {(const char *)data + 3, size - 3};
    size_t piece = data[1] ? data[1] : body.n + 1, room = data[2] ? data[2] : 4096;

    check(coders[data[0] % 3], data[0] & 0x40 ? 1 + data[0] / 3 % 5 : 1, body, piece, room, data[0] & 0x80);
    return 0;
}
