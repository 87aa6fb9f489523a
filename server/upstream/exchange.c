/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/exchange.h"

#include "base/clock.h"
#include "base/running.h"
#include "base/str.h"
#include "upstream/exchange_state.h"
#include "upstream/names.h"
#include "upstream/socket_hint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SINK_WINDOW (64 * 1024) /* bytes that an unbuffered response may be ahead of its client */
#define NEXT_ADDRESS_MS 250     /* for a connection, while the peer has further addresses */
#define RETRIES_ALWAYS 10       /* retries at a time that the budget never refuses */

static const enum http1_method idempotent = METHOD_GET | METHOD_HEAD | METHOD_PUT | METHOD_DELETE |
                                            METHOD_OPTIONS | METHOD_TRACE;

static void try_next(struct exchange *ex);
static void ask(struct exchange *ex, struct weir_peer *peer);
static void open_attempt(struct exchange *ex, struct weir_peer *peer);
static void on_up_ready(struct conn *conn);
static void on_up_timer(struct timer *timer);

/* ---- one attempt ---- */

void attempt_finish(struct attempt *attempt, weir_outcome outcome)
{
    attempt->end_us = clock_us();
    peer_done((struct weir_peer *)(uintptr_t)attempt->peer, outcome,
              attempt->end_us - attempt->start_us);
}

void exchange_attempt_done(struct exchange *ex, weir_outcome outcome)
{
    if (ex->attempt && ex->attempt->end_us == 0) {
        attempt_finish(ex->attempt, outcome);
    }
}

static void drop_input(struct exchange *ex)
{
    if (ex->in) {
        buf_release(ex->in);
        ex->in = NULL;
        ex->in_at = 0;
    }
}

static void drop_next_peer(struct exchange *ex)
{
    if (ex->next_peer) {
        peer_done(ex->next_peer, WEIR_PEER_ABORTED, 0);
        ex->next_peer = NULL;
    }
}

static void drop_connection(struct exchange *ex)
{
    if (ex->up) {
        upconn_close(ex->up);
        ex->up = NULL;
    }
    mux_leave(&ex->at, WEIR_STREAM_CANCELLED);
    timer_stop(&ex->stream_timer);
    drop_input(ex);
}

void exchange_release(struct exchange *ex, bool reusable)
{
    struct upconn *up = ex->up;

    exchange_attempt_done(ex, WEIR_PEER_OK);
    ex->up = NULL;
    if (reusable && !up->peer->conf->proxy_protocol) {
        timer_stop(&up->conn.timer);
        pool_put(up);
    } else {
        upconn_close(up);
    }
    drop_input(ex);
}

static bool is_idempotent(const struct exchange *ex)
{
    return ex->req->head.method & idempotent;
}

bool exchange_is_repeatable(const struct exchange *ex)
{
    return ex->conf->retry && is_idempotent(ex);
}

static bool within_budget(const struct exchange *ex)
{
    const struct upstream_group *group = ex->group;

    return group->retrying < RETRIES_ALWAYS ||
           group->retrying * 100 < group->live * (uint64_t)group->conf->retry_budget;
}

/* Is that kind of failure worth another try? */
static bool is_retried(const struct exchange *ex, weir_reason reason)
{
    uint32_t on = ex->group->conf->retry_on;

    switch (reason) {
    case WEIR_REASON_CONNECTION_REFUSED:
    case WEIR_REASON_DNS_ERROR:
    case WEIR_REASON_TLS_ERROR:
        return on & RETRY_CONNECT;
    case WEIR_REASON_CONNECTION_TIMEOUT:
        return on & (RETRY_CONNECT | RETRY_TIMEOUT);
    case WEIR_REASON_CONNECTION_READ_TIMEOUT:
    case WEIR_REASON_CONNECTION_WRITE_TIMEOUT:
        return on & RETRY_TIMEOUT;
    case WEIR_REASON_HTTP_PROTOCOL_ERROR:
    case WEIR_REASON_HTTP_RESPONSE_HEADER_SIZE:
        return on & RETRY_INVALID;
    default:
        return on & RETRY_ERROR;
    }
}

static bool may_try_next(const struct exchange *ex)
{
    int64_t most = ex->group->conf->retry_tries ? ex->group->conf->retry_tries
                                                : ex->group->peer_n;

    return ex->conf->retry && ex->tries < most && within_budget(ex);
}

static uint32_t status_of(weir_reason reason)
{
    switch (reason) {
    case WEIR_REASON_CONNECTION_TIMEOUT:
    case WEIR_REASON_CONNECTION_READ_TIMEOUT:
    case WEIR_REASON_CONNECTION_WRITE_TIMEOUT:
    case WEIR_REASON_HTTP_RESPONSE_TIMEOUT:
        return 504;
    case WEIR_REASON_DESTINATION_UNAVAILABLE:
    case WEIR_REASON_CONNECTION_LIMIT_REACHED:
        return 503;
    default:
        return 502;
    }
}

/* Can the request be sent once more without its being done twice? */
static bool may_repeat(const struct exchange *ex, weir_reason reason)
{
    return ex->replayable && !ex->head_done && !ex->in &&
           reason != WEIR_REASON_HTTP_RESPONSE_TIMEOUT && (ex->sent == 0 || is_idempotent(ex));
}

static void count_retry(struct exchange *ex)
{
    if (!ex->is_retry) {
        ex->is_retry = true;
        ex->group->retrying++;
    }
}

/* Another address of the same peer, when the connection to one did not come about. */
static bool try_next_address(struct exchange *ex)
{
    if (!ex->up || !ex->up->conn.connecting || ex->sent || !ex->replayable ||
        ex->addr_tries + 1 >= ex->up->peer->addr_n) {
        return false;
    }
    struct weir_peer *peer = ex->up->peer;

    ex->addr_tries++;
    peer->addr_at += peer->names == NULL;
    drop_connection(ex);
    chain_clear(&ex->to_send);
    open_attempt(ex, peer);
    return true;
}

/* No peer has answered: does a module have something that will do? */
static bool answered_instead(struct exchange *ex, weir_reason reason, const char *detail)
{
    struct weir_req *req = ex->req;

    if (!req->plan->hook_n[PHASE_UP_RESPONSE]) {
        return false;
    }
    req->reason = reason;
    req->status = 0;
    req->is_replaced = true;
    if (!request_is_answered_instead(req)) {
        req->is_replaced = false;
        return false;
    }
    request_log(req, WEIR_LOG_WARN, "%.*s: %s; a module answers instead", (int)reason_name(reason).n,
                reason_name(reason).p, detail ? detail : "");
    if (req->reason == reason) {
        req->reason = WEIR_REASON_NONE;
    }
    return true;
}

void exchange_failed(struct exchange *ex, weir_reason reason, const char *detail)
{
    if (try_next_address(ex)) {
        return;
    }
    drop_next_peer(ex);
    struct weir_req *req = ex->req;
    const struct weir_peer *peer = ex->attempt ? ex->attempt->peer : NULL;
    bool repeat = may_repeat(ex, reason);

    if (ex->attempt && ex->attempt->end_us == 0) {
        ex->attempt->reason = reason;
    }
    /* A pooled connection that the peer closes just as it is used says nothing about the peer. */
    bool idle_race = ex->is_reused && !ex->head_done && !ex->in &&
                     reason == WEIR_REASON_CONNECTION_TERMINATED;
    weir_str text = {"no peer", 7};

    if (peer) {
        text = arena_printf(&req->arena, "upstream %.*s, peer %.*s: %s",
                            (int)ex->group->conf->name.n, ex->group->conf->name.p,
                            (int)peer->name.n, peer->name.p, detail ? detail : "failed");
        detail = text.p;
    }
    if (ex->attempt && ex->attempt->end_us == 0 && !idle_race) {
        peer_note_error((struct weir_peer *)(uintptr_t)ex->attempt->peer, reason);
    }
    exchange_attempt_done(ex, idle_race ? WEIR_PEER_ABORTED : WEIR_PEER_FAILED);
    drop_connection(ex);
    if (req->responded) {
        response_abort(req, reason, detail);
        return;
    }
    if (repeat && exchange_hedge_is_open(ex)) {
        request_log(req, WEIR_LOG_WARN, "%.*s: %s; another peer was asked already",
                    (int)reason_name(reason).n, reason_name(reason).p, detail ? detail : "");
        exchange_take_over(ex);
        return;
    }
    if (repeat && idle_race) {
        ex->tried[peer->index / 64] &= ~((uint64_t)1 << (peer->index % 64));
        ex->tries--;
        try_next(ex);
        return;
    }
    if (repeat && is_retried(ex, reason) && may_try_next(ex)) {
        request_log(req, WEIR_LOG_WARN, "%.*s: %s; trying the next peer",
                    (int)reason_name(reason).n, reason_name(reason).p, detail ? detail : "");
        count_retry(ex);
        try_next(ex);
        return;
    }
    if (!answered_instead(ex, reason, detail)) {
        request_reply(req, status_of(reason), reason, (weir_str){0}, (weir_str){0}, detail);
    }
}

struct weir_peer *exchange_other_peer(struct exchange *ex, uint32_t status)
{
    bool is_full;

    if (!status_set_has(&ex->group->conf->retry_status, status) || !ex->replayable ||
        !is_idempotent(ex) || !may_try_next(ex)) {
        return NULL;
    }
    return group_pick(ex->group, ex->req, ex->tried, &is_full);
}

void exchange_ask_other(struct exchange *ex)
{
    const struct weir_peer *peer = ex->attempt->peer;
    struct weir_peer *next = ex->next_peer;

    ex->next_peer = NULL;
    request_log(ex->req, WEIR_LOG_WARN, "upstream %.*s, peer %.*s: it answered %u; trying the next "
                "peer", (int)ex->group->conf->name.n, ex->group->conf->name.p, (int)peer->name.n,
                peer->name.p, ex->head.status);
    ex->attempt->status = ex->head.status;
    exchange_attempt_done(ex, WEIR_PEER_OK);
    drop_connection(ex);
    count_retry(ex);
    ask(ex, next);
}

/* ---- sending ---- */

static void note_connected(struct exchange *ex)
{
    ex->up->conn.connecting = false;
}

static void handshake_failed(struct exchange *ex)
{
    struct weir_io *io = ex->up->conn.io;
    weir_str why = io_error(io);

    if (io->error) {
        exchange_failed(ex, WEIR_REASON_CONNECTION_REFUSED,
                        arena_strdup(&ex->req->arena, strerror(io->error)));
        return;
    }
    exchange_failed(ex, WEIR_REASON_TLS_ERROR,
                    arena_printf(&ex->req->arena, "TLS handshake: %.*s", (int)why.n, why.p).p);
}

/* TLS before the first byte. False: it takes longer, or (ex->up NULL) the attempt failed. */
static bool shake_hands(struct exchange *ex)
{
    switch (io_handshake(ex->up->conn.io)) {
    case WEIR_OK:
        note_connected(ex);
        return true;
    case WEIR_AGAIN:
        return false;
    default:
        handshake_failed(ex);
        return false;
    }
}

static bool is_handshaking(const struct exchange *ex)
{
    return ex->up && ex->up->conn.io && ex->up->conn.io->handshaking;
}

/* Writes what there is, and asks for more of the body. False: the attempt failed. */
static bool send_request(struct exchange *ex)
{
    struct conn *conn = &ex->up->conn;

    if (is_handshaking(ex) && !shake_hands(ex)) {
        return is_handshaking(ex);
    }
    exchange_take_body(ex);
    if (!chain_is_empty(&ex->to_send)) {
        uint64_t before = ex->to_send.bytes;
        int rc = conn_write(conn, &ex->to_send, false);

        ex->sent += before - ex->to_send.bytes;
        if (before != ex->to_send.bytes) {
            note_connected(ex);
        }
        if (rc == -EAGAIN) {
            return true;
        }
        if (rc < 0 && conn->connecting) {
            exchange_failed(ex, WEIR_REASON_CONNECTION_REFUSED,
                            arena_strdup(&ex->req->arena, strerror(-rc)));
            return false;
        }
        if (rc < 0) {
            /* It may have answered before it closed: reading will tell. */
            chain_clear(&ex->to_send);
            ex->body_sent = true;
            conn->can_read = true;
            return true;
        }
    }
    if (ex->is_tunnel && ex->body_sent && chain_is_empty(&ex->to_send)) {
        conn_shutdown(conn); /* half-close: the other direction goes on */
    }
    if (!ex->body_sent) {
        client_want_body(ex->req);
    }
    return true;
}

static void arm_timer(struct exchange *ex)
{
    const weir_forward_conf *conf = ex->conf;
    struct conn *conn = &ex->up->conn;

    if (ex->is_tunnel) {
        timer_set(&conn->timer, clock_now.ms + conf->tunnel_timeout_ms);
    } else if (conn->connecting) {
        if (conn->timer.deadline_ms == 0) {
            bool is_last = ex->addr_tries + 1 >= ex->up->peer->addr_n;
            uint64_t most_ms = is_last ? conf->connect_timeout_ms : NEXT_ADDRESS_MS;

            timer_set(&conn->timer, clock_now.ms + (most_ms < conf->connect_timeout_ms
                                                        ? most_ms : conf->connect_timeout_ms));
        }
    } else if (!chain_is_empty(&ex->to_send)) {
        timer_set(&conn->timer, clock_now.ms + conf->send_timeout_ms);
    } else if (!ex->body_sent || conn->can_read) {
        timer_stop(&conn->timer); /* it is the client that we wait for */
    } else {
        timer_set(&conn->timer, clock_now.ms + conf->read_timeout_ms);
    }
}

static void reset_attempt(struct exchange *ex)
{
    drop_input(ex);
    chain_clear(&ex->to_send);
    ex->scanned = 0;
    ex->sent = 0;
    ex->head_done = false;
}

weir_str exchange_peer_name(const struct exchange *ex)
{
    weir_str host = ex->conf->upstream->host, name = host;
    uint16_t port;

    return http1_split_authority(host, &name, &port) ? name : host;
}

static void on_name_known(struct waiter *waiter)
{
    struct exchange *ex = container_of(waiter, struct exchange, waiter);
    struct weir_req *req = ex->req;

    queue_leave(waiter);
    open_attempt(ex, (struct weir_peer *)(uintptr_t)ex->attempt->peer);
    if (req->finished || req->aborted || !chain_is_empty(&req->out)) {
        client_flush(req);
    }
}

static void on_name_late(struct waiter *waiter)
{
    struct exchange *ex = container_of(waiter, struct exchange, waiter);
    struct weir_req *req = ex->req;

    exchange_failed(ex, WEIR_REASON_DNS_ERROR, "its name was not resolved within connect_timeout");
    client_flush(req);
}

/* Otherwise the attempt has failed, or waits for the answer to come. */
static bool has_address(struct exchange *ex, struct weir_peer *peer)
{
    struct queue *queue;

    if (peer->addr_n > 0) {
        return true;
    }
    if (names_are_coming(peer, &queue)) {
        ex->waiter.on_turn = on_name_known;
        ex->waiter.on_timeout = on_name_late;
        queue_join(queue, &ex->waiter, ex->conf->connect_timeout_ms, false);
        return false;
    }
    peer_resolve_later(peer);
    exchange_failed(ex, WEIR_REASON_DNS_ERROR,
                    "its name does not resolve: check the name and /etc/resolv.conf; weir asks "
                    "again every two seconds");
    return false;
}

static bool get_connection(struct exchange *ex, struct weir_peer *peer)
{
    ex->up = pool_take(peer, ex->conf->tls, !is_idempotent(ex));
    ex->is_reused = ex->up != NULL;
    if (ex->up) {
        return true;
    }
    if (!has_address(ex, peer)) {
        return false;
    }
    ex->up = upconn_connect(peer, ex->conf->tls, exchange_peer_name(ex));
    if (!ex->up) {
        exchange_not_connected(ex, peer, errno);
        return false;
    }
    return true;
}

void exchange_not_connected(struct exchange *ex, const struct weir_peer *peer, int error)
{
    const struct addr *addr = &peer->addrs[peer->addr_at % peer->addr_n];

    exchange_failed(ex, WEIR_REASON_CONNECTION_REFUSED,
                    socket_hint(&ex->req->arena, addr, error));
}

struct attempt *exchange_note_attempt(struct exchange *ex, struct weir_peer *peer)
{
    struct attempt *attempt = arena_alloc(&ex->req->arena, sizeof(*attempt));

    *attempt = (struct attempt){
        .before = ex->req->attempts, .peer = peer, .start_us = clock_us()};
    ex->req->attempts = attempt;
    ex->tried[peer->index / 64] |= (uint64_t)1 << (peer->index % 64);
    ex->tries++;
    return attempt;
}

static void begin_attempt(struct exchange *ex, struct weir_peer *peer)
{
    ex->attempt = exchange_note_attempt(ex, peer);
    ex->addr_tries = 0;
    reset_attempt(ex);
}

size_t exchange_introduction(const struct exchange *ex, const struct weir_peer *peer,
                             char out[PROXY_PROTOCOL_MAX])
{
    const struct client *client = ex->req->client;
    struct addr local = {.len = sizeof(local.un)};

    if (peer->conf->proxy_protocol == 0) {
        return 0;
    }
    if (getsockname(client->conn.fd, &local.sa, &local.len) != 0) {
        local = (struct addr){0};
    }
    return proxy_protocol_write((int)peer->conf->proxy_protocol, request_addr(ex->req), &local, out);
}

/* Before the first byte, TLS or not, the peer is told who the client is. Such a connection serves
 * that client alone. */
static void introduce_client(struct exchange *ex, const struct weir_peer *peer)
{
    struct conn *conn = &ex->up->conn;
    char text[PROXY_PROTOCOL_MAX];
    size_t n = exchange_introduction(ex, peer, text);

    chain_add_copy(conn->io ? &conn->io->out : &ex->to_send, text, n);
}

static void find_no_peer(struct exchange *ex, weir_reason reason, const char *detail)
{
    weir_str text = arena_printf(&ex->req->arena, "upstream %.*s: %s",
                                 (int)ex->group->conf->name.n, ex->group->conf->name.p, detail);

    ex->attempt = NULL;
    ex->replayable = false;
    exchange_failed(ex, reason, text.p);
}

static void on_turn(struct waiter *waiter)
{
    struct exchange *ex = container_of(waiter, struct exchange, waiter);
    struct weir_req *req = ex->req;

    try_next(ex);
    if (req->finished || req->aborted || !chain_is_empty(&req->out)) {
        client_flush(req);
    }
}

static void on_wait_over(struct waiter *waiter)
{
    struct exchange *ex = container_of(waiter, struct exchange, waiter);
    struct weir_req *req = ex->req;

    find_no_peer(ex, WEIR_REASON_CONNECTION_LIMIT_REACHED,
                 "no peer had a free place (max_connections) within queue.timeout");
    client_flush(req);
}

/* False: there is no queue, or no room in it. */
static bool wait_for_place(struct exchange *ex)
{
    struct upstream_group *group = ex->group;

    if (group->queue.n >= (uint64_t)group->conf->queue_length) {
        return false;
    }
    ex->waiter.on_turn = on_turn;
    ex->waiter.on_timeout = on_wait_over;
    queue_join(&group->queue, &ex->waiter, group->conf->queue_timeout_ms, ex->waited);
    ex->waited = true;
    return true;
}

/* What was sent of the body is sent again. */
static void rewind_body(struct exchange *ex)
{
    if (!chain_is_empty(&ex->replay)) {
        struct weir_chain *body = request_body(ex->req);
        struct weir_chain again = ex->replay;

        ex->replay = (struct weir_chain){0};
        ex->body_sent = false;
        chain_move(&again, body, body->bytes);
        *body = again; /* the body begins anew */
    } else if (ex->req->head.framing != FRAMING_NONE) {
        ex->body_sent = false;
    }
}

static void try_next(struct exchange *ex)
{
    bool is_full;
    struct weir_peer *peer = group_pick(ex->group, ex->req, ex->tried, &is_full);

    if (peer) {
        ask(ex, peer);
    } else if (is_full && !wait_for_place(ex)) {
        find_no_peer(ex, WEIR_REASON_CONNECTION_LIMIT_REACHED,
                     ex->group->conf->queue_length
                         ? "all peers are at max_connections, and queue.length requests wait"
                         : "all peers are at max_connections: raise that, or add queue = { length; }");
    } else if (!is_full) {
        find_no_peer(ex, WEIR_REASON_DESTINATION_UNAVAILABLE,
                     "every peer is down or drained, or was asked already");
    }
}

static void ask(struct exchange *ex, struct weir_peer *peer)
{
    queue_leave(&ex->waiter); /* its time to wait is over, too */
    begin_attempt(ex, peer);
    if (ex->group->conf->retry_timeout_ms) {
        timer_set(&ex->try_timer, clock_now.ms + ex->group->conf->retry_timeout_ms);
    }
    if (ex->group->conf->retry_hedge_ms) {
        exchange_hedge_start(ex);
    }
    open_attempt(ex, peer);
}

/* ---- a second attempt beside the first ---- */

struct weir_peer *exchange_second_peer(struct exchange *ex)
{
    bool is_full;
    struct weir_peer *peer = may_try_next(ex) ? group_pick(ex->group, ex->req, ex->tried, &is_full)
                                              : NULL;

    if (peer) {
        count_retry(ex);
    }
    return peer;
}

void exchange_take_over(struct exchange *ex)
{
    drop_connection(ex);
    reset_attempt(ex);
    ex->up = exchange_hedge_take(ex, &ex->to_send);
    ex->sent = 1; /* some of it, at least */
    ex->addr_tries = ex->up->peer->addr_n;
    if (ex->group->conf->retry_timeout_ms) {
        timer_set(&ex->try_timer, clock_now.ms + ex->group->conf->retry_timeout_ms);
    }
    struct conn *conn = &ex->up->conn;
    conn->on_ready = on_up_ready;
    conn->timer.fn = on_up_timer;
    arm_timer(ex);
}

static void open_attempt(struct exchange *ex, struct weir_peer *peer)
{
    if (ex->codec) {
        rewind_body(ex);
        if (has_address(ex, peer)) {
            exchange_stream_start(ex, peer);
        }
        return;
    }
    if (!get_connection(ex, peer)) {
        return;
    }
    struct conn *conn = &ex->up->conn;
    ex->up->exchange = ex;
    conn->on_ready = on_up_ready;
    conn->timer.fn = on_up_timer;
    timer_stop(&conn->timer);
    if (peer->conf->proxy_protocol) {
        introduce_client(ex, peer);
    }
    chain_add_buf(&ex->to_send, ex->head_out, ex->head_out->data, ex->head_out->used);
    rewind_body(ex);
    if (send_request(ex) && ex->up) {
        arm_timer(ex);
    }
}

/* ---- events ---- */

bool exchange_sink_is_full(const struct exchange *ex)
{
    const weir_forward_conf *conf = ex->conf;
    uint64_t limit = SINK_WINDOW;

    if (ex->buffering) {
        limit = conf->buffer_body + (ex->spill.failed ? 0 : conf->buffer_file);
    }
    return response_waiting(ex->req) >= (limit > SINK_WINDOW ? limit : SINK_WINDOW);
}

static void on_tunnel_end(struct tunnel *tunnel)
{
    struct exchange *ex = container_of(tunnel, struct exchange, tunnel);

    client_tunnel_end(ex->req->client);
}

struct tunnel *exchange_tunnel(struct weir_req *req)
{
    struct exchange *ex = req ? req->exchange : NULL;

    return ex && ex->tunnel.on_end ? &ex->tunnel : NULL;
}

static void start_tunnel(struct exchange *ex)
{
    struct weir_req *req = ex->req;
    struct buf *rest;
    uint32_t rest_at;
    struct conn *client = client_tunnel(req->client, &rest, &rest_at);
    struct tunnel_side *sides = ex->tunnel.sides;

    timer_stop(&ex->deadline); /* the request is done */
    sides[0].to_send = req->out;
    req->out = (struct weir_chain){0};
    if (ex->in) {
        chain_add_buf(&sides[0].to_send, ex->in, ex->in->data + ex->in_at,
                      ex->in->used - ex->in_at);
        drop_input(ex);
    }
    sides[1].to_send = ex->to_send;
    ex->to_send = (struct weir_chain){0};
    if (rest) {
        chain_add_buf(&sides[1].to_send, rest, rest->data + rest_at, rest->used - rest_at);
        buf_release(rest);
    }
    tunnel_start(&ex->tunnel, client, &ex->up->conn, ex->conf->tunnel_timeout_ms, on_tunnel_end);
}

/* Reads, passes on and flushes until one side has to be waited for. The exchange may be gone
 * afterwards. */
static void pump(struct exchange *ex)
{
    struct weir_req *req = ex->req;

    for (;;) {
        bool can_go_on;

        if (ex->up && ex->up->conn.can_read && !(ex->head_done && exchange_sink_is_full(ex))) {
            exchange_read(ex);
        }
        if (req->upgraded && !ex->is_tunnel && ex->up) {
            start_tunnel(ex);
            return;
        }
        can_go_on = ex->up && ex->up->conn.can_read;
        bool has_news = !chain_is_empty(&req->out) || req->finished || req->aborted;
        if (has_news && (!client_is_stalled(req) || req->aborted) && !client_flush(req)) {
            return;
        }
        if (!can_go_on || !ex->up || (ex->head_done && exchange_sink_is_full(ex))) {
            break;
        }
    }
    if (ex->up) {
        arm_timer(ex);
    }
}

static void on_up_ready(struct conn *conn)
{
    struct upconn *up = container_of(conn, struct upconn, conn);
    struct exchange *ex = up->exchange;

    bool is_first = is_handshaking(ex);
    if ((is_first || (!chain_is_empty(&ex->to_send) && conn->can_write && !conn->can_read)) &&
        !send_request(ex)) {
        client_flush(ex->req);
        return;
    }
    if (ex->up != up) {
        return;
    }
    if (is_handshaking(ex)) {
        arm_timer(ex);
        return;
    }
    pump(ex);
}

static void on_up_timer(struct timer *timer)
{
    struct upconn *up = container_of(timer, struct upconn, conn.timer);
    struct exchange *ex = up->exchange;
    struct weir_req *req = ex->req;

    if (up->conn.connecting) {
        exchange_failed(ex, WEIR_REASON_CONNECTION_TIMEOUT,
                        "no connection within connect_timeout");
    } else if (!chain_is_empty(&ex->to_send)) {
        exchange_failed(ex, WEIR_REASON_CONNECTION_WRITE_TIMEOUT,
                        "it took nothing for send_timeout");
    } else {
        exchange_failed(ex, WEIR_REASON_CONNECTION_READ_TIMEOUT,
                        "it sent nothing for read_timeout");
    }
    client_flush(req);
}

static void on_try_over(struct timer *timer)
{
    struct exchange *ex = container_of(timer, struct exchange, try_timer);
    struct weir_req *req = ex->req;

    if (exchange_is_open(ex) && !ex->head_done) {
        exchange_failed(ex, WEIR_REASON_CONNECTION_READ_TIMEOUT,
                        "no answer within retry.timeout");
        client_flush(req);
    }
}

static void on_deadline(struct timer *timer)
{
    struct exchange *ex = container_of(timer, struct exchange, deadline);
    struct weir_req *req = ex->req;

    if (exchange_is_open(ex) || ex->waiter.queue) {
        queue_leave(&ex->waiter);
        exchange_failed(ex, WEIR_REASON_HTTP_RESPONSE_TIMEOUT, "the request's deadline passed");
        client_flush(req);
    }
}

/* ---- as a source ---- */

/* May be called when nothing has changed: the peer's time to send something runs on then. */
static void source_resume(struct weir_req *req)
{
    struct exchange *ex = req->exchange;

    if (ex->up && ex->up->conn.can_read) {
        pump(ex);
    } else if (ex->at.lane) {
        exchange_stream_resume(ex);
    }
}

static void begin(struct exchange *ex)
{
    ex->has_begun = true;
    if (ex->codec) {
        exchange_stream_init(ex);
    } else {
        exchange_build_head(ex);
    }
    try_next(ex);
}

/* request_buffering: nothing is sent before all of it is here. */
static bool collect_body(struct exchange *ex)
{
    struct weir_req *req = ex->req;
    struct weir_chain *body = request_body(req);

    if (body->bytes > ex->conf->buffer_body) {
        struct weir_chain piece = {0};

        chain_move(&piece, body, body->bytes);
        if (!ex->spill.failed) {
            spill_write(&ex->spill, &piece);
        }
        chain_move(body, &piece, piece.bytes);
    }
    if (!request_body_is_done(req)) {
        client_want_body(req);
        return false;
    }
    return true;
}

static void source_request_body(struct weir_req *req)
{
    struct exchange *ex = req->exchange;

    if (!ex->has_begun) {
        if (collect_body(ex)) {
            begin(ex);
        }
        return;
    }
    if (ex->at.lane) {
        exchange_stream_send(ex);
    } else if (ex->up && send_request(ex) && ex->up) {
        arm_timer(ex);
    }
}

static void release_pipe(struct exchange *ex)
{
    bool is_empty = true;

    for (const struct link *link = ex->req->out.first; link; link = link->next) {
        is_empty = is_empty && link->kind != LINK_PIPE;
    }
    pipe_put(ex->pipe, is_empty);
    ex->pipe = NULL;
}

void exchange_end(struct weir_req *req)
{
    struct exchange *ex = req->exchange;

    exchange_attempt_done(ex, WEIR_PEER_ABORTED);
    drop_next_peer(ex);
    if (ex->hedge) {
        exchange_hedge_stop(ex);
    }
    drop_connection(ex);
    chain_clear(&ex->to_send);
    chain_clear(&ex->replay);
    if (ex->head_out) {
        buf_release(ex->head_out);
    }
    if (ex->head_in) {
        buf_release(ex->head_in);
    }
    if (ex->pipe) {
        release_pipe(ex);
    }
    chain_clear(&req->body_in);
    spill_fini(&ex->spill);
    timer_fini(&ex->deadline);
    timer_fini(&ex->try_timer);
    queue_leave(&ex->waiter);
    timer_fini(&ex->stream_timer);
    ex->group->live--;
    ex->group->retrying -= ex->is_retry;
}

static const struct source_ops exchange_source = {
    .resume = source_resume,
    .request_body = source_request_body,
    .cancel = exchange_end,
};

/* Said by modules that know of it. */
static bool uses_own_codec(const weir_forward_conf *conf)
{
    return conf->size > offsetof(weir_forward_conf, own_codec) && conf->own_codec && !peer_opener;
}

weir_rc exchange_start(struct weir_req *req, const weir_forward_conf *conf)
{
    struct exchange *ex = arena_zalloc(&req->arena, sizeof(*ex));

    ex->req = req;
    ex->conf = conf;
    ex->group = conf->upstream->group;
    ex->codec = uses_own_codec(conf) ? module_running : conf->upstream->codec;
    ex->group->live++;
    ex->tried = arena_zalloc(&req->arena, ex->group->word_n * sizeof(*ex->tried));
    ex->replayable = true;
    ex->body_sent = req->head.framing == FRAMING_NONE;
    ex->buffering = conf->buffering;
    fields_init(&ex->fields, &req->arena);
    spill_init(&ex->spill);
    timer_init(&ex->deadline, on_deadline);
    timer_init(&ex->try_timer, on_try_over);
    if (conf->deadline_ms) {
        timer_set(&ex->deadline, clock_now.ms + conf->deadline_ms);
    }
    req->exchange = ex;
    req->source = &exchange_source;
    req->step = STEP_RESPONSE;
    if (conf->request_buffering && req->head.framing != FRAMING_NONE) {
        if (req->head.expect_continue && !req->body_in_done) {
            struct fields none = {0};

            response_interim(req, 100, &none);
        }
        if (!collect_body(ex)) {
            return WEIR_HANDLED;
        }
    }
    begin(ex);
    return WEIR_HANDLED;
}
