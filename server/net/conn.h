/* SPDX-License-Identifier: Apache-2.0 */
/* net/conn.h - a connected stream socket in the loop: non-blocking, edge-triggered. Room to write
 * is watched from the first time that there was none. Embedded in its owner; what it carries is not its business.
 *
 * Reads and writes are tried first and waited for second: can_read and can_write say whether a try
 * is worth it. In one turn of the loop a connection moves a few MiB at most, and less when many have much to
 * move; then it is as if there were nothing to read and no room to write, until its next turn. So it is with one that
 * has had a number of events since conn_is_fresh(): a request that is answered soon does not stand behind
 * thousands that go on for long. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/buf.h"
#include "base/chain.h"
#include "base/timer.h"
#include "net/loop.h"

struct weir_io;

struct conn {
    int fd;              /* -1: closed */
    bool can_read;       /* there may be something to read, or the end */
    bool can_write;      /* there may be room to write */
    bool peer_closed;    /* the other side has sent its FIN, or worse */
    bool edge_waits;     /* conn.c's: another edge came while there was something left to read */
    bool connecting;
    bool corked;         /* conn.c's: part of a segment waits for what a file still gives */
    uint8_t events;      /* conn.c's: since conn_is_fresh() */
    short owed;          /* conn.c's: EV_READ ... that it is told of when its turn comes */
    uint32_t turn_no, moved; /* conn.c's: bytes that were moved in that turn of the loop */
    void (*on_ready)(struct conn *conn); /* can_read or can_write was set */
    void *arg;           /* of an owner that does not embed it */
    struct weir_io *io;  /* NULL: plain; else what is read and written goes through a transport */
    struct event event;
    struct turn turn;    /* conn.c's */
    struct timer timer;  /* the owner's */
};

/* Takes the socket `fd` (non-blocking) into the loop. on_timer is for conn->timer. */
void conn_open(struct conn *conn, int fd, bool connecting, void (*on_ready)(struct conn *),
               void (*on_timer)(struct timer *));
/* Something new begins on it, a request for example: its next events are short and come first. */
static inline void conn_is_fresh(struct conn *conn)
{
    conn->events = 0;
}
/* Takes it out and closes it; may be called twice. No callback comes after this. */
void conn_close(struct conn *conn);
/* Takes it out without closing: returns the descriptor, which the caller owns. */
int conn_detach(struct conn *conn);

/* Appends what has come to `buf`, up to its room (not 0). Returns the number of bytes, 0 at the
 * stream's end, or a negative errno: -EAGAIN when there is nothing yet. */
ssize_t conn_read(struct conn *conn, struct buf *buf);
/* The same, up to `most` bytes. */
ssize_t conn_read_some(struct conn *conn, struct buf *buf, size_t most);

/* Writes from the front of `chain` and drops what was written. Returns 0 when the chain is empty
 * now, -EAGAIN when the socket took no more, or another negative errno. `more`: further bytes
 * follow at once, so that an unfilled segment may wait for them. */
int conn_write(struct conn *conn, struct weir_chain *chain, bool more);

/* Says the end of what is written: the other side reads it after the last byte. */
void conn_shutdown(struct conn *conn);

/* Bytes that were written and have not reached the other side. */
uint64_t conn_unsent(const struct conn *conn);

/* Splices up to `n` bytes from the socket (a plain one) into a pipe's write end; like conn_read(). */
ssize_t conn_splice_in(struct conn *conn, int pipe_fd, size_t n);

#endif
