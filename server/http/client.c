/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "http/codec_server.h"
#include "http/conn_phase.h"
#include "http/crowd.h"
#include "http/http1_server.h"
#include "module/registry.h"
#include "net/io.h"

#include <stdlib.h>
#include <sys/socket.h>

#define LINGER_MS 2000 /* how long a client may take to notice that we are done */
#define LOOKED_AT 256  /* oldest connections that are asked to give way */

unsigned client_count;
void (*clients_on_empty)(void);
void (*clients_on_gone)(void);
bool clients_draining;
bool clients_moving;

static struct client *clients, *oldest;
static uint64_t last_serial; /* of requests */

bool client_enter(struct client *client)
{
    bool outermost = !client->deferred;

    client->deferred = true;
    return outermost;
}

bool client_leave(struct client *client, bool outermost)
{
    if (!outermost) {
        return client->state != CLIENT_CLOSED;
    }
    client->deferred = false;
    if (client->state == CLIENT_CLOSED) {
        free(client);
        return false;
    }
    return true;
}

const struct client_conf *client_limits(const struct client *client)
{
    if (client->req && client->req->limits) {
        return client->req->limits;
    }
    const struct listener *listener = client->listener;
    const struct site *site = listener->fallback ? listener->fallback : listener->sites[0];
    return &site->self->client;
}

void client_set_timer(struct client *client, uint64_t ms)
{
    timer_set(&client->conn.timer, clock_now.ms + ms);
}

void client_drop_input(struct client *client)
{
    if (client->in) {
        buf_release(client->in);
        client->in = NULL;
        client->in_at = 0;
    }
}

struct weir_req *client_request(struct client *client)
{
    struct arena arena;

    arena_init(&arena);
    struct weir_req *req = arena_zalloc(&arena, sizeof(*req));
    req->arena = arena;
    req->client = client;
    req->listener = client->listener;
    fields_init(&req->fields[WEIR_REQUEST], &req->arena);
    fields_init(&req->fields[WEIR_RESPONSE], &req->arena);
    req->length = -1;
    req->start_us = clock_us();
    req->serial = ++last_serial;
    return req;
}

void clients_count(int n)
{
    client_count = (unsigned)((int)client_count + n);
    traffic_connection(n);
    if (n < 0 && clients_on_gone) {
        clients_on_gone();
    }
    if (client_count == 0 && clients_on_empty) {
        clients_on_empty();
    }
}

struct client *clients_first(void)
{
    return clients;
}

void client_close(struct client *client)
{
    if (client->state == CLIENT_CLOSED) {
        return;
    }
    bool is_deferred = client->deferred;

    client->state = CLIENT_CLOSED;
    client->deferred = true;
    if (client->req) {
        struct weir_req *req = client->req;

        client->req = NULL;
        request_end(req);
    }
    if (client->codec) {
        codec_server_end(client);
    }
    client_drop_input(client);
    if (client->conn.io && !client->was_cut && client->conn.fd >= 0) {
        io_shutdown(client->conn.io); /* TLS has an end of its own */
    }
    conn_close(&client->conn);
    conn_phase_close(client);
    crowd_leave(client->crowd_key);
    if (client->next) {
        client->next->prev = client->prev;
    } else {
        oldest = client->prev;
    }
    if (client->prev) {
        client->prev->next = client->next;
    } else {
        clients = client->next;
    }
    client->deferred = is_deferred;
    if (!is_deferred) {
        free(client);
    }
    clients_count(-1);
}

void client_linger(struct client *client)
{
    client->state = CLIENT_LINGER;
    if (client->codec) {
        codec_server_end(client);
    }
    client_drop_input(client);
    conn_shutdown(&client->conn);
    client_set_timer(client, LINGER_MS);
}

/* ---- what it speaks ---- */

static void choose_codec(struct client *client)
{
    const struct listener *listener = client->listener;
    struct weir_io *io = client->conn.io;
    weir_str protocol = io_info(io, WEIR_TRANSPORT_PROTOCOL);

    for (uint32_t i = 0; i < listener->codec_n && protocol.n; i++) {
        if (str_eq(str_from(listener->codecs[i]->desc->codec->alpn), protocol)) {
            codec_server_start(client, listener->codecs[i], io_info(io, WEIR_TRANSPORT_NAME));
            return;
        }
    }
    http1_start(client);
}

/* False: wait, or it has ended. */
static bool shake_hands(struct client *client)
{
    struct weir_io *io = client->conn.io;
    weir_rc rc = io_handshake(io);
    char addr[ADDR_TEXT];

    switch (rc) {
    case WEIR_OK:
        choose_codec(client);
        return true;
    case WEIR_AGAIN:
        return false;
    case WEIR_DONE:
        http1_refuse_plain(client);
        return false;
    default:
        addr_format_host(&client->addr, addr);
        log_write(log_default, WEIR_LOG_INFO, "[client %s] handshake on %.*s failed: %.*s", addr,
                  (int)client->listener->text.n, client->listener->text.p, (int)io_error(io).n,
                  io_error(io).p);
        client_close(client);
        return false;
    }
}

/* Modules have seen what they wanted of it, or there are none. False: it has ended. */
static bool begin(struct client *client)
{
    const struct listener *listener = client->listener;

    client->state = listener->transport.ops ? CLIENT_HANDSHAKE : CLIENT_IDLE;
    if (!listener->transport.ops) {
        return true;
    }
    if (!io_start(&client->conn, &listener->transport, (const weir_listener *)listener, NULL,
                  (weir_str){0})) {
        client_close(client);
        return false;
    }
    if (client->conn.can_read) {
        io_woke(client->conn.io, true);
    }
    return true;
}

/* False: wait, or it has ended. */
static bool preread(struct client *client)
{
    switch (conn_phase_preread(client)) {
    case WEIR_NEXT:
        return begin(client);
    case WEIR_WANT_READ:
        return false;
    default:
        client_close(client);
        return false;
    }
}

static void on_ready(struct conn *conn)
{
    struct client *client = container_of(conn, struct client, conn);
    bool outermost = client_enter(client);

    if (client->state == CLIENT_PREREAD && !preread(client)) {
        client_leave(client, outermost);
        return;
    }
    if (client->state != CLIENT_HANDSHAKE || shake_hands(client)) {
        if (client->state == CLIENT_CODEC) {
            codec_server_process(client);
        } else {
            http1_process(client);
        }
    }
    client_leave(client, outermost);
}

static void on_timer(struct timer *timer)
{
    struct client *client = container_of(timer, struct client, conn.timer);
    bool outermost = client_enter(client);

    if (client->state == CLIENT_CODEC) {
        codec_server_on_timer(client);
    } else {
        http1_on_timer(client);
    }
    client_leave(client, outermost);
}

struct client *client_open(const struct listener *listener, int fd, const struct addr *addr,
                           uint64_t crowd_key, bool is_new)
{
    struct client *client = mem_zalloc(sizeof(*client));

    client->listener = listener;
    client->addr = *addr;
    client->crowd_key = crowd_key;
    client->next = clients;
    if (clients) {
        clients->prev = client;
    } else {
        oldest = client;
    }
    clients = client;
    clients_count(1);
    conn_open(&client->conn, fd, false, on_ready, on_timer);
    http1_start(client);
    client_set_timer(client, client_limits(client)->header_timeout_ms);
    if (!conn_phase_accept(client)) {
        client_close(client);
        return NULL;
    }
    if (is_new && conn_phase_has_preread(client)) {
        client->state = CLIENT_PREREAD;
        return client;
    }
    return begin(client) ? client : NULL;
}

static bool waits(const struct client *client, bool for_first)
{
    if (client->deferred) {
        return false;
    }
    if (!for_first) {
        return client->state == CLIENT_IDLE && client->served > 0;
    }
    return client->served == 0 && client != clients &&
           (client->state == CLIENT_IDLE || client->state == CLIENT_HEAD ||
            client->state == CLIENT_HANDSHAKE || client->state == CLIENT_PREREAD);
}

bool clients_give_way(void)
{
    for (int for_first = 0; for_first < 2; for_first++) {
        struct client *client = oldest;

        for (int i = 0; client && i < LOOKED_AT; i++, client = client->prev) {
            if (waits(client, for_first)) {
                client_close(client);
                return true;
            }
        }
    }
    return false;
}

void clients_drain(void)
{
    struct client *next;

    clients_draining = true;
    for (struct client *client = clients; client; client = next) {
        next = client->next;
        if (client->state == CLIENT_CODEC) {
            codec_server_drain(client);
        } else if (http1_is_idle(client) && !client_is_kept(client)) {
            client_set_timer(client, DRAIN_GRACE_MS);
        }
    }
    if (client_count == 0 && clients_on_empty) {
        clients_on_empty();
    }
}
