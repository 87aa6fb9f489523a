/* SPDX-License-Identifier: Apache-2.0 */
/* net/offload.h - work that blocks, on a few threads; its end is told on the loop's thread. */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include <stdbool.h>

/* Calls work(arg) on a thread, then done(arg) from the loop. Threads are started when they are
 * needed. False: there is no loop in this process. */
bool offload_start(void (*work)(void *arg), void (*done)(void *arg), void *arg);

#endif
