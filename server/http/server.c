/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/client.h"
#include "http/crowd.h"
#include "http/handover.h"
#include "net/listen.h"
#include "upstream/health.h"
#include "upstream/names.h"

#include <unistd.h>

static struct acceptor *acceptors;
static uint32_t acceptor_n;

static uint64_t connections_max;
static bool is_paused; /* by server_pause() */

#define LOG_INTERVAL_MS 1000
#define FULL_PAUSE_MS 100 /* how soon accepting is tried again without a free descriptor */

static struct timer full_timer;

static void pause_all(void)
{
    for (uint32_t i = 0; i < acceptor_n; i++) {
        acceptor_pause(&acceptors[i]);
    }
}

static void resume_all(void)
{
    for (uint32_t i = 0; i < acceptor_n; i++) {
        acceptor_resume(&acceptors[i]);
    }
}

/* Who floods is not to flood the log. */
static bool is_time_to_say(uint64_t *last_ms)
{
    bool is_time = *last_ms == 0 || clock_now.ms - *last_ms >= LOG_INTERVAL_MS;

    *last_ms = is_time ? clock_now.ms : *last_ms;
    return is_time;
}

static void turn_away(int fd, const struct addr *addr)
{
    static uint64_t said_ms;
    char text[ADDR_TEXT];

    close(fd);
    if (is_time_to_say(&said_ms)) {
        addr_format_host(addr, text);
        log_warn("server.connections_per_address: %s has that many connections, more of it are closed",
                 text);
    }
}

static void on_accept(struct acceptor *acceptor, int fd, const struct addr *addr)
{
    static uint64_t said_ms;
    uint64_t key;

    if (!crowd_enter(addr, &key)) {
        turn_away(fd, addr);
        return;
    }
    client_open(acceptor->arg, fd, addr, key, true);
    if (memory_is_short()) {
        clients_give_way();
    }
    if (client_count < connections_max || clients_draining) {
        return;
    }
    bool has_place = clients_give_way();
    if (is_time_to_say(&said_ms)) {
        log_warn("server.connections: %u clients are connected, %s", client_count + has_place,
                 has_place ? "the one that has waited longest was closed" : "more have to wait");
    }
    if (!has_place) {
        pause_all();
    }
}

/* A place became free. Accepting begins again a little below the limit, so that it does not
 * flutter. */
static void on_client_gone(void)
{
    if (!is_paused && client_count + 1 + connections_max / 64 <= connections_max) {
        resume_all();
    }
}

/* Backends' connections and files free descriptors, too, and nobody tells of those. */
static void on_full_timer(struct timer *timer)
{
    (void)timer;
    on_client_gone();
}

static void on_full(void)
{
    if (!clients_give_way()) {
        pause_all();
        timer_set(&full_timer, clock_now.ms + FULL_PAUSE_MS);
    }
}

int server_start(const struct config *config, const struct listen_fd *fds, uint32_t n, int taken)
{
    acceptor_n = n;
    connections_max = (uint64_t)config->server.connections;
    crowd_init((uint64_t)config->server.connections_per_address, connections_max);
    clients_on_gone = on_client_gone;
    timer_init(&full_timer, on_full_timer);
    acceptors = mem_zalloc((acceptor_n + 1) * sizeof(*acceptors));
    for (uint32_t i = 0; i < acceptor_n; i++) {
        acceptor_start(&acceptors[i], fds[i].fd, on_accept, on_full,
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
    pause_all();
    handover_pause();
}

void server_resume(void)
{
    is_paused = false;
    resume_all();
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
