/* SPDX-License-Identifier: Apache-2.0 */
/* http/filter_chain.h - body filters in a row, with a bounded edge in front of each. Knows nothing
 * of requests: bytes in, bytes out. */
#ifndef HTTP_FILTER_CHAIN_H
#define HTTP_FILTER_CHAIN_H

#include <weir/filter.h>

#include "base/chain.h"

struct account;
struct module;

#define FILTER_WINDOW (64 * 1024)    /* bytes that wait in front of a filter */
#define FILTER_WHOLE_MAX (1024 * 1024) /* the same for WEIR_FILTER_WHOLE */

struct filter_stage {
    const weir_filter_ops *ops;
    const struct module *module;
    const struct account *account; /* may be NULL */
    void *state;
    struct weir_chain in;
    bool has_news; /* something changed since it said OK, or it said MORE */
    bool flush;    /* an order to flush has come */
    bool ended;    /* `in` holds the rest */
    bool done;     /* and that is used up */
    bool waits;    /* it said AGAIN */
};

struct filter_chain {
    struct weir_req *req;
    struct filter_stage *stages;
    uint32_t n;
    uint64_t window;   /* of each edge */
    uint64_t taken;    /* bytes put in */
    const char *error; /* why it failed; NULL: it has not */
};

/* Appends all of `data` to the first edge; flags as in weir_filter_ops.run. */
void filter_chain_put(struct filter_chain *chain, struct weir_chain *data, uint32_t flags);
/* Lets all stages do what they can, until `out` holds `limit` bytes. False: one failed. */
bool filter_chain_run(struct filter_chain *chain, struct weir_chain *out, uint64_t limit);
/* Is there something that a run could do? */
bool filter_chain_can_run(const struct filter_chain *chain);
/* Everything that was put in, the end included, has gone through. */
bool filter_chain_is_done(const struct filter_chain *chain);
/* Bytes on the edges, but for those that are collected on purpose. */
uint64_t filter_chain_waiting(const struct filter_chain *chain);
/* Who had said AGAIN is asked once more. */
void filter_chain_wake(struct filter_chain *chain);
/* Closes all stages; may be called twice. */
void filter_chain_close(struct filter_chain *chain);

/* For the modules' table: see weir/host.h. */
uint64_t filter_chain_room(const struct weir_chain *out);
void *filter_chain_reserve(struct weir_chain *out, size_t want, size_t *got);

#endif
