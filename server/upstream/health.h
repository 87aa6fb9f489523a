/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health.h - when peers are checked, and by which worker: one checks for all. What a check
 * is, a module knows (weir/peers.h); what follows from it, peer_checked() does. */
#ifndef UPSTREAM_HEALTH_H
#define UPSTREAM_HEALTH_H

struct config;

/* In a worker, once its loop exists. */
void health_start(const struct config *config);
/* The worker drains: another one goes on. */
void health_stop(void);

#endif
