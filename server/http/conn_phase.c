/* SPDX-License-Identifier: Apache-2.0 */
#include "http/conn_phase.h"

#include "base/memory.h"
#include "base/running.h"
#include "config/config.h"
#include "module/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PREREAD_MAX 16384 /* bytes that hooks are shown */

static struct client *client_of(const weir_conn *conn)
{
    return (struct client *)(uintptr_t)conn;
}

static weir_conn *handle_of(struct client *client)
{
    return (weir_conn *)(void *)client;
}

static const struct plan *plan_of(const struct client *client)
{
    const struct listener *listener = client->listener;

    return &(listener->fallback ? listener->fallback : listener->sites[0])->self->plan;
}

static weir_rc run(struct client *client, const struct plan_hook *hook)
{
    const struct module *outer = module_running;

    module_running = hook->module;
    weir_rc rc = hook->hook->conn_fn(handle_of(client), hook->conf);
    module_running = outer;
    return rc;
}

bool conn_phase_accept(struct client *client)
{
    const struct plan *plan = plan_of(client);

    for (uint32_t i = 0; i < plan->hook_n[PHASE_CONN_ACCEPT]; i++) {
        weir_rc rc = run(client, &plan->hooks[PHASE_CONN_ACCEPT][i]);

        if (rc == WEIR_DONE) {
            break;
        }
        if (rc != WEIR_NEXT) {
            return false;
        }
    }
    return true;
}

bool conn_phase_has_preread(const struct client *client)
{
    return plan_of(client)->hook_n[PHASE_CONN_PREREAD] > 0;
}

weir_rc conn_phase_preread(struct client *client)
{
    const struct plan *plan = plan_of(client);

    while (client->hook_at < plan->hook_n[PHASE_CONN_PREREAD]) {
        weir_rc rc = run(client, &plan->hooks[PHASE_CONN_PREREAD][client->hook_at]);

        if (rc == WEIR_DONE) {
            break;
        }
        if (rc == WEIR_WANT_READ && !client->conn.peer_closed && !client->preread_full) {
            return rc;
        }
        if (rc != WEIR_NEXT) {
            return WEIR_HANDLED;
        }
        client->hook_at++;
    }
    return WEIR_NEXT;
}

void conn_phase_close(struct client *client)
{
    const struct plan *plan = plan_of(client);

    for (uint32_t i = 0; i < plan->hook_n[PHASE_CONN_CLOSE]; i++) {
        run(client, &plan->hooks[PHASE_CONN_CLOSE][i]);
    }
    free(client->slots);
    client->slots = NULL;
}

/* ---- for modules ---- */

weir_conn *conn_phase_handle(const weir_req *req)
{
    return handle_of(req->client);
}

weir_str conn_phase_addr(const weir_conn *conn)
{
    static char text[ADDR_TEXT];

    return (weir_str){text, addr_format(&client_of(conn)->addr, text)};
}

weir_rc conn_phase_set_addr(weir_conn *conn, weir_str text)
{
    struct addr addr;

    if (addr_parse_client(text, &addr) != 0) {
        return WEIR_ERROR;
    }
    client_of(conn)->addr = addr;
    return WEIR_OK;
}

/* The bytes stay in the socket: whoever reads next, a transport or HTTP/1, finds them there. */
weir_rc conn_phase_peek(weir_conn *conn, weir_str *bytes)
{
    static char text[PREREAD_MAX];
    struct client *client = client_of(conn);
    ssize_t n = recv(client->conn.fd, text, sizeof(text), MSG_PEEK | MSG_DONTWAIT);

    *bytes = (weir_str){text, n > 0 ? (size_t)n : 0};
    client->preread_full = n == PREREAD_MAX;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return WEIR_WANT_READ;
    }
    return n > 0 ? WEIR_NEXT : WEIR_ERROR;
}

weir_rc conn_phase_consume(weir_conn *conn, size_t n)
{
    char text[1024];

    while (n > 0) {
        ssize_t got = recv(client_of(conn)->conn.fd, text, n < sizeof(text) ? n : sizeof(text),
                           MSG_DONTWAIT);

        if (got <= 0) {
            return WEIR_ERROR;
        }
        n -= (size_t)got;
    }
    return WEIR_OK;
}

void **conn_phase_slot(weir_conn *conn)
{
    struct client *client = client_of(conn);

    if (!client->slots) {
        client->slots = mem_zalloc(config_current->registry.module_n * sizeof(*client->slots));
    }
    return &client->slots[module_running->ctx_index];
}
