/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/proxy_protocol.h - what a peer is told about the client before the first byte of the
 * connection: the PROXY protocol, versions 1 (text) and 2 (binary). No I/O. */
#ifndef UPSTREAM_PROXY_PROTOCOL_H
#define UPSTREAM_PROXY_PROTOCOL_H

#include "base/addr.h"

#define PROXY_PROTOCOL_MAX 128 /* bytes that either version fits in */

/* Writes the header for a client at `from`, who connected to `to`; what is not IP is told as
 * unknown. Returns its length. */
size_t proxy_protocol_write(int version, const struct addr *from, const struct addr *to,
                            char out[PROXY_PROTOCOL_MAX]);

#endif
