/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/health_way.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "upstream/group.h"

#define IDLE_MS (24 * 60 * 60 * 1000ull) /* the check has a timeout of its own */

void health_way_close(struct health_way *way)
{
    if (!way->is_open) {
        return;
    }
    way->is_open = false;
    conn_close(&way->peer);
    if (way->is_joined) {
        conn_close(&way->pair);
        chain_clear(&way->tunnel.sides[0].to_send);
        chain_clear(&way->tunnel.sides[1].to_send);
        way->is_joined = false;
    }
}

/* The check reads the end, too, and says what it makes of that. */
static void on_tunnel_end(struct tunnel *tunnel)
{
    health_way_close(container_of(tunnel, struct health_way, tunnel));
}

static void ignore_ready(struct conn *conn)
{
    (void)conn;
}

static void ignore_timer(struct timer *timer)
{
    (void)timer;
}

static void join(struct health_way *way)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        way->on_ready(way, -1, strerror(errno));
        return;
    }
    conn_open(&way->pair, ends[0], false, ignore_ready, ignore_timer);
    way->is_joined = true;
    tunnel_start(&way->tunnel, &way->pair, &way->peer, IDLE_MS, on_tunnel_end);
    way->on_ready(way, ends[1], NULL);
}

static void on_peer_ready(struct conn *conn)
{
    struct health_way *way = container_of(conn, struct health_way, peer);
    struct weir_io *io = conn->io;
    char text[256];

    switch (io_handshake(io)) {
    case WEIR_OK:
        join(way);
        break;
    case WEIR_AGAIN:
        break;
    default:
        if (io->error) {
            snprintf(text, sizeof(text), "%s", strerror(io->error));
        } else {
            weir_str why = io_error(io);

            snprintf(text, sizeof(text), "TLS handshake: %.*s", (int)why.n, why.p);
        }
        way->on_ready(way, -1, text);
    }
}

bool health_way_open(struct health_way *way, const struct addr *addr, const struct tls_client *tls,
                     weir_str name)
{
    int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    if (connect(fd, &addr->sa, addr->len) != 0 && errno != EINPROGRESS) {
        int error = errno;

        close(fd);
        errno = error;
        return false;
    }
    conn_open(&way->peer, fd, true, on_peer_ready, ignore_timer);
    way->is_open = true;
    if (!io_start(&way->peer, &tls->transport, NULL, tls->settings, name)) {
        health_way_close(way);
        errno = ENOMEM;
        return false;
    }
    return true;
}
