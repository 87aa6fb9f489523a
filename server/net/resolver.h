/* SPDX-License-Identifier: Apache-2.0 */
/* net/resolver.h - names to addresses without holding up the loop: the system's own resolver
 * (files, DNS, whatever nsswitch.conf says) in a thread of its own. */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include "base/addr.h"

#define RESOLVER_MAX 16 /* addresses of a name that are used */

/* One lookup; in its owner, who stays. */
struct lookup {
    char host[256];
    char port[8];
    /* In the loop. found 0: `error` is what getaddrinfo() said. */
    void (*done)(struct lookup *lookup);
    void *owner;
    struct addr addrs[RESOLVER_MAX];
    unsigned found;
    int error;
};

/* Begins; done() is called later, once. False: no thread could be made, and done() will not be. */
bool lookup_start(struct lookup *lookup);

#endif
