/* SPDX-License-Identifier: Apache-2.0 */
/* weir/filter.h - body filters: what reads or changes a body on its way through.
 *
 * A filter is a step between two bounded edges. The host calls run() with what has come; the filter
 * takes what it can from `in` and appends to `out` while there is room. Nothing blocks, nothing is
 * held but what the filter itself keeps, so a slow client slows the backend down. A body without
 * filters never enters user memory. Included by module.h; since 0.3.
 */
#ifndef WEIR_FILTER_H
#define WEIR_FILTER_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Filters stand in this order; inside a stage before/after and then the module's name decide. A
 * response that a hook of WEIR_REQ_LOOKUP makes is one that was stored: it passes those behind
 * CAPTURE alone. */
enum {
    WEIR_FILTER_DECODE = 10,    /* undoes a coding */
    WEIR_FILTER_TRANSFORM = 20, /* changes the content */
    WEIR_FILTER_CAPTURE = 30,   /* keeps a copy: a cache's store, a mirror */
    WEIR_FILTER_ENCODE = 40     /* applies a coding */
};

/* What the host has to do for it. */
enum {
    WEIR_FILTER_LENGTH = 1,   /* the length changes: Content-Length goes */
    WEIR_FILTER_BYTES = 2,    /* the bytes change: a strong ETag becomes weak, digests go */
    WEIR_FILTER_READONLY = 4, /* nothing changes: it is asked about parts (206), too */
    WEIR_FILTER_WHOLE = 8,    /* run() gets all of the body at once, if it is not over 1 MiB */
    WEIR_FILTER_FILE_OK = 16, /* passes what it gets on by weir_chain_move(): files stay files */
    WEIR_FILTER_NO_RANGE = 32 /* no part can be made: the client's Range is not passed on */
};

enum {
    WEIR_IN_FLUSH = 1, /* pass on what can be: nothing more may come for a while */
    WEIR_IN_END = 2    /* `in` holds all that is left */
};

typedef struct weir_filter_ops {
    uint32_t size;
    uint32_t stage;             /* WEIR_FILTER_DECODE .. WEIR_FILTER_ENCODE */
    uint32_t props;             /* WEIR_FILTER_LENGTH .. */
    const char *name;
    const char *before, *after; /* as in weir_hook */
    weir_side side;             /* WEIR_REQUEST: of the request's body; or WEIR_RESPONSE */
    /* A body is about to come: response side after the hooks of WEIR_RES_START, also when only the
     * head will be sent (HEAD: then run() is not called); request side after WEIR_REQ_PREPARE. May
     * edit fields. WEIR_DONE: take part, with *state; WEIR_NEXT: leave me out; close() is not
     * called then. */
    weir_rc (*open)(weir_req *req, const void *conf, void **state);
    /* WEIR_OK: took what I could; what is left in `in` stays for the next call, when there is more.
     * With WEIR_IN_END it is called until it says so with `in` empty. WEIR_MORE: `out` is full, call
     * me again when there is room. WEIR_AGAIN: not now, weir_pull_ready() will tell. WEIR_ERROR: the
     * stream is aborted. */
    weir_rc (*run)(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags);
    void (*close)(weir_req *req, void *state); /* once, at the body's end or the request's; or NULL */
} weir_filter_ops;

#ifdef __cplusplus
}
#endif
#endif
