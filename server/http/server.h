/* SPDX-License-Identifier: Apache-2.0 */
/* http/server.h - the HTTP server of one worker. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "config/config.h"

/* A listening, non-blocking socket. */
struct listen_fd {
    int fd;
    const struct listener *listener;
};

/* Accepts connections from the `n` sockets, and takes over what draining workers give through
 * `taken` (-1: nothing). After loop_init(). Returns 0 or a negative errno. */
int server_start(const struct config *config, const struct listen_fd *fds, uint32_t n, int taken);

/* Stops accepting once the queues are empty, and answers what is under way. What can move to the next
 * generation goes into `given` (-1: there is none): see handover.h. The other kept connections get one
 * more answer, with "Connection: close". Calls done() when no connection is left. */
void server_drain(void (*done)(void), int given);

/* Leaves new connections to others for a while; those that are here go on. */
void server_pause(void);
void server_resume(void);

/* How many client connections are open. */
unsigned server_connections(void);

/* The tables that modules get. */
const weir_host *host_tables(void);

#endif
