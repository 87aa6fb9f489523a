/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_server.h"

#include "http/handover.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "http/chunked.h"
#include "http/codec_server.h"
#include "module/registry.h"
#include "net/io.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define PROBE_MS 2000        /* how often a client that has ended its side is asked whether it waits */
#define SKIP_MAX (256 * 1024) /* bytes of an unread request body that are read to keep a connection */

static void client_abort(struct client *client)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    /* A reset, not an orderly end: nobody may take what was sent for the whole. */
    setsockopt(client->conn.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    client->was_cut = true;
    client_close(client);
}

/* ---- reading ---- */

static size_t input_bytes(const struct client *client)
{
    return client->in ? client->in->used - client->in_at : 0;
}

/* Makes room to read into: a part that is waiting moves to a fresh buffer when the old one is
 * full, since slices of requests may point into that one. */
static void make_room(struct client *client, size_t wanted)
{
    size_t have = input_bytes(client);

    if (client->in && buf_room(client->in) >= wanted) {
        return;
    }
    struct buf *fresh = have + wanted <= BUF_SIZE ? buf_create()
                                                  : buf_create_sized((uint32_t)(have + wanted));
    if (have > 0) {
        memcpy(fresh->data, client->in->data + client->in_at, have);
        fresh->used = (uint32_t)have;
    }
    client_drop_input(client);
    client->in = fresh;
    client->in_at = 0;
}

/* Takes `n` bytes as consumed. */
static void consume(struct client *client, size_t n)
{
    client->in_at += (uint32_t)n;
    if (client->in_at == client->in->used) {
        client_drop_input(client);
    }
}

static struct weir_req *request_create(struct client *client)
{
    client->req = client_request(client);
    client->scanned = 0;
    return client->req;
}

/* ---- the request body ---- */

static void start_body(struct client *client)
{
    struct weir_req *req = client->req;

    req->wants_body = false;
    client->body_left = req->head.framing == FRAMING_LENGTH ? req->head.content_length : 0;
    client->chunked = NULL;
    if (req->head.framing == FRAMING_CHUNKED) {
        client->chunked = arena_alloc(&req->arena, sizeof(*client->chunked));
        chunked_init(client->chunked);
        fields_init(&req->request_trailers, &req->arena);
    }
    req->body_in_done = !client->chunked && client->body_left == 0;
}

static void take_body(struct weir_req *req, struct buf *buf, const char *p, size_t n)
{
    req->body_in_total += n;
    chain_add_buf(&req->body_in, buf, p, n);
    if (buf != req->head_buf && buf != req->body_buf) {
        request_drop_body_buf(req);
        req->body_buf = buf_retain(buf);
    }
}

/* Room for more of the body. Pieces that wait keep their buffers whole: so as long as there is room,
 * small ones go into one, and be it that of the head. */
static void make_body_room(struct client *client)
{
    struct weir_req *req = client->req;
    struct buf *last = req->body_buf ? req->body_buf : req->head_buf;

    if (req->body_buf && req->body_buf->refs == 1) {
        last->used = 0; /* nothing of it waits */
    }
    if (buf_room(last) >= BUF_SIZE / 2) {
        client->in = buf_retain(last);
        client->in_at = last->used;
        return;
    }
    make_room(client, BUF_SIZE / 2);
}

/* Decodes what has been read. False: the framing is broken. */
static bool decode_chunks(struct client *client)
{
    struct weir_req *req = client->req;
    const char *p = client->in->data + client->in_at;
    size_t n = input_bytes(client);

    for (;;) {
        weir_str data;
        enum chunked_result result =
            chunked_decode(client->chunked, &p, &n, &data, &req->request_trailers, NULL);

        if (result == CHUNKED_DATA) {
            take_body(req, client->in, data.p, data.n);
            continue;
        }
        if (result == CHUNKED_ERROR) {
            return false;
        }
        consume(client, input_bytes(client) - n);
        req->body_in_done = result == CHUNKED_END;
        return true;
    }
}

static bool decode_body(struct client *client)
{
    if (!client->in || client->req->body_in_done) {
        return true;
    }
    if (client->chunked) {
        return decode_chunks(client);
    }
    size_t n = input_bytes(client);
    if (n > client->body_left) {
        n = client->body_left;
    }
    take_body(client->req, client->in, client->in->data + client->in_at, n);
    consume(client, n);
    client->body_left -= n;
    client->req->body_in_done = client->body_left == 0;
    return true;
}

static bool flush_now(struct client *client);

static void body_failed(struct client *client, uint32_t status, weir_reason reason,
                        const char *detail)
{
    struct weir_req *req = client->req;

    req->wants_body = false;
    req->close_after = true;
    request_reply(req, status, reason, (weir_str){0}, (weir_str){0}, detail);
    flush_now(client);
}

static bool body_is_too_large(const struct weir_req *req)
{
    return req->limits->max_body && req->body_in_total > req->limits->max_body;
}

/* A body that drips in would otherwise meet every deadline. */
static bool sends_slowly(const struct weir_req *req)
{
    return pace_is_slow(&req->body_pace, req->body_in_total, req->limits->min_rate,
                        req->limits->min_rate_grace_ms);
}

/* Only what has reached it counts: sockets take a lot for nobody. */
static bool takes_slowly(const struct weir_req *req)
{
    const struct client_conf *limits = req->limits;

    if (!limits || !limits->min_response_rate) {
        return false;
    }
    uint64_t unsent = conn_unsent(&req->client->conn);
    return pace_is_slow(&req->out_pace, req->bytes_sent > unsent ? req->bytes_sent - unsent : 0,
                        limits->min_response_rate, limits->min_rate_grace_ms);
}

static void wait_for_body(struct client *client)
{
    struct weir_req *req = client->req;

    if (!req->body_pace.since_ms) {
        req->moved_ms = clock_now.ms;
        pace_start(&req->body_pace);
    }
    client_set_timer(client, pace_wait_ms(req->limits->body_timeout_ms, req->limits->min_rate));
}

static void fail_slow_body(struct client *client)
{
    body_failed(client, 408, WEIR_REASON_REQUEST_TIMEOUT,
                "the request's body comes slower than client.min_rate");
}

/* Reads and hands on the request body while the source wants it. */
static void pump_body(struct client *client)
{
    struct weir_req *req = client->req;

    while (client->req == req && req->wants_body && !req->body_in_done) {
        if (!client->in) {
            if (!client->conn.can_read) {
                wait_for_body(client);
                return;
            }
            make_body_room(client);
            ssize_t n = conn_read(&client->conn, client->in);
            if (n == -EAGAIN) {
                client_drop_input(client);
                if (req->body_buf && req->body_buf->refs == 1) {
                    request_drop_body_buf(req);
                }
                continue;
            }
            if (n <= 0) {
                client_drop_input(client);
                req->reason = WEIR_REASON_CLIENT_GONE;
                client_close(client);
                return;
            }
        }
        pace_stop(&req->body_pace);
        if (!decode_body(client)) {
            body_failed(client, 400, WEIR_REASON_HTTP_REQUEST_ERROR,
                        "the request body's chunked coding is malformed");
            return;
        }
        if (body_is_too_large(req)) {
            body_failed(client, 413, WEIR_REASON_REQUEST_TOO_LARGE, NULL);
            return;
        }
        if (!req->body_in_done && sends_slowly(req)) {
            fail_slow_body(client);
            return;
        }
        if (req->body_in_done) {
            request_drop_body_buf(req);
        }
        if (!chain_is_empty(&req->body_in) || req->body_in_done) {
            req->wants_body = false;
            timer_stop(&client->conn.timer);
            if (req->source && req->source->request_body) {
                request_deliver_body(req);
            }
        }
    }
}

static void on_body_wanted(struct later *later)
{
    struct weir_req *req = container_of(later, struct weir_req, body_wanted);
    struct client *client = req->client;
    bool outermost = client_enter(client);

    pump_body(client);
    client_leave(client, outermost);
}

/* The source goes on using the request when it has asked, and reading may find that the client is
 * gone: not before the source has returned. */
static void want_body(struct weir_req *req)
{
    req->wants_body = true;
    if (!req->body_in_done && !req->client->deferred) {
        req->body_wanted.fn = on_body_wanted;
        loop_later(&req->body_wanted);
    }
}

/* ---- the end of a request ---- */

static void become_idle(struct client *client)
{
    client->state = CLIENT_IDLE;
    client_set_timer(client, client_is_kept(client) ? client_limits(client)->keepalive_timeout_ms
                                                    : DRAIN_GRACE_MS);
    if (clients_moving) {
        handover_client(client);
    }
}

/* All of the response is sent: what comes next on this connection? */
static void request_done(struct client *client)
{
    struct weir_req *req = client->req;
    bool close_now = req->close_after;
    bool body_left = !req->body_in_done;

    req->wants_body = false;
    if (body_left && !close_now) {
        chain_clear(&req->body_in);
        req->body_in_total = 0;
        client->state = CLIENT_SKIP;
        client_set_timer(client, req->limits->body_timeout_ms);
        return;
    }
    client->req = NULL;
    request_end(req);
    if (!close_now) {
        become_idle(client);
    } else if (body_left || client->in || client->conn.can_read) {
        client_linger(client); /* what is still coming must not turn our answer into a reset */
    } else {
        client_close(client);
    }
}

static void wait_for_room(struct client *client)
{
    struct weir_req *req = client->req;
    const struct client_conf *limits = client_limits(client);

    req->moved_ms = clock_now.ms;
    pace_start(&req->out_pace);
    client_set_timer(client, pace_wait_ms(limits->send_timeout_ms, limits->min_response_rate));
}

static bool flush_now(struct client *client)
{
    struct weir_req *req = client->req;
    uint64_t before = req->out.bytes;

    if (client->conn.io && req->finished && req->close_after && !req->aborted) {
        io_end_follows(client->conn.io);
    }
    int rc = conn_write(&client->conn, &req->out, !req->finished && req->source == NULL);

    req->bytes_sent += before - req->out.bytes;
    if (rc == -EAGAIN) {
        if (before != req->out.bytes || client->conn.timer.deadline_ms == 0) {
            wait_for_room(client);
        }
        return true;
    }
    pace_stop(&req->out_pace);
    if (rc < 0) {
        req->reason = req->reason ? req->reason : WEIR_REASON_CLIENT_GONE;
        client_close(client);
        return false;
    }
    if (!req->wants_body) {
        timer_stop(&client->conn.timer);
    }
    if (req->aborted) {
        client_abort(client);
        return false;
    }
    if (req->finished) {
        request_done(client);
        return false;
    }
    return true;
}

static bool flush(struct weir_req *req)
{
    struct client *client = req->client;

    if (client->deferred) {
        return flush_now(client);
    }
    bool outermost = client_enter(client);
    bool alive = flush_now(client);

    if (!client_leave(client, outermost)) {
        return false;
    }
    if (!alive && (client->in || client->conn.can_read)) {
        http1_process(client); /* the next request is waiting already */
        return false;
    }
    if (alive && client->req == req && req->maker && chain_is_empty(&req->out) &&
        client->conn.can_write) {
        http1_process(client); /* a module has more: no event would ask it */
        return false;
    }
    return alive && client->req == req;
}

static bool is_stalled(const struct weir_req *req)
{
    return !req->client->conn.can_write;
}

/* ---- heads ---- */

static void reject_head(struct client *client, const struct http1_error *error)
{
    struct weir_req *req = client->req;

    client->state = CLIENT_BUSY;
    req->close_after = true;
    req->body_in_done = true;
    if (!req->head.method_name.p) {
        req->head.method_name = (weir_str){"-", 1};
        req->head.method = METHOD_OTHER;
        req->head.minor = 1;
    }
    request_reply(req, error->status, WEIR_REASON_HTTP_REQUEST_ERROR, (weir_str){0}, (weir_str){0},
                  error->what);
    client->conn.can_read = true; /* linger: there may be more of it */
    flush_now(client);
}

/* Does it ask to go on in another protocol, where the listener has such? One with a body may be answered
 * as it is. */
static bool is_upgrade(const struct client *client)
{
    const struct module *module = client->listener->upgrade_codec;
    const struct weir_req *req = client->req;

    if (!module || client->served != 1 || !req->head.upgrade || req->head.framing != FRAMING_NONE) {
        return false;
    }
    weir_str asked = fields_get(&req->fields[WEIR_REQUEST], WEIR_F_UPGRADE)->value;
    const char *name = module->desc->codec->upgrade_name;
    return str_ieq(asked, (weir_str){name, strlen(name)});
}

static void begin_request(struct client *client, size_t used)
{
    struct weir_req *req = client->req;

    req->head_buf = buf_retain(client->in);
    consume(client, used);
    client->scanned = 0; /* the next head is another one, however much of it is here */
    client->state = CLIENT_BUSY;
    client->served++;
    conn_is_fresh(&client->conn);
    timer_stop(&client->conn.timer);
    start_body(client);
    if (is_upgrade(client) && codec_server_upgrade(client, client->listener->upgrade_codec)) {
        return;
    }
    if (!decode_body(client)) {
        const struct http1_error error = {400, "the request body's chunked coding is malformed"};

        reject_head(client, &error);
        return;
    }
    request_begin(req);
    if (client->req == req && (req->responded || req->aborted)) {
        flush_now(client);
    }
}

/* Is it another protocol's beginning, where the listener has such? */
static bool is_preface(const struct client *client)
{
    const char *preface = client->listener->preface;
    size_t n = input_bytes(client);

    return preface && client->served == 0 && n >= strlen(preface) &&
           memcmp(client->in->data + client->in_at, preface, strlen(preface)) == 0;
}

/* Parses a head from what has been read. False: more has to come. */
static bool parse_head(struct client *client)
{
    if (is_preface(client)) {
        if (client->req) {
            struct weir_req *req = client->req;

            client->req = NULL;
            request_end(req);
        }
        codec_server_start(client, client->listener->preface_codec, (weir_str){0});
        return true;
    }
    const struct client_conf *limits = client_limits(client);
    struct http1_limits max = {.max_head = (uint32_t)limits->max_header,
                               .max_line = (uint32_t)limits->max_header,
                               .max_fields = (uint32_t)limits->max_headers};
    struct weir_req *req = client->req ? client->req : request_create(client);
    struct http1_error error = {0};
    size_t used = 0;

    enum http1_result result = http1_parse_request(
        client->in->data + client->in_at, input_bytes(client), &client->scanned, &max, &req->head,
        &req->fields[WEIR_REQUEST], &used, &error);
    if (result == HTTP1_DONE) {
        begin_request(client, used);
        return true;
    }
    if (result == HTTP1_ERROR) {
        reject_head(client, &error);
        return true;
    }
    if (client->state == CLIENT_IDLE) {
        client->state = CLIENT_HEAD;
        client_set_timer(client, limits->header_timeout_ms);
    }
    return false;
}

/* Reads what there is for a head. False: nothing to do now. */
static bool read_head(struct client *client)
{
    if (!client->conn.can_read) {
        return false;
    }
    size_t have = input_bytes(client);
    make_room(client, have ? (have < 2048 ? 4096 : have) : BUF_SIZE);
    ssize_t n = conn_read(&client->conn, client->in);
    if (n == -EAGAIN) {
        if (have == 0) {
            client_drop_input(client);
        }
        return client->conn.can_read;
    }
    if (n <= 0) {
        client_close(client);
        return false;
    }
    return true;
}

/* Drops what is left of an answered request's body. False: wait. */
static bool skip_body(struct client *client)
{
    struct weir_req *req = client->req;

    while (!req->body_in_done) {
        if (!client->in) {
            make_room(client, BUF_SIZE);
            ssize_t n = client->conn.can_read ? conn_read(&client->conn, client->in) : -EAGAIN;
            if (n <= 0) {
                client_drop_input(client);
                if (n == -EAGAIN) {
                    return false;
                }
                client_close(client);
                return false;
            }
        }
        bool fine = decode_body(client);
        chain_clear(&req->body_in);
        if (!fine || req->body_in_total > SKIP_MAX) {
            client->req = NULL;
            request_end(req);
            client_linger(client);
            return true;
        }
    }
    client->req = NULL;
    request_end(req);
    become_idle(client);
    return true;
}

/* False: wait. */
static bool linger_read(struct client *client)
{
    while (client->conn.can_read) {
        struct buf *buf = buf_create();
        ssize_t n = conn_read(&client->conn, buf);

        buf_release(buf);
        if (n == 0 || (n < 0 && n != -EAGAIN)) {
            client_close(client);
            return false;
        }
    }
    return false;
}

/* Has the connection been reset, or closed on both sides? Data that nobody has read yet may hide
 * that from a read. A reset is told as if there were something to read. */
static bool has_left(const struct client *client)
{
    const struct conn *conn = &client->conn;
    struct pollfd fd = {.fd = conn->fd};

    return (conn->peer_closed || (conn->can_read && !client->req->wants_body)) &&
           poll(&fd, 1, 0) == 1 && fd.revents & (POLLHUP | POLLERR);
}

static bool may_have_left(const struct client *client)
{
    const struct weir_req *req = client->req;

    return client->conn.peer_closed && req->body_in_done && !req->responded && req->head.minor > 0;
}

/* A client that has ended its side may wait for its answer, or be gone for good: the first thing
 * that is sent to it tells, since it is answered by a reset then. A backend need not work for
 * nobody. */
static void probe(struct client *client)
{
    const struct fields none = {0};

    response_interim(client->req, 102, &none);
    if (flush_now(client)) {
        client_set_timer(client, PROBE_MS);
    }
}

/* A request is under way: room to write, or more of its body. False: wait. */
static bool busy(struct client *client)
{
    struct weir_req *req = client->req;

    if (has_left(client)) {
        req->reason = req->reason ? req->reason : WEIR_REASON_CLIENT_GONE;
        client_close(client);
        return false;
    }
    if (may_have_left(client) && client->conn.timer.deadline_ms == 0) {
        client_set_timer(client, PROBE_MS);
    }
    bool has_news = !chain_is_empty(&req->out) || req->finished || req->aborted;

    if (client->conn.can_write && has_news && !flush_now(client)) {
        return true;
    }
    if (client->conn.can_write && chain_is_empty(&req->out) && req->responded && !req->finished &&
        req->source) {
        req->source->resume(req);
        return client->req != req || !chain_is_empty(&req->out) || req->finished || req->aborted;
    }
    if (req->wants_body) {
        pump_body(client);
        return client->req != req;
    }
    return false;
}

static bool step(struct client *client)
{
    switch (client->state) {
    case CLIENT_IDLE:
    case CLIENT_HEAD:
        if (client->in && client->scanned < input_bytes(client) && parse_head(client)) {
            return true;
        }
        return read_head(client);
    case CLIENT_BUSY:
        return busy(client);
    case CLIENT_SKIP:
        return skip_body(client);
    case CLIENT_LINGER:
        return linger_read(client);
    case CLIENT_CODEC:
        codec_server_process(client);
        break;
    case CLIENT_PREREAD:
    case CLIENT_HANDSHAKE:
    case CLIENT_TUNNEL:
    case CLIENT_CLOSED:
        break;
    }
    return false;
}

/* Does all that can be done now. */
void http1_process(struct client *client)
{
    bool outermost = client_enter(client);

    while (step(client)) {
    }
    client_leave(client, outermost);
}

static void body_is_late(struct client *client)
{
    const struct weir_req *req = client->req;

    if (sends_slowly(req)) {
        fail_slow_body(client);
    } else if (clock_now.ms - req->moved_ms < req->limits->body_timeout_ms) {
        wait_for_body(client);
    } else {
        body_failed(client, 408, WEIR_REASON_REQUEST_TIMEOUT,
                    "the request's body made no progress for client.body_timeout");
    }
}

static void taking_is_late(struct client *client)
{
    struct weir_req *req = client->req;
    const struct client_conf *limits = client_limits(client);
    bool is_slow = takes_slowly(req);

    if (!is_slow && clock_now.ms - req->moved_ms < limits->send_timeout_ms) {
        client_set_timer(client, pace_wait_ms(limits->send_timeout_ms, limits->min_response_rate));
        return;
    }
    req->reason = WEIR_REASON_CLIENT_GONE;
    req->reason_detail = is_slow ? "the client takes less than client.min_response_rate"
                                 : "the client took nothing for client.send_timeout";
    client_abort(client);
}

void http1_on_timer(struct client *client)
{
    switch (client->state) {
    case CLIENT_HEAD: {
        const struct http1_error error = {408, "the request's head took longer than "
                                               "client.header_timeout"};
        reject_head(client, &error);
        break;
    }
    case CLIENT_BUSY:
        if (may_have_left(client)) {
            probe(client);
        } else if (client->req->wants_body && !client->req->responded) {
            body_is_late(client);
        } else {
            taking_is_late(client);
        }
        break;
    default:
        client_close(client);
    }
}

void http1_refuse_plain(struct client *client)
{
    static const char answer[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 66\r\n"
        "Connection: close\r\n\r\n"
        "400 Bad Request: this port speaks HTTPS: use https:// in the URL.\n";

    send(client->conn.fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    client_linger(client);
}

bool http1_is_idle(const struct client *client)
{
    return client->state == CLIENT_IDLE;
}

struct conn *client_tunnel(struct client *client, struct buf **rest, uint32_t *rest_at)
{
    client->state = CLIENT_TUNNEL;
    timer_stop(&client->conn.timer);
    *rest = client->in;
    *rest_at = client->in_at;
    client->in = NULL;
    client->in_at = 0;
    return &client->conn;
}

void client_tunnel_end(struct client *client)
{
    client_close(client);
}

static const struct client_ops http1_ops = {
    .head = http1_head,
    .interim = http1_interim,
    .add = http1_add,
    .finish = http1_finish,
    .flush = flush,
    .is_stalled = is_stalled,
    .want_body = want_body,
};

void http1_start(struct client *client)
{
    client->ops = &http1_ops;
    client->state = CLIENT_IDLE;
}
