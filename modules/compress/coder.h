/* SPDX-License-Identifier: Apache-2.0 */
/* coder.h - compression streams, one set of functions per library. */
#ifndef COMPRESS_CODER_H
#define COMPRESS_CODER_H

#include <weir/module.h>

enum coder_op {
    CODER_RUN,
    CODER_FLUSH, /* what has gone in can be decoded from what comes out */
    CODER_END
};

enum {
    CODER_ERROR = -1,
    CODER_IDLE = 0, /* took all, and made all that `op` asked for */
    CODER_MORE = 1  /* there is more to come out: call again with room */
};

/* With less room zlib says over and over that it has flushed (zlib.h, deflate()). */
#define CODER_FLUSH_ROOM 8

struct coder {
    const char *name;       /* as in Content-Encoding */
    const char *other_name; /* an older one that clients may accept it by; may be NULL */
    /* `length` of the body, -1 when it is not known. NULL: out of memory. */
    void *(*open)(int level, int64_t length);
    /* Takes *taken bytes of `in`, writes *made bytes to `out`. */
    int (*run)(void *stream, weir_str in, enum coder_op op, void *out, size_t room, size_t *taken,
               size_t *made);
    void (*close)(void *stream);
};

extern const struct coder coder_gzip, coder_br, coder_zstd;

/* By name; NULL: there is none. */
const struct coder *coder_find(weir_str name);

#endif
