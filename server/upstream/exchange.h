/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/exchange.h - one request at an upstream: attempts, the request out, the response back. */
#ifndef UPSTREAM_EXCHANGE_H
#define UPSTREAM_EXCHANGE_H

#include "upstream/group.h"

struct tunnel;

/* One try at one peer, kept for logs. */
struct attempt {
    const struct attempt *before; /* the one before; NULL: this was the first */
    const struct weir_peer *peer;
    uint64_t start_us, end_us;    /* end 0: under way */
    uint16_t status;              /* 0: no answer */
    weir_reason reason;           /* why it failed */
};

/* Hands the request to conf->upstream. WEIR_HANDLED. `conf` lives as long as the request. */
weir_rc exchange_start(struct weir_req *req, const weir_forward_conf *conf);
/* The request ends: lets go of everything. */
void exchange_end(struct weir_req *req);

/* The two connections that an upgraded HTTP/1 request became. NULL: it is none. */
struct tunnel *exchange_tunnel(struct weir_req *req);

#endif
