/* SPDX-License-Identifier: Apache-2.0 */
#include "coder.h"

#include <string.h>

#include <brotli/encode.h>
#include <zstd.h>

#define SMALL_WINDOW 16384 /* bytes of body for which a small window is enough */

/* ---- brotli ---- */

static void *br_open(int level, int64_t length)
{
    BrotliEncoderState *state = BrotliEncoderCreateInstance(NULL, NULL, NULL);

    if (!state) {
        return NULL;
    }
    BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, (uint32_t)level);
    BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN,
                              length >= 0 && length <= SMALL_WINDOW ? 14 : 18);
    if (length > 0 && length < 1 << 30) {
        BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT, (uint32_t)length);
    }
    return state;
}

static int br_run(void *stream, weir_str in, enum coder_op op, void *out, size_t room,
                  size_t *taken, size_t *made)
{
    static const BrotliEncoderOperation operations[] = {
        BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH};
    const uint8_t *from = (const uint8_t *)in.p;
    size_t left = in.n, free_n = room;
    uint8_t *to = out;

    if (!BrotliEncoderCompressStream(stream, operations[op], &left, &from, &free_n, &to, NULL)) {
        return CODER_ERROR;
    }
    *taken = in.n - left;
    *made = room - free_n;
    if (op == CODER_END) {
        return BrotliEncoderIsFinished(stream) ? CODER_IDLE : CODER_MORE;
    }
    return left || BrotliEncoderHasMoreOutput(stream) ? CODER_MORE : CODER_IDLE;
}

static void br_close(void *stream)
{
    BrotliEncoderDestroyInstance(stream);
}

const struct coder coder_br = {"br", NULL, br_open, br_run, br_close};

/* ---- zstd ---- */

#define SPARE_MAX 8 /* contexts that are kept for the next body */

static ZSTD_CCtx *spare_zstd[SPARE_MAX];
static unsigned spare_zstd_n;

static void *zstd_open(int level, int64_t length)
{
    ZSTD_CCtx *context = spare_zstd_n ? spare_zstd[--spare_zstd_n] : ZSTD_createCCtx();

    if (!context) {
        return NULL;
    }
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    /* Clients refuse windows over 8 MiB (RFC 9659). */
    if (level > 15) {
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 23);
    }
    if (length >= 0) {
        ZSTD_CCtx_setPledgedSrcSize(context, (unsigned long long)length);
    }
    return context;
}

static int zstd_run(void *stream, weir_str in, enum coder_op op, void *out, size_t room,
                    size_t *taken, size_t *made)
{
    static const ZSTD_EndDirective directives[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
    ZSTD_inBuffer from = {in.p, in.n, 0};
    ZSTD_outBuffer to = {out, room, 0};
    size_t left = ZSTD_compressStream2(stream, &to, &from, directives[op]);

    *taken = from.pos;
    *made = to.pos;
    if (ZSTD_isError(left)) {
        return CODER_ERROR;
    }
    if (op == CODER_RUN) {
        return from.pos < in.n || to.pos == room ? CODER_MORE : CODER_IDLE;
    }
    return left ? CODER_MORE : CODER_IDLE;
}

static void zstd_close(void *stream)
{
    ZSTD_CCtx_reset(stream, ZSTD_reset_session_and_parameters);
    if (spare_zstd_n < SPARE_MAX) {
        spare_zstd[spare_zstd_n++] = stream;
    } else {
        ZSTD_freeCCtx(stream);
    }
}

const struct coder coder_zstd = {"zstd", NULL, zstd_open, zstd_run, zstd_close};

const struct coder *coder_find(weir_str name)
{
    static const struct coder *const all[] = {&coder_gzip, &coder_br, &coder_zstd};

    for (size_t i = 0; i < WEIR_COUNT(all); i++) {
        if (name.n == strlen(all[i]->name) && memcmp(name.p, all[i]->name, name.n) == 0) {
            return all[i];
        }
    }
    return NULL;
}
