/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/sticky.h - clients that come back to the peer which answered them first: a cookie names
 * it. Over any balancer. */
#ifndef UPSTREAM_STICKY_H
#define UPSTREAM_STICKY_H

#include "http/fields.h"
#include "upstream/group.h"

/* The peer that the request's cookie names; NULL: none. */
struct weir_peer *sticky_peer(const struct upstream_group *group, const struct weir_req *req);
/* Tells the client who answered, unless it knows: one more response field. */
void sticky_mark(const struct weir_peer *peer, struct weir_req *req, struct fields *fields);

#endif
