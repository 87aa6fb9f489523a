/* SPDX-License-Identifier: Apache-2.0 */
#include "net/io.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "module/registry.h"

#include <errno.h>
#include <stdlib.h>

/* Two TLS records of this much text fill a buffer, with what the record layer adds. */
#define RECORD_MAX 16320u
/* The first records of a burst fit into one segment each, so that the reader can begin with the
 * first packet; after that size wins (each record costs). */
#define RECORD_FIRST 1300u
#define BURST_FIRST (16u * 1024)
#define BURST_REST_MS 1000
#define OUT_MAX (128u * 1024) /* bytes that wait for the socket before more is made */

static struct account_call enter(const struct weir_io *io)
{
    return account_enter(io->module, &io->module->accounts[ACCOUNT_TRANSPORT]);
}

static weir_rc call(struct weir_io *io, weir_rc (*fn)(void *))
{
    struct account_call visit = enter(io);
    weir_rc rc = fn(io->state);

    account_leave(&visit);
    return rc;
}

/* Sends what the transport made. 0, -EAGAIN or another negative errno. */
static int flush(struct weir_io *io)
{
    if (chain_is_empty(&io->out)) {
        return 0;
    }
    return conn_write_raw(io->conn, &io->out, false);
}

static void on_later(struct later *later)
{
    flush(container_of(later, struct weir_io, later)); /* an error shows at the next read or write */
}

bool io_start(struct conn *conn, const struct transport *transport, const weir_listener *listener,
              const void *settings, weir_str name)
{
    struct weir_io *io = mem_zalloc(sizeof(*io));
    const weir_transport_ops *ops = transport->ops;
    const struct module *outer = module_running;

    *io = (struct weir_io){.conn = conn,
                           .ops = ops,
                           .module = transport->module,
                           .socket_can_read = conn->can_read,
                           .handshaking = true,
                           .later = {.fn = on_later}};
    module_running = transport->module;
    io->state = listener ? ops->accept(io, listener) : ops->connect(io, settings, name);
    module_running = outer;
    if (!io->state) {
        free(io);
        return false;
    }
    conn->io = io;
    return true;
}

void io_destroy(struct weir_io *io)
{
    loop_later_cancel(&io->later);
    io->ops->close(io->state);
    chain_clear(&io->out);
    free(io);
}

void io_woke(struct weir_io *io, bool readable)
{
    io->socket_can_read = io->socket_can_read || readable;
    if (!chain_is_empty(&io->out) && io->conn->can_write) {
        conn_write_raw(io->conn, &io->out, false); /* an error shows at the next read or write */
    }
}

weir_rc io_handshake(struct weir_io *io)
{
    weir_rc rc = call(io, io->ops->handshake);

    if (rc == WEIR_OK) {
        io->handshaking = false;
        io->conn->can_read = true; /* the first bytes may have come with its end */
        if (!chain_is_empty(&io->out)) {
            loop_later(&io->later); /* most often a first message goes along */
        }
        return rc;
    }
    int sent = flush(io);
    if (rc == WEIR_AGAIN) {
        io->conn->can_read = false;
        if (sent < 0 && sent != -EAGAIN) {
            return WEIR_ERROR;
        }
    }
    return rc;
}

weir_str io_info(struct weir_io *io, weir_transport_what what)
{
    return io->ops->info(io->state, what);
}

weir_str io_error(struct weir_io *io)
{
    return io_info(io, WEIR_TRANSPORT_ERROR);
}

ssize_t io_read(struct weir_io *io, struct buf *buf)
{
    size_t room = buf_room(buf);
    struct account_call visit = enter(io);
    ptrdiff_t n = io->ops->read(io->state, buf->data + buf->used, room);

    account_leave(&visit);
    if (!chain_is_empty(&io->out)) {
        loop_later(&io->later); /* an answer of the protocol's own, or the handshake's rest */
    }
    if (n > 0) {
        buf->used += (uint32_t)n;
        /* A short read has emptied the transport; then only the socket can have more. */
        io->conn->can_read = (size_t)n == room || io->socket_can_read;
        return n;
    }
    io->conn->can_read = false;
    if (n == WEIR_IO_AGAIN) {
        return -EAGAIN;
    }
    io->conn->peer_closed = true;
    flush(io); /* an alert: the connection goes away now */
    return n == WEIR_IO_END ? 0 : -ECONNRESET;
}

static size_t record_size(struct weir_io *io)
{
    if (clock_now.ms - io->written_ms > BURST_REST_MS) {
        io->burst = 0;
    }
    return io->burst < BURST_FIRST ? RECORD_FIRST : RECORD_MAX;
}

/* Gives the transport one record's worth of the chain. 0 or a negative errno. */
static int write_record(struct weir_io *io, struct weir_chain *chain)
{
    static char text[RECORD_MAX];
    const struct link *first = chain->first;
    const char *p = text;
    size_t n = chain->bytes < RECORD_MAX ? chain->bytes : RECORD_MAX;

    /* What fits into a few segments goes whole. */
    if (n > 4 * RECORD_FIRST) {
        size_t most = record_size(io);

        n = n < most ? n : most;
    }
    if ((first->kind == LINK_MEMORY || first->kind == LINK_BUF) && first->n >= n) {
        p = first->p;
    } else {
        ssize_t got = chain_peek(chain, text, n);

        if (got <= 0) {
            return got < 0 ? -errno : -EIO;
        }
        n = (size_t)got;
    }
    struct account_call visit = enter(io);
    ptrdiff_t taken = io->ops->write(io->state, p, n);
    account_leave(&visit);
    if (taken == WEIR_IO_AGAIN) {
        return -EAGAIN;
    }
    if (taken <= 0) {
        return -EPIPE;
    }
    io->burst += (uint32_t)taken;
    chain_drop(chain, (uint64_t)taken);
    return 0;
}

static void say_end(struct weir_io *io)
{
    if (!io->handshaking && !io->end_said) {
        io->end_said = true;
        io->ops->shutdown(io->state);
    }
}

int io_write(struct weir_io *io, struct weir_chain *chain)
{
    int rc = 0;

    do {
        while (rc == 0 && !chain_is_empty(chain) && io->out.bytes < OUT_MAX) {
            rc = write_record(io, chain);
        }
        if (rc == 0 && io->ends && chain_is_empty(chain)) {
            say_end(io);
        }
        if (rc == 0 || rc == -EAGAIN) {
            int sent = flush(io);

            rc = sent ? sent : rc;
        }
    } while (rc == 0 && !chain_is_empty(chain));
    io->written_ms = clock_now.ms;
    return rc;
}

void io_end_follows(struct weir_io *io)
{
    io->ends = true;
}

void io_shutdown(struct weir_io *io)
{
    say_end(io);
    flush(io);
}

ptrdiff_t io_api_read(weir_io *io, void *p, size_t n)
{
    if (!io->socket_can_read) {
        return WEIR_IO_AGAIN;
    }
    io->conn->can_read = true;
    struct account_call visit = account_enter(NULL, NULL);
    ssize_t got = conn_recv(io->conn, p, n);
    account_leave(&visit);
    io->socket_can_read = io->conn->can_read;
    if (got > 0) {
        return got;
    }
    if (got < 0 && got != -EAGAIN) {
        io->error = (int)-got;
    }
    return got == 0 ? WEIR_IO_END : got == -EAGAIN ? WEIR_IO_AGAIN : WEIR_IO_ERROR;
}

ptrdiff_t io_api_write(weir_io *io, const void *p, size_t n)
{
    chain_add_copy(&io->out, p, n);
    return (ptrdiff_t)n;
}
