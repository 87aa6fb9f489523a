/* SPDX-License-Identifier: Apache-2.0 */
/* weir/keep.h - what a filter makes of a stored response, kept beside it by whoever stores: so that it
 * is made once. Included by module.h; since 0.3.
 *
 * The filter stands behind WEIR_FILTER_CAPTURE, and is the first that changes what was stored. The head
 * is made anew each time, of the stored one; what is kept is the body alone, and it is not used any
 * more once the response that it was made of is replaced, or purged.
 */
#ifndef WEIR_KEEP_H
#define WEIR_KEEP_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_kept weir_kept;

/* What a module that stores responses offers: weir_module.keeper. */
typedef struct {
    uint32_t size;
    /* As weir_keep_open(); NEXT also where the response at hand is not this module's. */
    weir_rc (*open)(weir_req *req, weir_str name, void **state, uint64_t *length);
    void (*send)(void *state, weir_chain *out, uint64_t first, uint64_t n);
    bool (*add)(void *state, const char *p, size_t n);
    void (*close)(void *state, bool is_whole);
} weir_keeper_ops;

struct weir_keep_api {
    uint32_t size;
    weir_rc (*open)(weir_req *req, weir_str name, weir_kept **kept, uint64_t *length);
    void (*send)(weir_kept *kept, weir_chain *out, uint64_t first, uint64_t n);
    bool (*add)(weir_kept *kept, const char *p, size_t n);
    void (*close)(weir_kept *kept, bool is_whole);
};

/* A filter's open(): is there what has been made under this name of the response at hand? The name tells
 * all that it depends on, the stored bytes apart. WEIR_DONE: yes, *length bytes of it; WEIR_MORE: no, but
 * what is added will be kept; both until weir_keep_close(). WEIR_NEXT: nothing is kept. */
static inline weir_rc weir_keep_open(weir_req *req, weir_str name, weir_kept **kept,
                                     uint64_t *length)
{
    return weir_host_->keep->open(req, name, kept, length);
}

/* After DONE: appends `n` bytes, from `first` on. */
static inline void weir_keep_send(weir_kept *kept, weir_chain *out, uint64_t first, uint64_t n)
{
    weir_host_->keep->send(kept, out, first, n);
}

/* After MORE: adds a copy of the next bytes. False: it cannot be kept; weir_keep_close() is due still. */
static inline bool weir_keep_add(weir_kept *kept, const char *p, size_t n)
{
    return weir_host_->keep->add(kept, p, n);
}

/* Once, before the request ends. After MORE, with `is_whole`: all of it was added, it may be used. */
static inline void weir_keep_close(weir_kept *kept, bool is_whole)
{
    weir_host_->keep->close(kept, is_whole);
}

#ifdef __cplusplus
}
#endif
#endif
