/* SPDX-License-Identifier: Apache-2.0 */
/* http/handover.h - connections that move from a draining worker to one of the next generation:
 * those whose state is their descriptors and a few bytes. That is idle HTTP/1 connections and
 * tunnels, as long as both sides are plain sockets.
 *
 * Each goes as one message into a SOCK_SEQPACKET pair that the master keeps: draining workers write
 * to one end, the others read from the other, and the kernel gives each message to one of them. */
#ifndef HTTP_HANDOVER_H
#define HTTP_HANDOVER_H

#include "config/config.h"

struct client;

/* Takes over what other workers give, from `in` on, until handover_give(). */
void handover_take(const struct config *config, int in);
/* Leaves what others give to yet others, for a while. */
void handover_pause(void);
void handover_resume(void);
/* From now on this worker gives: what can move now does, the rest as it becomes able to. */
void handover_give(int out);

/* An idle HTTP/1 connection leaves; it is closed here. False: it stays for now. */
bool handover_client(struct client *client);

#endif
