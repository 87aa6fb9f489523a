/* SPDX-License-Identifier: Apache-2.0 */
/* http/server.h - the HTTP server of one worker. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "config/config.h"

/* Accepts connections of config->listeners[i] from fds[i] (listening, non-blocking). After
 * loop_init(). Returns 0 or a negative errno. */
int server_start(const struct config *config, const int *fds);

/* Stops accepting once the queues are empty; answers what is under way and one more request of each keep-alive connection
 * with "Connection: close"; calls done() when no connection is left. */
void server_drain(void (*done)(void));

/* How many client connections are open. */
unsigned server_connections(void);

/* The tables that modules get. */
const weir_host *host_tables(void);

#endif
