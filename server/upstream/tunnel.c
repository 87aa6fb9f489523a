/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/tunnel.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <sys/socket.h>

#define WINDOW (64 * 1024) /* bytes that one side may be ahead of the other */

static struct tunnel_side *other(struct tunnel_side *side)
{
    struct tunnel *tunnel = side->tunnel;

    return side == &tunnel->sides[0] ? &tunnel->sides[1] : &tunnel->sides[0];
}

/* Reads from one side into the other's chain. False: failed. */
static bool fill(struct tunnel_side *from)
{
    struct tunnel_side *to = other(from);

    while (from->conn->can_read && !from->ended && to->to_send.bytes < WINDOW) {
        struct buf *buf = buf_create();
        ssize_t n = conn_read(from->conn, buf);

        if (n > 0) {
            from->tunnel->active_ms = clock_now.ms;
            chain_add_buf(&to->to_send, buf, buf->data, (size_t)n);
        }
        buf_release(buf);
        if (n == 0) {
            from->ended = true;
        } else if (n < 0 && n != -EAGAIN) {
            return false;
        }
    }
    return true;
}

/* Writes what waits for one side, and its end. False: failed. */
static bool drain(struct tunnel_side *to)
{
    if (!chain_is_empty(&to->to_send) && to->conn->can_write) {
        uint64_t before = to->to_send.bytes;
        int rc = conn_write(to->conn, &to->to_send, false);

        if (before != to->to_send.bytes) {
            to->tunnel->active_ms = clock_now.ms;
        }
        if (rc < 0 && rc != -EAGAIN) {
            return false;
        }
    }
    if (chain_is_empty(&to->to_send) && other(to)->ended && !to->shut) {
        to->shut = true;
        shutdown(to->conn->fd, SHUT_WR); /* half-close: the other direction goes on */
    }
    return true;
}

static void end(struct tunnel *tunnel)
{
    chain_clear(&tunnel->sides[0].to_send);
    chain_clear(&tunnel->sides[1].to_send);
    tunnel->on_end(tunnel);
}

static void pump(struct tunnel *tunnel)
{
    struct tunnel_side *sides = tunnel->sides;
    bool moved;

    do {
        uint64_t before = sides[0].to_send.bytes + sides[1].to_send.bytes;
        bool fine = fill(&sides[0]) && fill(&sides[1]);
        uint64_t filled = sides[0].to_send.bytes + sides[1].to_send.bytes;

        fine = fine && drain(&sides[0]) && drain(&sides[1]);
        if (!fine || (sides[0].shut && sides[1].shut)) {
            end(tunnel);
            return;
        }
        uint64_t left = sides[0].to_send.bytes + sides[1].to_send.bytes;
        moved = filled != before || left != filled;
    } while (moved);
    timer_set(&sides[0].conn->timer, tunnel->active_ms + tunnel->idle_ms);
}

static void on_ready(struct conn *conn)
{
    struct tunnel_side *side = conn->arg;

    pump(side->tunnel);
}

static void on_timer(struct timer *timer)
{
    struct conn *conn = container_of(timer, struct conn, timer);
    struct tunnel_side *side = conn->arg;

    end(side->tunnel);
}

void tunnel_start(struct tunnel *tunnel, struct conn *a, struct conn *b, uint64_t idle_ms,
                  void (*on_end)(struct tunnel *tunnel))
{
    struct conn *conns[2] = {a, b};

    tunnel->idle_ms = idle_ms;
    tunnel->active_ms = clock_now.ms;
    tunnel->on_end = on_end;
    for (int i = 0; i < 2; i++) {
        struct tunnel_side *side = &tunnel->sides[i];

        side->tunnel = tunnel;
        side->conn = conns[i];
        side->ended = side->shut = false;
        conns[i]->arg = side;
        conns[i]->on_ready = on_ready;
        timer_stop(&conns[i]->timer);
        conns[i]->timer.fn = on_timer;
        conns[i]->can_read = true;
        conns[i]->can_write = true;
    }
    pump(tunnel);
}
