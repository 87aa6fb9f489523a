/* SPDX-License-Identifier: Apache-2.0 */
/* net/io.h - a transport on a connection: plain text on the inside, the module's bytes (TLS) on the
 * socket. conn.c hands reads and writes over to it; nobody else has to know. */
#ifndef NET_IO_H
#define NET_IO_H

#include <weir/module.h>

#include "net/conn.h"

struct module;

struct transport {
    const weir_transport_ops *ops;
    const struct module *module; /* whose it is */
};

struct weir_io {
    struct conn *conn;
    const weir_transport_ops *ops;
    const struct module *module;
    void *state;
    struct weir_chain out;    /* what the transport made, on its way to the socket */
    bool socket_can_read;
    bool handshaking;
    int error;                /* errno of the socket, when it failed */
    uint32_t burst;           /* bytes written since the connection last rested */
    uint64_t written_ms;      /* when that was */
    bool ends;                /* what is written next is the last */
    bool end_said;
    struct later later;       /* sends what the handshake left, when nothing is written after it */
};

/* Puts a transport onto a connection: as the server for `listener`, or (NULL) as a client with
 * `settings`, to the peer `name`. False: out of memory. */
bool io_start(struct conn *conn, const struct transport *transport, const weir_listener *listener,
              const void *settings, weir_str name);
/* Goes on with the handshake. WEIR_OK: done; WEIR_AGAIN: the socket has to be waited for;
 * WEIR_DONE: it is plain HTTP; WEIR_ERROR. */
weir_rc io_handshake(struct weir_io *io);
/* Why it failed: for a log line; borrowed. */
weir_str io_error(struct weir_io *io);
weir_str io_info(struct weir_io *io, weir_transport_what what);

/* For conn.c. */
void io_woke(struct weir_io *io, bool readable);
ssize_t io_read(struct weir_io *io, struct buf *buf);
int io_write(struct weir_io *io, struct weir_chain *chain);
/* The next io_write() that gets rid of its chain is the last: the end goes along with it. */
void io_end_follows(struct weir_io *io);
void io_shutdown(struct weir_io *io);
void io_destroy(struct weir_io *io);
/* Of conn.c: past the transport. */
ssize_t conn_recv(struct conn *conn, void *p, size_t n);
int conn_write_raw(struct conn *conn, struct weir_chain *chain, bool more);

/* For the module's table. */
ptrdiff_t io_api_read(weir_io *io, void *p, size_t n);
ptrdiff_t io_api_write(weir_io *io, const void *p, size_t n);

#endif
