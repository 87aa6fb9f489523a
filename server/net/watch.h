/* SPDX-License-Identifier: Apache-2.0 */
/* net/watch.h - descriptors that modules have opened, in the loop. See weir_watch_start(). */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include <weir/module.h>

weir_watch *watch_start(int fd, uint32_t what, void (*fn)(void *arg, uint32_t what), void *arg);
void watch_change(weir_watch *watch, uint32_t what);
void watch_stop(weir_watch *watch);

#endif
