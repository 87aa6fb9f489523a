/* SPDX-License-Identifier: Apache-2.0 */
/* process/sockets.h - opening listening sockets. */
#ifndef PROCESS_SOCKETS_H
#define PROCESS_SOCKETS_H

#include "base/addr.h"

/* Returns a socket that listens at `addr`, or a negative errno. */
int socket_listen(const struct addr *addr);

#endif
