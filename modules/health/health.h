/* SPDX-License-Identifier: Apache-2.0 */
/* health.h - one check of one peer: a connection, what is sent on it, and what its answer means. */
#ifndef HEALTH_H
#define HEALTH_H

#include <weir/module.h>

#define CHECK_BUFFER 65536 /* bytes of an answer that are looked at */

enum verdict {
    VERDICT_MORE, /* not enough has come to tell */
    VERDICT_GOOD,
    VERDICT_BAD   /* check->why says why */
};

struct check {
    const weir_health_check *about;
    const struct protocol *protocol;
    weir_health_done_fn *done;
    void *arg;
    int fd;
    weir_watch *watch;
    char *out;         /* what is to be sent */
    size_t out_n, out_at;
    char *in;          /* what has come */
    size_t in_n;
    bool ended;        /* the peer has closed its side */
    char why[160];
};

/* What is spoken: a row of the table in health.c. */
struct protocol {
    /* Makes check->out, with malloc(). False: out of memory. */
    bool (*ask)(struct check *check);
    /* Looks at what has come so far. */
    enum verdict (*judge)(struct check *check);
};

__attribute__((visibility("hidden"))) bool http_ask(struct check *check);
__attribute__((visibility("hidden"))) enum verdict http_judge(struct check *check);
__attribute__((visibility("hidden"))) bool grpc_ask(struct check *check);
__attribute__((visibility("hidden"))) enum verdict grpc_judge(struct check *check);

#endif
