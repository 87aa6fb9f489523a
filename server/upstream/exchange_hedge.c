/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/exchange_hedge.c - a second attempt beside the first one, when that has not answered for
 * retry.hedge: whoever says something first is heard, the other one is let go of. For requests that
 * may be done twice and have no body, at HTTP/1 peers without TLS, where the first byte that can be
 * read is the beginning of an answer. */
#include "base/clock.h"
#include "base/str.h"
#include "upstream/exchange_state.h"

#include <errno.h>
#include <string.h>

struct hedge {
    struct exchange *ex;
    struct timer timer;        /* until a second peer is asked */
    struct upconn *up;         /* the second attempt; NULL: none is under way */
    struct attempt *attempt;
    struct weir_chain to_send;
    bool is_reused;
};

static void let_go(struct hedge *hedge, weir_outcome outcome)
{
    struct upconn *up = hedge->up;

    if (up) {
        hedge->up = NULL;
        attempt_finish(hedge->attempt, outcome);
        upconn_close(up);
        chain_clear(&hedge->to_send);
    }
}

static void lose(struct hedge *hedge, weir_reason reason, const char *why)
{
    const struct weir_peer *peer = hedge->attempt->peer;

    hedge->attempt->reason = reason;
    request_log(hedge->ex->req, WEIR_LOG_WARN, "%.*s: upstream %.*s, peer %.*s, asked beside "
                "another one: %s", (int)reason_name(reason).n, reason_name(reason).p,
                (int)peer->group->conf->name.n, peer->group->conf->name.p, (int)peer->name.n,
                peer->name.p, why);
    /* A pooled connection that ends as it is used says nothing about the peer. */
    let_go(hedge, hedge->is_reused && reason == WEIR_REASON_CONNECTION_TERMINATED
                      ? WEIR_PEER_ABORTED : WEIR_PEER_FAILED);
}

/* False: it is lost. */
static bool send_rest(struct hedge *hedge)
{
    struct conn *conn = &hedge->up->conn;
    bool was_connecting = conn->connecting;
    uint64_t before = hedge->to_send.bytes;
    int rc = before ? conn_write(conn, &hedge->to_send, false) : 0;

    conn->connecting = conn->connecting && before && before == hedge->to_send.bytes;
    if (rc < 0 && rc != -EAGAIN) {
        lose(hedge, was_connecting ? WEIR_REASON_CONNECTION_REFUSED
                                   : WEIR_REASON_CONNECTION_TERMINATED, strerror(-rc));
        return false;
    }
    if (was_connecting && !conn->connecting) {
        timer_stop(&conn->timer);
    }
    return true;
}

static void on_ready(struct conn *conn)
{
    struct exchange *ex = container_of(conn, struct upconn, conn)->exchange;
    struct hedge *hedge = ex->hedge;
    char byte;

    if (conn->can_write && !chain_is_empty(&hedge->to_send) && !send_rest(hedge)) {
        return;
    }
    if (!conn->can_read) {
        return;
    }
    ssize_t n = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0) {
        exchange_attempt_done(ex, WEIR_PEER_ABORTED);
        exchange_take_over(ex);
        conn->on_ready(conn); /* the exchange's: reads it */
    } else if (n < 0 && errno == EAGAIN) {
        conn->can_read = false;
    } else {
        lose(hedge, WEIR_REASON_CONNECTION_TERMINATED,
             n ? strerror(errno) : "it closed the connection without an answer");
    }
}

static void on_late(struct timer *timer)
{
    struct upconn *up = container_of(timer, struct upconn, conn.timer);

    lose(up->exchange->hedge, WEIR_REASON_CONNECTION_TIMEOUT, "no connection within connect_timeout");
}

static bool connect_second(struct hedge *hedge, struct weir_peer *peer)
{
    struct exchange *ex = hedge->ex;
    char intro[PROXY_PROTOCOL_MAX];

    hedge->up = pool_take(peer, NULL, false);
    hedge->is_reused = hedge->up != NULL;
    if (!hedge->up && peer->addr_n) {
        hedge->up = upconn_connect(peer, NULL, exchange_peer_name(ex));
    }
    if (!hedge->up) {
        return false;
    }
    struct conn *conn = &hedge->up->conn;
    hedge->up->exchange = ex;
    conn->on_ready = on_ready;
    conn->timer.fn = on_late;
    timer_stop(&conn->timer);
    if (conn->connecting) {
        timer_set(&conn->timer, clock_now.ms + ex->conf->connect_timeout_ms);
    }
    chain_add_copy(&hedge->to_send, intro, exchange_introduction(ex, peer, intro));
    chain_add_buf(&hedge->to_send, ex->head_out, ex->head_out->data, ex->head_out->used);
    return true;
}

static void on_hedge(struct timer *timer)
{
    struct hedge *hedge = container_of(timer, struct hedge, timer);
    struct exchange *ex = hedge->ex;
    struct weir_peer *peer = ex->up && !ex->in && !ex->head_done ? exchange_second_peer(ex) : NULL;

    if (!peer) {
        return;
    }
    request_log(ex->req, WEIR_LOG_INFO, "upstream %.*s, peer %.*s has not answered within "
                "retry.hedge: %.*s is asked, too", (int)ex->group->conf->name.n,
                ex->group->conf->name.p, (int)ex->attempt->peer->name.n, ex->attempt->peer->name.p,
                (int)peer->name.n, peer->name.p);
    hedge->attempt = exchange_note_attempt(ex, peer);
    if (!connect_second(hedge, peer)) {
        hedge->attempt->reason = WEIR_REASON_CONNECTION_REFUSED;
        attempt_finish(hedge->attempt, WEIR_PEER_FAILED);
        return;
    }
    send_rest(hedge);
}

void exchange_hedge_start(struct exchange *ex)
{
    const struct http1_head *head = &ex->req->head;
    bool has_body = head->framing == FRAMING_CHUNKED ||
                    (head->framing == FRAMING_LENGTH && head->content_length > 0);

    if (!exchange_is_repeatable(ex) || has_body || head->upgrade || ex->conf->tls || ex->codec) {
        return;
    }
    if (!ex->hedge) {
        ex->hedge = arena_zalloc(&ex->req->arena, sizeof(*ex->hedge));
        ex->hedge->ex = ex;
        timer_init(&ex->hedge->timer, on_hedge);
    }
    if (!ex->hedge->up) {
        timer_set(&ex->hedge->timer, clock_now.ms + ex->group->conf->retry_hedge_ms);
    }
}

void exchange_hedge_stop(struct exchange *ex)
{
    timer_fini(&ex->hedge->timer);
    let_go(ex->hedge, WEIR_PEER_ABORTED);
}

bool exchange_hedge_is_open(const struct exchange *ex)
{
    return ex->hedge && ex->hedge->up;
}

struct upconn *exchange_hedge_take(struct exchange *ex, struct weir_chain *to_send)
{
    struct hedge *hedge = ex->hedge;
    struct upconn *up = hedge->up;

    hedge->up = NULL;
    ex->attempt = hedge->attempt;
    ex->is_reused = hedge->is_reused;
    chain_move(to_send, &hedge->to_send, hedge->to_send.bytes);
    return up;
}
