/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/socket_hint.h - why a connection failed at once, in words that help to mend it. */
#ifndef UPSTREAM_SOCKET_HINT_H
#define UPSTREAM_SOCKET_HINT_H

#include "base/addr.h"
#include "base/arena.h"

/* "connect: No such file or directory: ..."; of a unix socket with its path and with the sockets
 * that are in its folder instead. */
const char *socket_hint(struct arena *arena, const struct addr *addr, int error);

#endif
