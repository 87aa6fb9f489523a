/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include "base/memory.h"
#include "http/client.h"
#include "http/handover.h"
#include "net/listen.h"
#include "upstream/health.h"
#include "upstream/names.h"

static struct acceptor *acceptors;
static uint32_t acceptor_n;

static uint64_t connections_max;
static bool is_paused; /* by server_pause() */

static void on_accept(struct acceptor *acceptor, int fd, const struct addr *addr)
{
    client_open(acceptor->arg, fd, addr, true);
    if (client_count >= connections_max && !clients_draining) {
        log_warn("server.connections: %u clients are connected, more have to wait", client_count);
        for (uint32_t i = 0; i < acceptor_n; i++) {
            acceptor_pause(&acceptors[i]);
        }
    }
}

/* A place became free. Accepting begins again a little below the limit, so that it does not
 * flutter. */
static void on_client_gone(void)
{
    if (!is_paused && client_count + 1 + connections_max / 64 <= connections_max) {
        for (uint32_t i = 0; i < acceptor_n; i++) {
            acceptor_resume(&acceptors[i]);
        }
    }
}

int server_start(const struct config *config, const struct listen_fd *fds, uint32_t n, int taken)
{
    acceptor_n = n;
    connections_max = (uint64_t)config->server.connections;
    clients_on_gone = on_client_gone;
    acceptors = mem_zalloc((acceptor_n + 1) * sizeof(*acceptors));
    for (uint32_t i = 0; i < acceptor_n; i++) {
        acceptor_start(&acceptors[i], fds[i].fd, on_accept,
                       (void *)(uintptr_t)fds[i].listener);
    }
    if (taken >= 0) {
        handover_take(config, taken);
    }
    names_start(config);
    health_start(config);
    return 0;
}

void server_pause(void)
{
    is_paused = true;
    for (uint32_t i = 0; i < acceptor_n; i++) {
        acceptor_pause(&acceptors[i]);
    }
    handover_pause();
}

void server_resume(void)
{
    is_paused = false;
    for (uint32_t i = 0; i < acceptor_n; i++) {
        acceptor_resume(&acceptors[i]);
    }
    handover_resume();
}

void server_drain(void (*done)(void), int given)
{
    for (uint32_t i = 0; i < acceptor_n; i++) {
        acceptor_stop(&acceptors[i]);
    }
    health_stop();
    clients_on_empty = done;
    clients_moving = given >= 0;
    clients_drain();
    if (given >= 0) {
        handover_give(given);
    }
}

unsigned server_connections(void)
{
    return client_count;
}
