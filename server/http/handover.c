/* SPDX-License-Identifier: Apache-2.0 */
#include "http/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "http/client.h"
#include "http/crowd.h"
#include "http/http1_server.h"
#include "upstream/exchange.h"
#include "upstream/tunnel.h"

#define HANDOVER_MAGIC 0x77726831u /* another order of members, another magic */
#define SWEEP_MS 50                /* how soon it is tried again */
#define BATCH 4                    /* connections taken per turn, so that all workers get some */
#define PENDING_MAX (64 * 1024)    /* bytes on their way to one side of a tunnel */

enum kind { KIND_IDLE = 1, KIND_TUNNEL = 2 };

struct head {
    uint32_t magic, kind;
    uint64_t wait_ms;    /* IDLE: how much longer it may stay so; TUNNEL: how long it may */
    uint32_t served;     /* requests so far */
    uint32_t pending[2]; /* TUNNEL: bytes for each side, behind this head */
    uint32_t addr_n;
    struct sockaddr_storage addr; /* of the client */
    char listener[ADDR_TEXT + 8];
};

/* A tunnel that came from another worker: no request is left of it. */
struct moved_tunnel {
    struct conn conns[2];
    struct tunnel tunnel;
    struct moved_tunnel *next, *prev;
};

static const struct config *config;
static struct event taking;
static bool is_taking;
static int out_fd = -1;
static struct timer sweep_timer;
static struct moved_tunnel *moved_tunnels;

/* ---- giving ---- */

static bool send_message(const struct head *head, const struct iovec *bytes, const int *fds,
                         size_t fd_n)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov[3] = {{(void *)(uintptr_t)head, sizeof(*head)}, bytes[0], bytes[1]};
    struct msghdr msg = {.msg_iov = iov,
                         .msg_iovlen = 3,
                         .msg_control = control.bytes,
                         .msg_controllen = CMSG_SPACE(fd_n * sizeof(int))};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&msg);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fd_n * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, fd_n * sizeof(int));
    return sendmsg(out_fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

bool handover_client(struct client *client)
{
    struct head head = {.magic = HANDOVER_MAGIC, .kind = KIND_IDLE, .served = client->served};
    const struct iovec none[2] = {{0}};
    uint64_t deadline_ms = client->conn.timer.deadline_ms;

    if (!clients_moving || !client_is_plain(client) || !http1_is_idle(client) || client->in ||
        client->conn.fd < 0) {
        return false;
    }
    head.wait_ms = deadline_ms > clock_now.ms ? deadline_ms - clock_now.ms : 1;
    head.addr_n = client->addr.len;
    memcpy(&head.addr, &client->addr.sa,
           client->addr.len < sizeof(head.addr) ? client->addr.len : sizeof(head.addr));
    addr_format(&client->listener->addr, head.listener);
    if (!send_message(&head, none, &client->conn.fd, 1)) {
        return false; /* full: the sweep tries again */
    }
    client_close(client);
    return true;
}

/* Copies what waits for one side. False: too much. */
static bool peek_pending(const struct tunnel_side *side, char *room, struct iovec *iov)
{
    size_t n = side->to_send.bytes;

    if (n > PENDING_MAX || (n && chain_peek(&side->to_send, room, n) != (ssize_t)n)) {
        return false;
    }
    *iov = (struct iovec){room, n};
    return true;
}

static bool give_tunnel(struct tunnel *tunnel)
{
    static char room[2][PENDING_MAX];
    const struct tunnel_side *sides = tunnel->sides;
    struct head head = {.magic = HANDOVER_MAGIC, .kind = KIND_TUNNEL, .wait_ms = tunnel->idle_ms};
    struct iovec iov[2];
    int fds[2];

    for (int i = 0; i < 2; i++) {
        const struct tunnel_side *side = &sides[i];

        /* One that is half closed is about to end. */
        if (side->conn->io || side->ended || side->shut || !peek_pending(side, room[i], &iov[i])) {
            return false;
        }
        head.pending[i] = (uint32_t)iov[i].iov_len;
        fds[i] = side->conn->fd;
    }
    if (!send_message(&head, iov, fds, 2)) {
        return false;
    }
    chain_clear(&tunnel->sides[0].to_send);
    chain_clear(&tunnel->sides[1].to_send);
    return true;
}

static void end_moved(struct moved_tunnel *moved)
{
    *(moved->prev ? &moved->prev->next : &moved_tunnels) = moved->next;
    if (moved->next) {
        moved->next->prev = moved->prev;
    }
    for (int i = 0; i < 2; i++) {
        chain_clear(&moved->tunnel.sides[i].to_send);
        conn_close(&moved->conns[i]);
    }
    free(moved);
    clients_count(-1);
}

static void sweep(void)
{
    struct moved_tunnel *next_moved;

    for (struct moved_tunnel *moved = moved_tunnels; moved; moved = next_moved) {
        next_moved = moved->next;
        if (give_tunnel(&moved->tunnel)) {
            end_moved(moved);
        }
    }
    struct client *next;
    for (struct client *client = clients_first(); client; client = next) {
        next = client->next;
        if (client->deferred) {
            continue;
        }
        struct tunnel *tunnel =
            client->state == CLIENT_TUNNEL ? exchange_tunnel(client->req) : NULL;
        if (tunnel && give_tunnel(tunnel)) {
            client_close(client);
        } else if (http1_is_idle(client)) {
            handover_client(client);
        }
    }
}

static void on_sweep(struct timer *timer)
{
    sweep();
    timer_set(timer, clock_now.ms + SWEEP_MS);
}

void handover_pause(void)
{
    if (is_taking) {
        event_del(&taking);
        is_taking = false;
    }
}

void handover_resume(void)
{
    if (config && !is_taking) {
        event_add(&taking, NULL);
        is_taking = true;
    }
}

void handover_give(int out)
{
    handover_pause();
    out_fd = out;
    clients_moving = true;
    timer_init(&sweep_timer, on_sweep);
    timer_set(&sweep_timer, clock_now.ms + SWEEP_MS);
    sweep();
}

/* ---- taking ---- */

static const struct listener *find_listener(const char *address)
{
    char text[ADDR_TEXT];

    for (uint32_t i = 0; i < config->listener_n; i++) {
        addr_format(&config->listeners[i]->addr, text);
        if (strcmp(text, address) == 0) {
            return config->listeners[i];
        }
    }
    return NULL;
}

static void adopt_idle(const struct head *head, int fd)
{
    const struct listener *listener = find_listener(head->listener);
    struct addr addr = {.len = head->addr_n};

    if (!listener || listener->tls || head->addr_n > sizeof(addr.un)) {
        close(fd); /* nobody listens there any more */
        return;
    }
    memcpy(&addr.sa, &head->addr, head->addr_n);
    uint64_t key;

    crowd_enter(&addr, &key); /* it is here already: nobody turns it away */
    struct client *client = client_open(listener, fd, &addr, key, false);
    if (client) {
        client->served = head->served;
        client_set_timer(client, head->wait_ms);
    }
}

static void on_moved_end(struct tunnel *tunnel)
{
    end_moved(container_of(tunnel, struct moved_tunnel, tunnel));
}

static void ignore_ready(struct conn *conn)
{
    (void)conn; /* tunnel_start() sets its own */
}

static void ignore_timer(struct timer *timer)
{
    (void)timer;
}

static void adopt_tunnel(const struct head *head, const char *pending, const int fds[2])
{
    struct moved_tunnel *moved = mem_zalloc(sizeof(*moved));

    for (int i = 0; i < 2; i++) {
        conn_open(&moved->conns[i], fds[i], false, ignore_ready, ignore_timer);
        chain_add_copy(&moved->tunnel.sides[i].to_send, pending, head->pending[i]);
        pending += head->pending[i];
    }
    moved->next = moved_tunnels;
    if (moved_tunnels) {
        moved_tunnels->prev = moved;
    }
    moved_tunnels = moved;
    clients_count(1);
    tunnel_start(&moved->tunnel, &moved->conns[0], &moved->conns[1], head->wait_ms, on_moved_end);
}

/* False: nothing is there, or it is taken already by another worker. */
static bool take_one(int in)
{
    static char room[sizeof(struct head) + 2 * PENDING_MAX];
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {room, sizeof(room)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(in, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct head head;
    int fds[2] = {-1, -1};
    size_t fd_n = 0;

    if (n < 0) {
        return errno == EINTR;
    }
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&msg);
    if (rights && rights->cmsg_type == SCM_RIGHTS) {
        fd_n = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(rights), fd_n * sizeof(int));
    }
    memcpy(&head, room, sizeof(head));
    if ((size_t)n < sizeof(head) || head.magic != HANDOVER_MAGIC ||
        (size_t)n != sizeof(head) + head.pending[0] + head.pending[1] ||
        fd_n != (head.kind == KIND_TUNNEL ? 2 : 1)) {
        for (size_t i = 0; i < fd_n; i++) {
            close(fds[i]); /* another version of weir wrote it */
        }
        return n > 0;
    }
    if (head.kind == KIND_TUNNEL) {
        adopt_tunnel(&head, room + sizeof(head), fds);
    } else {
        adopt_idle(&head, fds[0]);
    }
    return true;
}

static void on_given(evutil_socket_t in, short what, void *arg)
{
    (void)what;
    (void)arg;
    loop_woke();
    for (int i = 0; i < BATCH && take_one(in); i++) {
    }
}

void handover_take(const struct config *to, int in)
{
    config = to;
    event_assign(&taking, loop.base, in, EV_READ | EV_PERSIST, on_given, NULL);
    event_add(&taking, NULL);
    is_taking = true;
}
