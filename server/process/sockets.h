/* SPDX-License-Identifier: Apache-2.0 */
/* process/sockets.h - listening sockets by address and worker; a table of descriptors. */
#ifndef PROCESS_SOCKETS_H
#define PROCESS_SOCKETS_H

#include <stdint.h>

#include "base/addr.h"

struct held_socket {
    char address[ADDR_TEXT + 16];
    uint32_t index;   /* which worker's */
    int fd;
    unsigned used_by; /* newest generation that uses it */
};

struct sockets {
    struct held_socket *list;
    uint32_t n, cap;
};

/* -1: not held. */
int sockets_get(const struct sockets *sockets, const char *address, uint32_t index);
/* Keeps `fd`, or marks the one that is held as used by `generation` and closes `fd`. */
void sockets_put(struct sockets *sockets, const char *address, uint32_t index, int fd,
                 unsigned generation);
/* Closes what no generation from `generation` on uses. */
void sockets_drop_older(struct sockets *sockets, unsigned generation);

/* Opens a listening socket. Returns it or a negative errno. */
int socket_listen(const struct addr *addr);

#endif
