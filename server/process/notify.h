/* SPDX-License-Identifier: Apache-2.0 */
/* process/notify.h - tells a service manager how things stand (sd_notify(3)). */
#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

#include <stdint.h>

/* Sends `state` to $NOTIFY_SOCKET, if there is one. */
void notify_state(const char *state);
/* RELOADING=1 with the time that systemd wants beside it. */
void notify_reloading(void);
/* Tells a manager that wants to hear of it (WATCHDOG_USEC) that this process lives, if that is due.
 * Returns when it is next, by clock_now.ms; 0: never. */
uint64_t notify_watchdog(void);

#endif
