/* SPDX-License-Identifier: Apache-2.0 */
/* process/held.h - descriptors that outlive generations, by name and index: listening sockets by
 * address and worker, zones by their name. */
#ifndef PROCESS_HELD_H
#define PROCESS_HELD_H

#include <stdint.h>

#include "base/addr.h"
#include "base/zone.h"

#define HELD_NAME (ADDR_TEXT + 16 > ZONE_NAME ? ADDR_TEXT + 16 : ZONE_NAME)

struct held_fd {
    char name[HELD_NAME];
    uint32_t index;   /* of a socket: which worker's */
    int fd;
    unsigned used_by; /* newest generation that uses it */
};

struct held {
    struct held_fd *list;
    uint32_t n, cap;
};

/* -1: not held. */
int held_get(const struct held *held, const char *name, uint32_t index);
/* Marks it as used by `generation`; takes `fd`, unless that is -1, in place of what was held. */
void held_put(struct held *held, const char *name, uint32_t index, int fd, unsigned generation);
/* Closes what no generation from `generation` on uses. */
void held_drop_older(struct held *held, unsigned generation);

#endif
