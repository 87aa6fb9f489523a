/* SPDX-License-Identifier: Apache-2.0 */
/* process/stub.h - backends for `weir test`: they are in this process, at the other end of a pair of
 * sockets, and answer every request with what they were asked. */
#ifndef PROCESS_STUB_H
#define PROCESS_STUB_H

#include <weir/types.h>

struct weir_peer;

/* What all of them answer. */
struct stub_answer {
    uint32_t status;  /* 0: connections are refused */
    weir_map headers; /* weir_str */
    weir_str body;    /* empty: the upstream's name, and the request's head as it came */
};

void stub_init(const struct stub_answer *answer);
/* For peer_opener. */
int stub_open(struct weir_peer *peer);

#endif
