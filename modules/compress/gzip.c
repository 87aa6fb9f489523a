/* SPDX-License-Identifier: Apache-2.0 */
/* gzip.c - gzip (RFC 1952) by zlib, and up to FAST_LEVEL by ISA-L where that is there: level for level
 * it makes as little, in a fifth of the time. */
#include "coder.h"

#include <stdlib.h>

#ifdef HAVE_ISAL
#include <isa-l.h>
#endif
#include <zlib.h>

#define FAST_LEVEL 3

/* Streams are kept for the next body: making one costs more than compressing a small page. */
#define SPARE_MAX 8

struct gzip {
    int level;
    bool is_fast;
    z_stream z;
#ifdef HAVE_ISAL
    struct isal_zstream *fast;
#endif
};

static struct gzip *spare[SPARE_MAX];
static unsigned spare_n;

/* ---- ISA-L ---- */

#ifdef HAVE_ISAL

static bool fast_open(struct gzip *gzip)
{
    static const uint32_t rooms[FAST_LEVEL + 1] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                                   ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
    uint32_t room = rooms[gzip->level];

    gzip->fast = malloc(sizeof(*gzip->fast) + room);
    if (!gzip->fast) {
        return false;
    }
    isal_deflate_init(gzip->fast);
    gzip->fast->level = (uint32_t)gzip->level;
    gzip->fast->level_buf = (uint8_t *)(gzip->fast + 1);
    gzip->fast->level_buf_size = room;
    gzip->fast->gzip_flag = IGZIP_GZIP;
    return true;
}

static int fast_run(struct isal_zstream *z, weir_str in, enum coder_op op, void *out, size_t room,
                    size_t *taken, size_t *made)
{
    z->next_in = (uint8_t *)(uintptr_t)in.p;
    z->avail_in = (uint32_t)in.n;
    z->next_out = out;
    z->avail_out = (uint32_t)room;
    z->flush = op == CODER_FLUSH ? SYNC_FLUSH : NO_FLUSH;
    z->end_of_stream = op == CODER_END;
    int rc = isal_deflate(z);
    *taken = in.n - z->avail_in;
    *made = room - z->avail_out;
    if (rc != COMP_OK) {
        return CODER_ERROR;
    }
    if (op == CODER_END) {
        return z->internal_state.state == ZSTATE_END ? CODER_IDLE : CODER_MORE;
    }
    return z->avail_out == 0 ? CODER_MORE : CODER_IDLE;
}

#endif

/* ---- zlib ---- */

static int zlib_run(z_stream *z, weir_str in, enum coder_op op, void *out, size_t room,
                    size_t *taken, size_t *made)
{
    static const int flush[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};

    z->next_in = (unsigned char *)(uintptr_t)in.p;
    z->avail_in = (unsigned)in.n;
    z->next_out = out;
    z->avail_out = (unsigned)room;
    int rc = deflate(z, flush[op]);
    *taken = in.n - z->avail_in;
    *made = room - z->avail_out;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
        return CODER_ERROR;
    }
    if (op == CODER_END) {
        return rc == Z_STREAM_END ? CODER_IDLE : CODER_MORE;
    }
    return z->avail_out == 0 ? CODER_MORE : CODER_IDLE;
}

/* ---- either ---- */

static struct gzip *take_spare(int level)
{
    for (unsigned i = 0; i < spare_n; i++) {
        struct gzip *gzip = spare[i];

        if (gzip->level == level) {
            spare[i] = spare[--spare_n];
            return gzip;
        }
    }
    return NULL;
}

static bool start(struct gzip *gzip)
{
#ifdef HAVE_ISAL
    if (gzip->level <= FAST_LEVEL) {
        gzip->is_fast = true;
        return fast_open(gzip);
    }
#endif
    return deflateInit2(&gzip->z, gzip->level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

static void *gzip_open(int level, int64_t length)
{
    struct gzip *gzip = take_spare(level);

    (void)length;
    if (gzip) {
        return gzip;
    }
    gzip = calloc(1, sizeof(*gzip));
    if (!gzip) {
        return NULL;
    }
    gzip->level = level;
    if (!start(gzip)) {
        free(gzip);
        return NULL;
    }
    return gzip;
}

static int gzip_run(void *stream, weir_str in, enum coder_op op, void *out, size_t room,
                    size_t *taken, size_t *made)
{
    struct gzip *gzip = stream;

    in.n = in.n < 1u << 30 ? in.n : 1u << 30;
#ifdef HAVE_ISAL
    if (gzip->is_fast) {
        return fast_run(gzip->fast, in, op, out, room, taken, made);
    }
#endif
    return zlib_run(&gzip->z, in, op, out, room, taken, made);
}

/* Ready for another body. */
static bool renew(struct gzip *gzip)
{
#ifdef HAVE_ISAL
    if (gzip->is_fast) {
        isal_deflate_reset(gzip->fast);
        return true;
    }
#endif
    return deflateReset(&gzip->z) == Z_OK;
}

static void gzip_close(void *stream)
{
    struct gzip *gzip = stream;

    if (spare_n < SPARE_MAX && renew(gzip)) {
        spare[spare_n++] = gzip;
        return;
    }
#ifdef HAVE_ISAL
    free(gzip->fast);
#endif
    if (!gzip->is_fast) {
        deflateEnd(&gzip->z);
    }
    free(gzip);
}

const struct coder coder_gzip = {"gzip", "x-gzip", gzip_open, gzip_run, gzip_close};
