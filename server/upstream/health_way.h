/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health_way.h - the way of a check to a peer that speaks TLS. The module that checks knows
 * nothing of that: it is given one end of a pair of sockets, and what passes there in the clear goes to
 * the peer and comes from it through the transport. */
#ifndef UPSTREAM_HEALTH_WAY_H
#define UPSTREAM_HEALTH_WAY_H

#include "base/addr.h"
#include "net/conn.h"
#include "upstream/tunnel.h"

struct tls_client;

struct health_way {
    struct conn peer, pair;
    struct tunnel tunnel;
    bool is_open, is_joined;
    /* Hands are shaken: `fd` is the check's, who owns it. Or (-1) `why` not. Never called by
     * health_way_open(); may close the way. */
    void (*on_ready)(struct health_way *way, int fd, const char *why);
};

/* False with errno. `name` is what the peer's certificate has to say, if the settings say nothing. */
bool health_way_open(struct health_way *way, const struct addr *addr, const struct tls_client *tls,
                     weir_str name);
/* May be called twice, and before the first open. */
void health_way_close(struct health_way *way);

#endif
