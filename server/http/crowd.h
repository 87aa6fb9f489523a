/* SPDX-License-Identifier: Apache-2.0 */
/* http/crowd.h - how many connections each address has, in this worker. An IPv6 address stands for its
 * /64, since who has one has all of them. */
#ifndef HTTP_CROWD_H
#define HTTP_CROWD_H

#include "base/addr.h"

/* At most `most` of one address; 0: any number, and nothing is counted. `all`: connections in all. */
void crowd_init(uint64_t most, uint64_t all);
/* One more of this address. False: there are too many. *key, which is 0 when it was not counted, is for
 * crowd_leave(). */
bool crowd_enter(const struct addr *addr, uint64_t *key);
void crowd_leave(uint64_t key);

#endif
