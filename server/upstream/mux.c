/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/mux.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "module/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTING_MAX 4     /* connections of a lane that are being made at a time */
#define CONNECT_MS 60000     /* for the longest patience among the requests that wait */
#define FAREWELL_MS 5000     /* a connection that is not wanted any more may take that to end */

/* The connections to one peer that are spoken on the same way. */
struct lane {
    struct lane *next;
    struct weir_peer *peer;
    const struct module *module;
    const struct tls_client *tls;
    weir_str name;
    struct mux *muxes;
    struct mux_stream *wait_first, *wait_last;
    uint32_t wait_n, connecting;
    uint32_t last_limit; /* that a peer has said; 0: none yet */
    uint32_t intro_n;    /* not 0: for one connection and its one request; goes with that */
    char intro[];
};

static void work(struct mux *mux);

/* ---- lists ---- */

static void wait_join(struct lane *lane, struct mux_stream *at)
{
    at->lane = lane;
    at->mux = NULL;
    at->next = NULL;
    at->prev = lane->wait_last;
    *(at->prev ? &at->prev->next : &lane->wait_first) = at;
    lane->wait_last = at;
    lane->wait_n++;
}

static void wait_leave(struct lane *lane, struct mux_stream *at)
{
    *(at->prev ? &at->prev->next : &lane->wait_first) = at->next;
    *(at->next ? &at->next->prev : &lane->wait_last) = at->prev;
    at->next = at->prev = NULL;
    lane->wait_n--;
}

static void seat(struct mux *mux, struct mux_stream *at)
{
    at->lane = mux->lane;
    at->mux = mux;
    at->prev = NULL;
    at->next = mux->streams;
    if (at->next) {
        at->next->prev = at;
    }
    mux->streams = at;
    mux->stream_n++;
    timer_stop(&mux->conn.timer);
}

static void untell(struct mux_stream *at)
{
    struct mux *mux = at->mux;

    if (!at->is_told) {
        return;
    }
    *(at->prev_told ? &at->prev_told->next_told : &mux->told_first) = at->next_told;
    *(at->next_told ? &at->next_told->prev_told : &mux->told_last) = at->prev_told;
    at->next_told = at->prev_told = NULL;
    at->is_told = false;
}

static void unseat(struct mux_stream *at)
{
    struct mux *mux = at->mux;

    untell(at);
    *(at->prev ? &at->prev->next : &mux->streams) = at->next;
    if (at->next) {
        at->next->prev = at->prev;
    }
    at->next = at->prev = NULL;
    at->lane = NULL;
    at->mux = NULL;
    mux->stream_n--;
    loop_later(&mux->codec.later); /* somebody may wait for the place */
}

/* ---- places ---- */

static uint32_t limit_of(struct mux *mux)
{
    struct account_call call = codec_enter(&mux->codec);
    uint32_t limit = mux->codec.state ? mux->codec.ops->limit(mux->codec.state) : 0;

    account_leave(&call);
    return limit;
}

static bool has_room(struct mux *mux)
{
    uint32_t limit;

    if (!mux->is_ready || mux->is_leaving) {
        return false;
    }
    limit = limit_of(mux);
    mux->is_leaving = limit == 0;
    return mux->stream_n < limit;
}

static struct mux *mux_with_room(struct lane *lane)
{
    for (struct mux *mux = lane->muxes; mux; mux = mux->next) {
        if (has_room(mux)) {
            return mux;
        }
    }
    return NULL;
}

static struct lane *lane_of(struct weir_peer *peer, const struct module *module,
                            const struct tls_client *tls, weir_str name)
{
    struct lane *lane = peer->lanes;

    while (lane && (lane->module != module || lane->tls != tls || !str_eq(lane->name, name))) {
        lane = lane->next;
    }
    if (!lane) {
        lane = mem_zalloc(sizeof(*lane)); /* as many as the configuration has; they stay */
        *lane = (struct lane){
            .next = peer->lanes, .peer = peer, .module = module, .tls = tls, .name = name};
        peer->lanes = lane;
    }
    return lane;
}

static struct lane *lane_alone(struct weir_peer *peer, const struct module *module,
                               const struct tls_client *tls, weir_str name, weir_str intro)
{
    struct lane *lane = mem_zalloc(sizeof(*lane) + intro.n);

    *lane = (struct lane){.peer = peer, .module = module, .tls = tls, .name = name,
                          .intro_n = (uint32_t)intro.n};
    memcpy(lane->intro, intro.p, intro.n);
    return lane;
}

static void lane_leave(struct lane *lane)
{
    if (lane->intro_n) {
        free(lane);
    }
}

static struct mux *connect_mux(struct lane *lane);

/* As many further connections as those that wait will need, so far as is known. */
static bool connect_more(struct lane *lane)
{
    uint32_t each = lane->last_limit ? lane->last_limit : UINT32_MAX;
    uint32_t wanted = lane->wait_n / each + (lane->wait_n % each != 0);

    wanted = wanted < CONNECTING_MAX ? wanted : CONNECTING_MAX;
    while (lane->connecting < wanted) {
        if (!connect_mux(lane)) {
            return false;
        }
    }
    return true;
}

/* ---- the end of a connection ---- */

static void destroy(struct mux *mux)
{
    codec_fini(&mux->codec);
    conn_close(&mux->conn);
    lane_leave(mux->lane);
    free(mux);
}

static void unlink_mux(struct mux *mux)
{
    struct lane *lane = mux->lane;

    *(mux->prev ? &mux->prev->next : &lane->muxes) = mux->next;
    if (mux->next) {
        mux->next->prev = mux->prev;
    }
    lane->connecting -= !mux->is_ready;
}

static void fail_waiting(struct lane *lane, weir_reason reason, const char *detail)
{
    /* Those that come back to wait do so behind the ones that are here. */
    for (uint32_t n = lane->wait_n; n > 0 && lane->wait_first; n--) {
        struct mux_stream *at = lane->wait_first;

        wait_leave(lane, at);
        at->lane = NULL;
        at->ops->failed(at, reason, detail);
    }
}

/* What was on it fails; and what waits, when it never came about. */
static void die(struct mux *mux, weir_reason reason, const char *detail)
{
    struct lane *lane = mux->lane;
    bool was_ready = mux->is_ready;

    unlink_mux(mux);
    while (mux->streams) {
        struct mux_stream *at = mux->streams;

        unseat(at);
        at->ops->failed(at, reason, detail);
    }
    if (!was_ready || (!connect_more(lane) && lane->connecting == 0)) {
        fail_waiting(lane, reason, detail);
    }
    destroy(mux);
}

/* Nobody uses it: the peer is told, and then it ends. */
static void retire(struct mux *mux)
{
    if (mux->codec.state && !mux->codec.is_over) {
        struct account_call call = codec_enter(&mux->codec);

        mux->codec.ops->drain(mux->codec.state);
        account_leave(&call);
        if (codec_send(&mux->codec) == CODEC_BLOCKED && !mux->is_leaving) {
            mux->is_leaving = true;
            timer_set(&mux->conn.timer, clock_now.ms + FAREWELL_MS);
            return;
        }
    }
    unlink_mux(mux);
    destroy(mux);
}

static void on_timer(struct timer *timer)
{
    struct mux *mux = container_of(timer, struct mux, conn.timer);

    if (!mux->is_ready) {
        die(mux, WEIR_REASON_CONNECTION_TIMEOUT, "no connection came about");
    } else if (mux->stream_n == 0) {
        retire(mux);
    }
}

/* ---- work ---- */

static void open_waiting(struct mux *mux)
{
    struct lane *lane = mux->lane;

    while (lane->wait_first && has_room(mux)) {
        struct mux_stream *at = lane->wait_first;

        wait_leave(lane, at);
        seat(mux, at);
        at->ops->opened(at);
    }
}

/* The connection has ended, or has to. */
static void fall(struct mux *mux)
{
    if (mux->codec.has_failed || (mux->codec.came_ms && !mux->is_ready)) {
        die(mux, WEIR_REASON_HTTP_PROTOCOL_ERROR, "what it sent is not HTTP/2");
    } else {
        die(mux, WEIR_REASON_CONNECTION_TERMINATED, "it closed the connection");
    }
}

static void tell_all(struct mux *mux)
{
    while (mux->told_first) {
        struct mux_stream *at = mux->told_first;

        untell(at);
        at->ops->told(at);
    }
}

static void rest(struct mux *mux)
{
    const struct upstream_conf *conf = mux->lane->peer->group->conf;

    if (!mux->conn.can_read || !codec_wants_input(&mux->codec)) {
        loop_later_cancel(&mux->codec.later);
    }
    if (mux->stream_n == 0 && mux->is_ready && mux->conn.timer.deadline_ms == 0) {
        if (conf->keepalive == 0 || mux->is_leaving || mux->lane->intro_n) {
            retire(mux);
            return;
        }
        timer_set(&mux->conn.timer, clock_now.ms + conf->keepalive_timeout_ms);
    }
}

/* Does all that can be done now. The connection may be gone afterwards. */
static void work(struct mux *mux)
{
    struct lane *lane = mux->lane;
    bool is_alone = lane->intro_n;
    enum codec_sent sent;

    do {
        tell_all(mux);
        open_waiting(mux);
        sent = codec_send(&mux->codec);
        if (sent == CODEC_BROKEN || codec_is_done(&mux->codec)) {
            fall(mux);
            return;
        }
    } while (mux->told_first || (sent == CODEC_MORE && mux->conn.can_write));
    rest(mux);
    if (!is_alone) {
        connect_more(lane);
    }
}

static void on_ready(struct conn *conn);

/* What was left unread may be wanted now. */
static void on_later(struct later *later)
{
    struct mux *mux = container_of(later, struct mux, codec.later);

    if (mux->codec.state && mux->conn.can_read && codec_wants_input(&mux->codec)) {
        on_ready(&mux->conn);
    } else {
        work(mux);
    }
}

static bool start_codec(struct mux *mux)
{
    struct account_call call = codec_enter(&mux->codec);

    mux->codec.state = mux->codec.ops->connect(&mux->codec);
    account_leave(&call);
    return mux->codec.state != NULL;
}

/* False: wait, or it is dead. */
static bool shake_hands(struct mux *mux)
{
    struct weir_io *io = mux->conn.io;
    weir_rc rc = io_handshake(io);
    char text[256];

    if (rc == WEIR_AGAIN) {
        return false;
    }
    if (rc == WEIR_OK &&
        str_eq(io_info(io, WEIR_TRANSPORT_PROTOCOL), str_from(mux->codec.ops->alpn))) {
        return true;
    }
    if (rc == WEIR_OK) {
        die(mux, WEIR_REASON_TLS_ERROR,
            "it does not offer HTTP/2 (ALPN h2): write https:// instead of h2s://");
    } else if (io->error) {
        die(mux, WEIR_REASON_CONNECTION_REFUSED, strerror(io->error));
    } else {
        weir_str why = io_error(io);

        snprintf(text, sizeof(text), "TLS handshake: %.*s", (int)why.n, why.p);
        die(mux, WEIR_REASON_TLS_ERROR, text);
    }
    return false;
}

/* False: the connection is not there yet, or dead. */
static bool begin(struct mux *mux)
{
    if (mux->conn.io && mux->conn.io->handshaking && !shake_hands(mux)) {
        return false;
    }
    if (!mux->codec.state && !start_codec(mux)) {
        die(mux, WEIR_REASON_PROXY_INTERNAL_ERROR, "out of memory");
        return false;
    }
    return true;
}

static void note_limit(struct mux *mux)
{
    uint32_t limit;

    if (mux->is_ready || (limit = limit_of(mux)) == 0) {
        return;
    }
    mux->is_ready = true;
    mux->lane->connecting--;
    mux->lane->last_limit = limit;
    timer_stop(&mux->conn.timer);
}

static void on_ready(struct conn *conn)
{
    struct mux *mux = container_of(conn, struct mux, conn);
    int error = 0;

    if (!mux->codec.state && !begin(mux)) {
        return;
    }
    while (conn->can_read && codec_wants_input(&mux->codec)) {
        ssize_t n = codec_read(&mux->codec);

        conn->connecting = conn->connecting && n < 0;
        if (n == 0 || (n < 0 && n != -EAGAIN)) {
            error = n ? (int)-n : ECONNRESET;
            break;
        }
    }
    note_limit(mux);
    if (error) {
        tell_all(mux);
        if (conn->connecting) {
            die(mux, WEIR_REASON_CONNECTION_REFUSED, strerror(error));
        } else {
            fall(mux);
        }
        return;
    }
    work(mux);
}

/* NULL with errno. */
static struct mux *connect_mux(struct lane *lane)
{
    struct mux *mux = mem_zalloc(sizeof(*mux));

    mux->lane = lane;
    if (!peer_connect(lane->peer, &mux->conn, lane->tls, lane->name, on_ready, on_timer)) {
        free(mux);
        return NULL;
    }
    codec_init(&mux->codec, &mux->conn, lane->module, on_later);
    chain_add_copy(mux->conn.io ? &mux->conn.io->out : &mux->codec.out, lane->intro, lane->intro_n);
    mux->next = lane->muxes;
    if (mux->next) {
        mux->next->prev = mux;
    }
    lane->muxes = mux;
    lane->connecting++;
    timer_set(&mux->conn.timer, clock_now.ms + CONNECT_MS);
    return mux;
}

/* ---- for exchanges ---- */

enum mux_result mux_open(struct mux_stream *at, struct weir_peer *peer, const struct module *module,
                         const struct tls_client *tls, weir_str name, weir_str intro)
{
    struct lane *lane = intro.n ? lane_alone(peer, module, tls, name, intro)
                                : lane_of(peer, module, tls, name);
    struct mux *mux = lane->wait_first ? NULL : mux_with_room(lane);

    at->stream.id = 0;
    if (mux) {
        seat(mux, at);
        return MUX_OPEN;
    }
    wait_join(lane, at);
    if (!connect_more(lane) && lane->connecting == 0) {
        wait_leave(lane, at);
        at->lane = NULL;
        lane_leave(lane);
        return MUX_FAILED;
    }
    return MUX_WAITS;
}

bool mux_request(struct mux_stream *at, const weir_stream_head *head)
{
    struct weir_conn *codec = &at->mux->codec;
    struct account_call call = codec_enter(codec);
    conn_is_fresh(&at->mux->conn);
    weir_rc rc = codec->ops->request(codec->state, &at->stream, head, &at->stream.id);

    account_leave(&call);
    loop_later(&codec->later);
    return rc == WEIR_OK;
}

bool mux_allows_connect(const struct mux_stream *at)
{
    struct weir_conn *codec = &at->mux->codec;
    struct account_call call = codec_enter(codec);
    bool allows = codec->ops->allows_connect(codec->state);

    account_leave(&call);
    return allows;
}

void mux_closed(struct mux_stream *at)
{
    at->stream.id = 0;
}

void mux_leave(struct mux_stream *at, uint32_t why)
{
    if (!at->lane) {
        return;
    }
    if (!at->mux) {
        wait_leave(at->lane, at);
        at->lane = NULL;
        return;
    }
    if (at->stream.id) {
        struct weir_conn *codec = &at->mux->codec;
        struct account_call call = codec_enter(codec);

        codec->ops->leave(codec->state, at->stream.id, why);
        account_leave(&call);
        at->stream.id = 0;
    }
    unseat(at);
}

void mux_tell(struct mux_stream *at)
{
    struct mux *mux = at->mux;

    if (at->is_told || !mux) {
        return;
    }
    at->is_told = true;
    at->next_told = NULL;
    at->prev_told = mux->told_last;
    *(at->prev_told ? &at->prev_told->next_told : &mux->told_first) = at;
    mux->told_last = at;
    loop_later(&mux->codec.later);
}

void mux_doubt(struct mux_stream *at, uint64_t since_ms)
{
    if (at->mux && at->mux->codec.came_ms <= since_ms) {
        at->mux->is_leaving = true;
    }
}
