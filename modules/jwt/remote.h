/* SPDX-License-Identifier: Apache-2.0 */
/* jwt/remote.h - a key set behind a URL: fetched when a worker starts, every few minutes, and when a
 * token names a key that is not known. */
#ifndef JWT_REMOTE_H
#define JWT_REMOTE_H

#include <weir/module.h>

#include "keys.h"

struct remote;

/* Somebody who waits for the next fetch to end; embedded in the request's state. */
struct remote_waiter {
    struct remote_waiter *next;
    void (*fn)(struct remote_waiter *waiter);
};

/* commit(). NULL: a mistake was reported. */
struct remote *remote_open(weir_cfg *cfg, const char *opt, weir_str url);
/* worker_start(): asks for all of them. */
void remotes_start(void);

/* NULL: none came yet. */
const struct key *remote_keys(const struct remote *remote);
/* Waits for a fetch that is under way, or for one that begins now; they are at least five seconds apart,
 * so that tokens with invented keys cost nothing. False: there will be none. */
bool remote_wait(struct remote *remote, struct remote_waiter *waiter);
/* Harmless when it does not wait. */
void remote_leave(struct remote *remote, struct remote_waiter *waiter);

#endif
