/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn.h"

#include "base/clock.h"
#include "base/running.h"
#include "base/str.h"
#include "net/io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define IOV_MAX_USED 64
#define SHARE_ALONE (2u << 20)   /* bytes that a connection moves in one turn when no other waits */
#define SHARE_MANY (1088u * 1024) /* when others do: a MiB with its head; each call costs */
#define SHARE_LATE (64u * 1024)  /* before its turn, when all together have moved ALL_MAX */
#define ALL_MAX (1u << 20)
#define FRESH_MAX 4            /* events until a connection is one that goes on for long */
#define CORK_MIN (128u * 1024) /* a file from here on is worth two more system calls */

static void wake(struct conn *conn, short what)
{
    if (what & EV_READ) {
        conn->can_read = true;
    }
    if (what & EV_CLOSED) {
        conn->can_read = true;
        conn->peer_closed = true;
    }
    if (what & EV_WRITE) {
        conn->can_write = true;
    }
    if (conn->io) {
        io_woke(conn->io, what & (EV_READ | EV_CLOSED));
    }
    conn->on_ready(conn);
}

static void on_turn(struct turn *turn)
{
    struct conn *conn = container_of(turn, struct conn, turn);
    short owed = conn->owed;

    conn->owed = 0;
    conn->moved = 0;
    wake(conn, owed);
}

static void wait_turn(struct conn *conn, short what)
{
    conn->owed |= what;
    loop_wait_turn(&conn->turn);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    loop_woke();
    if (what & EV_READ && (conn->can_read || conn->owed & EV_READ)) {
        conn->edge_waits = true;
    }
    if (conn->turn.queued || conn->events >= FRESH_MAX) {
        wait_turn(conn, what);
        return;
    }
    conn->events++;
    wake(conn, what);
}

static void watch(struct conn *conn, short what)
{
    event_assign(&conn->event, loop.base, conn->fd, what | EV_READ | EV_CLOSED | EV_ET | EV_PERSIST,
                 on_event, conn);
    event_add(&conn->event, NULL);
}

/* Room to write is watched from the first time that there was none: most connections never fill
 * their socket, and each edge of theirs would wake the loop for nothing. */
static void watch_room(struct conn *conn)
{
    conn->can_write = false;
    if (!(conn->event.ev_events & EV_WRITE)) {
        event_del(&conn->event);
        watch(conn, EV_WRITE);
    }
}

/* Bytes of all connections in this turn of the loop. */
static uint32_t all_turn_no, all_moved;

/* Many that have much to move at once are many that nobody is answered beside. Not so when it is
 * their turn: that ends in time. */
static bool is_late(void)
{
    return all_turn_no == (uint32_t)running->turn && all_moved >= ALL_MAX && !loop_is_turn();
}

/* Between two fast machines a long transfer would never have to wait, and the others would. */
static uint32_t share_left(const struct conn *conn)
{
    uint32_t share = !loop_has_waiting() ? SHARE_ALONE : is_late() ? SHARE_LATE : SHARE_MANY;

    if (conn->turn_no != (uint32_t)running->turn) {
        return share;
    }
    return conn->moved < share ? share - conn->moved : 0;
}

static void note_moved(struct conn *conn, size_t n)
{
    uint32_t turn_no = (uint32_t)running->turn;

    if (conn->turn_no != turn_no) {
        conn->turn_no = turn_no;
        conn->moved = 0;
    }
    if (all_turn_no != turn_no) {
        all_turn_no = turn_no;
        all_moved = 0;
    }
    conn->moved += (uint32_t)n;
    all_moved += (uint32_t)n;
}

static int yield_write(struct conn *conn)
{
    conn->can_write = false;
    wait_turn(conn, EV_WRITE);
    return -EAGAIN;
}

static ssize_t yield_read(struct conn *conn)
{
    conn->can_read = false;
    wait_turn(conn, EV_READ);
    return -EAGAIN;
}

void conn_open(struct conn *conn, int fd, bool connecting, void (*on_ready)(struct conn *),
               void (*on_timer)(struct timer *))
{
    conn->fd = fd;
    conn->can_read = false;
    conn->can_write = true;
    conn->peer_closed = conn->edge_waits = false;
    conn->connecting = connecting;
    conn->corked = false;
    conn->events = 0;
    conn->owed = 0;
    conn->turn = (struct turn){.fn = on_turn};
    conn->turn_no = conn->moved = 0;
    conn->io = NULL;
    conn->on_ready = on_ready;
    timer_init(&conn->timer, on_timer);
    watch(conn, connecting ? EV_WRITE : 0);
}

int conn_detach(struct conn *conn)
{
    int fd = conn->fd;

    if (fd >= 0) {
        event_del(&conn->event);
        loop_leave_turn(&conn->turn);
        timer_fini(&conn->timer);
        conn->fd = -1;
    }
    return fd;
}

void conn_close(struct conn *conn)
{
    int fd = conn_detach(conn);

    if (conn->io) {
        io_destroy(conn->io);
        conn->io = NULL;
    }
    if (fd >= 0) {
        close(fd);
    }
}

void conn_shutdown(struct conn *conn)
{
    if (conn->io) {
        io_shutdown(conn->io);
    }
    shutdown(conn->fd, SHUT_WR);
}

/* A short read means that the socket is drained: the next bytes make a new edge. Not so once the
 * other side's FIN has made its edge: then only the end itself is drained. And an edge that came
 * meanwhile may have been a reset's, which is read behind the bytes. */
static ssize_t note_read(struct conn *conn, ssize_t n, size_t asked)
{
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            conn->can_read = errno == EINTR;
            conn->edge_waits = false;
            return -EAGAIN;
        }
        conn->can_read = false;
        conn->peer_closed = true;
        return -errno;
    }
    if (n == 0) {
        conn->can_read = false;
        conn->peer_closed = true;
    } else if ((size_t)n < asked && !conn->peer_closed) {
        conn->can_read = conn->edge_waits;
        conn->edge_waits = false;
    }
    note_moved(conn, (size_t)n);
    return n;
}

ssize_t conn_read(struct conn *conn, struct buf *buf)
{
    return conn_read_some(conn, buf, buf_room(buf));
}

ssize_t conn_read_some(struct conn *conn, struct buf *buf, size_t most)
{
    size_t room = most < buf_room(buf) ? most : buf_room(buf);

    if (conn->io) {
        return io_read(conn->io, buf);
    }
    ssize_t n = conn_recv(conn, buf->data + buf->used, room);

    if (n > 0) {
        buf->used += (uint32_t)n;
    }
    return n;
}

uint64_t conn_unsent(const struct conn *conn)
{
    int n = 0;

    return (ioctl(conn->fd, SIOCOUTQ, &n) == 0 && n > 0 ? (uint64_t)n : 0) +
           (conn->io ? conn->io->out.bytes : 0);
}

ssize_t conn_splice_in(struct conn *conn, int pipe_fd, size_t n)
{
    if (share_left(conn) == 0) {
        return yield_read(conn);
    }
    ssize_t got = splice(conn->fd, NULL, pipe_fd, NULL, n, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (got < 0) {
        return -errno;
    }
    /* A short splice may be a full pipe: only EAGAIN on an empty pipe says drained, and that is
     * for the caller to know. */
    note_moved(conn, (size_t)got);
    return got;
}

static ssize_t write_memory(struct conn *conn, const struct weir_chain *chain, bool more,
                            size_t *asked)
{
    struct iovec iov[IOV_MAX_USED];
    struct msghdr msg = {.msg_iov = iov};
    int n = chain_iov(chain, iov, IOV_MAX_USED, asked);

    more = more || *asked < chain->bytes;
    if (n == 1) {
        return send(conn->fd, iov[0].iov_base, iov[0].iov_len,
                    MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    }
    msg.msg_iovlen = (size_t)n;
    return sendmsg(conn->fd, &msg, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

static ssize_t write_file(struct conn *conn, const struct link *link, size_t *asked)
{
    off_t off = (off_t)link->off;

    *asked = share_left(conn);
    *asked = link->n < *asked ? link->n : *asked;
    ssize_t n = sendfile(conn->fd, link->fd, &off, *asked);
    if (n == 0) {
        errno = EIO; /* the file is shorter than it was */
        return -1;
    }
    return n;
}

static ssize_t write_pipe(struct conn *conn, const struct link *link, bool more, size_t *asked)
{
    *asked = link->n;
    return splice(link->fd, NULL, conn->fd, NULL, link->n,
                  SPLICE_F_NONBLOCK | SPLICE_F_MOVE | (more ? SPLICE_F_MORE : 0));
}

/* What comes from elsewhere is held back where it is read: whoever made it would take a client that
 * does not write for a slow one. */
static bool is_long_file(const struct weir_chain *chain)
{
    return chain->last && chain->last->kind == LINK_FILE && chain->bytes > SHARE_LATE;
}

int conn_write(struct conn *conn, struct weir_chain *chain, bool more)
{
    if (is_long_file(chain) && is_late()) {
        return yield_write(conn);
    }
    return conn->io ? io_write(conn->io, chain) : conn_write_raw(conn, chain, more);
}

ssize_t conn_recv(struct conn *conn, void *p, size_t n)
{
    if (share_left(conn) == 0) {
        return yield_read(conn);
    }
    return note_read(conn, recv(conn->fd, p, n, 0), n);
}

/* MSG_MORE holds for one call only: every acknowledgement that comes in the middle of a long
 * sendfile() sends the odd bytes at the end of the queue as a packet of their own, a quarter more
 * packets in all. A cork holds them back until more has joined them. */
static void set_cork(struct conn *conn, int on)
{
    conn->corked = setsockopt(conn->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) == 0 && on;
}

int conn_write_raw(struct conn *conn, struct weir_chain *chain, bool more)
{
    const struct link *last = chain->last;

    if (!chain_is_empty(chain) && share_left(conn) == 0) {
        return yield_write(conn);
    }
    if (!conn->corked && last && last->kind == LINK_FILE && last->n >= CORK_MIN) {
        set_cork(conn, 1);
    }
    while (!chain_is_empty(chain)) {
        const struct link *link = chain->first;
        enum link_kind kind = link->kind;
        size_t asked;
        ssize_t n;

        if (kind == LINK_FILE) {
            n = write_file(conn, link, &asked);
        } else if (kind == LINK_PIPE) {
            n = write_pipe(conn, link, more || link->next, &asked);
        } else {
            n = write_memory(conn, chain, more, &asked);
        }
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno == EAGAIN) {
                watch_room(conn);
                return -EAGAIN;
            }
            return -errno;
        }
        chain_drop(chain, (uint64_t)n);
        note_moved(conn, (size_t)n);
        /* A short write means a full socket; only a pipe may have been slow to give, so that is
         * tried until the socket says EAGAIN. */
        if ((size_t)n < asked && kind != LINK_PIPE) {
            watch_room(conn);
            return -EAGAIN;
        }
        if (share_left(conn) == 0 && !chain_is_empty(chain)) {
            return yield_write(conn);
        }
    }
    if (conn->corked) {
        set_cork(conn, 0);
    }
    return 0;
}
