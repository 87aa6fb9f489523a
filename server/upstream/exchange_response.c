/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/exchange_response.c - the response as it comes from a peer: head, interim heads, body. */
#include "base/clock.h"
#include "base/str.h"
#include "http/detour.h"
#include "upstream/exchange_state.h"
#include "upstream/sticky.h"

#include <errno.h>
#include <string.h>

#define HEAD_READ 2048         /* where much is to come, little more than the head is read first */
#define SPLICE_MUCH (48 * 1024)
#define SPLICE_MIN (16 * 1024) /* bytes of body left for which a pipe pays */

/* ---- heads ---- */

static void drop_connection_named(struct fields *fields)
{
    for (const weir_field *c = fields_get(fields, WEIR_F_CONNECTION); c;
         c = fields_next(fields, c)) {
        weir_str rest = c->value;

        while (rest.p) {
            weir_str name = str_trim(str_cut(&rest, ','));
            uint32_t id = field_id(name);

            if (name.n && id != WEIR_F_CONNECTION && id != WEIR_F_CONTENT_LENGTH &&
                !(id && field_is_hop_by_hop(id))) {
                fields_remove(fields, id, name);
            }
        }
    }
}

/* "Keep-Alive: timeout=5" says how long an idle connection may be used. */
static void learn_idle_limit(struct exchange *ex)
{
    const weir_field *field = fields_get(&ex->fields, WEIR_F_KEEP_ALIVE);
    weir_str rest = field ? field->value : (weir_str){0};

    while (rest.p) {
        weir_str part = str_trim(str_cut(&rest, ','));
        uint64_t seconds;

        if (str_starts_with(part, STR("timeout=")) &&
            str_to_u64((weir_str){part.p + 8, part.n - 8}, &seconds)) {
            ex->up->peer->idle_limit_ms = seconds ? seconds * 1000 : 1; /* node: less than one */
        }
    }
}

static void start_body(struct exchange *ex)
{
    ex->up->peer->sends_much =
        ex->head.framing == FRAMING_LENGTH && ex->head.content_length >= SPLICE_MUCH;
    ex->body_left = ex->head.framing == FRAMING_LENGTH ? ex->head.content_length : 0;
    if (ex->head.framing == FRAMING_CHUNKED) {
        chunked_init(&ex->chunked);
        fields_init(&ex->req->trailers, &ex->req->arena);
    }
}

static int64_t length_for_client(const struct exchange *ex)
{
    const weir_field *field = fields_get(&ex->fields, WEIR_F_CONTENT_LENGTH);
    uint64_t length;

    if (ex->head.framing == FRAMING_LENGTH) {
        return (int64_t)ex->head.content_length;
    }
    if (ex->head.framing == FRAMING_CHUNKED || ex->head.framing == FRAMING_CLOSE) {
        return -1;
    }
    /* No body, but a HEAD's or a 304's head tells the length that one would have. */
    if (field && str_to_u64(field->value, &length)) {
        return (int64_t)length;
    }
    return ex->req->head.method == METHOD_HEAD || ex->head.status == 304 ? -1 : 0;
}

static void choose_buffering(struct exchange *ex)
{
    const weir_field *field = fields_get(&ex->fields, WEIR_F_X_ACCEL_BUFFERING);
    const weir_field *type = fields_get(&ex->fields, WEIR_F_CONTENT_TYPE);

    if ((field && str_ieq(field->value, STR("no"))) ||
        (type && (str_starts_with(type->value, STR("text/event-stream")) ||
                  str_starts_with(type->value, STR("application/grpc"))))) {
        ex->buffering = false;
    }
}

/* What modules had set before there was a response stays beside the peer's fields. */
static void merge_fields(struct exchange *ex)
{
    struct fields *mine = &ex->req->fields[WEIR_RESPONSE];

    for (uint32_t i = 0; i < mine->n; i++) {
        const weir_field *field = &mine->list[i];

        fields_add(&ex->fields, field->id, field->name, field->value, field->flags);
    }
    *mine = ex->fields;
}

void exchange_judge(struct exchange *ex)
{
    bool is_timed = ex->group->conf->eject_latency_ms != 0;

    peer_answered((struct weir_peer *)(uintptr_t)ex->attempt->peer, ex->head.status,
                  is_timed ? clock_us() - ex->attempt->start_us : 0);
}

/* on_error, or X-Accel-Redirect: another answer is made instead of this one. */
static bool is_sent_elsewhere(struct exchange *ex)
{
    struct weir_req *req = ex->req;
    const weir_forward_conf *conf = ex->conf;
    bool accepts = conf->size > offsetof(weir_forward_conf, accel_redirect) && conf->accel_redirect;

    if (!fields_get(&req->fields[WEIR_RESPONSE], WEIR_F_X_ACCEL_REDIRECT) &&
        !(ex->head.status >= 300 && req->route && req->route->on_errors.upstream)) {
        return false;
    }
    req->status = ex->head.status;
    return detour_instead(req, accepts);
}

/* The rest of an answer that nobody wants is here already: the connection can be kept. */
static bool has_whole_body(struct exchange *ex)
{
    size_t n = ex->in->used - ex->in_at;

    if (ex->head.framing == FRAMING_LENGTH && n == ex->head.content_length) {
        ex->in_at = ex->in->used;
        return true;
    }
    return ex->head.framing == FRAMING_NONE && n == 0;
}

bool exchange_final_head(struct exchange *ex)
{
    struct weir_req *req = ex->req;

    ex->head_done = true;
    ex->attempt->status = ex->head.status;
    timer_stop(&ex->try_timer);
    choose_buffering(ex);
    int64_t length = length_for_client(ex);
    if (ex->head.connection_names_fields) {
        drop_connection_named(&ex->fields);
    }
    if (ex->group->conf->sticky_cookie.n) {
        sticky_mark(ex->attempt->peer, req, &ex->fields);
    }
    merge_fields(ex);
    if (req->plan->hook_n[PHASE_UP_RESPONSE]) {
        req->status = ex->head.status;
        req->is_replaced = true; /* if a module answers */
        if (request_is_answered_instead(req)) {
            return false;
        }
        req->is_replaced = false;
    }
    if (is_sent_elsewhere(ex)) {
        return false;
    }
    req->is_live = !ex->buffering;
    response_start(req, ex->head.status, length);
    return true;
}

/* False: a module has answered instead, and the exchange is over. */
static bool on_final_head(struct exchange *ex)
{
    learn_idle_limit(ex);
    start_body(ex);
    if (exchange_final_head(ex)) {
        return true;
    }
    if (ex->up) { /* else it was let go of with the answer */
        exchange_release(ex, has_whole_body(ex) && ex->head.keep_alive && ex->body_sent &&
                                 chain_is_empty(&ex->to_send));
    }
    return false;
}

/* The client's side of the tunnel is a stream (RFC 8441): the bodies of request and response carry
 * the bytes, and 200 says what 101 does in HTTP/1. */
static void start_stream_tunnel(struct exchange *ex)
{
    struct weir_req *req = ex->req;

    ex->head.framing = FRAMING_CLOSE;
    ex->buffering = false;
    ex->replayable = false;
    ex->chunked_out = false;
    ex->body_sent = false;
    ex->is_tunnel = true;
    fields_remove(&ex->fields, WEIR_F_UPGRADE, field_name(WEIR_F_UPGRADE));
    fields_remove(&ex->fields, field_id(STR("Sec-WebSocket-Accept")), STR("Sec-WebSocket-Accept"));
    merge_fields(ex);
    response_start(req, 200, -1);
    client_want_body(req);
}

static void on_upgrade(struct exchange *ex)
{
    struct weir_req *req = ex->req;

    if (!req->head.upgrade || !ex->conf->websocket) {
        exchange_failed(ex, WEIR_REASON_HTTP_UPGRADE_FAILED,
                        "it switched protocols without having been asked to");
        return;
    }
    ex->head_done = true;
    ex->attempt->status = 101;
    timer_stop(&ex->try_timer);
    peer_answered(ex->up->peer, 101, 0);
    req->upgraded = true;
    if (req->is_extended_connect) {
        start_stream_tunnel(ex);
        return;
    }
    merge_fields(ex);
    response_start(req, 101, -1);
}

/* Says which limit a head is over, and what takes the most of it. */
static const char *too_large(struct exchange *ex)
{
    weir_str rest = {ex->in->data + ex->in_at, ex->in->used - ex->in_at};
    weir_str largest = {0};

    while (rest.p) {
        weir_str line = str_cut(&rest, '\n');

        if (line.n <= 1) {
            break; /* the end of the head */
        }
        largest = line.n > largest.n ? line : largest;
    }
    size_t n = largest.n;
    weir_str name = str_cut(&largest, ':');
    return arena_printf(&ex->req->arena,
                        "its head is larger than proxy.buffer_head, %llu bytes: raise that, or "
                        "send less; the largest field is %.*s, %zu bytes%s",
                        (unsigned long long)ex->conf->buffer_head,
                        (int)(name.n < 64 ? name.n : 64), name.p, n,
                        name.p + n == ex->in->data + ex->in->used ? " so far" : "").p;
}

/* Parses a head. False: it is not complete, or the attempt failed. */
static bool parse_head(struct exchange *ex)
{
    const struct http1_limits limits = {
        .max_head = (uint32_t)ex->conf->buffer_head, .max_line = 8192, .max_fields = 500};
    struct http1_error error = {0};
    size_t used = 0;
    enum http1_result result = http1_parse_response(
        ex->in->data + ex->in_at, ex->in->used - ex->in_at, &ex->scanned, &limits,
        ex->req->head.method, &ex->head, &ex->fields, &used, &error);

    if (result == HTTP1_MORE) {
        return false;
    }
    if (result == HTTP1_ERROR && ex->in->used - ex->in_at >= ex->conf->buffer_head) {
        exchange_failed(ex, WEIR_REASON_HTTP_RESPONSE_HEADER_SIZE, too_large(ex));
        return false;
    }
    if (result == HTTP1_ERROR) {
        exchange_failed(ex, WEIR_REASON_HTTP_PROTOCOL_ERROR, error.what);
        return false;
    }
    ex->scanned = 0;
    if (ex->head_in) {
        buf_release(ex->head_in);
    }
    ex->head_in = buf_retain(ex->in);
    ex->in_at += (uint32_t)used;
    if (ex->head.status == 101) {
        on_upgrade(ex);
        return ex->is_tunnel;
    }
    if (ex->head.status < 200) {
        response_interim(ex->req, ex->head.status, &ex->fields);
        return true;
    }
    exchange_judge(ex);
    if ((ex->next_peer = exchange_other_peer(ex, ex->head.status))) {
        exchange_ask_other(ex);
        return false;
    }
    return on_final_head(ex);
}

/* ---- bodies ---- */

static void finish(struct exchange *ex)
{
    bool is_clean = !ex->in || ex->in_at == ex->in->used;
    bool reusable = is_clean && ex->head.keep_alive && !ex->is_tunnel && ex->head.framing != FRAMING_CLOSE &&
                    ex->body_sent && chain_is_empty(&ex->to_send);

    exchange_release(ex, reusable);
    response_finish(ex->req);
}

/* Passes body bytes on; past buffer_body they wait in a file. */
void exchange_pass_on(struct exchange *ex, struct weir_chain *data)
{
    struct weir_req *req = ex->req;

    if (ex->buffering && response_waiting(req) + data->bytes > ex->conf->buffer_body &&
        client_is_stalled(req)) {
        spill_write(&ex->spill, data);
    }
    response_add(req, data);
}

static void consume_plain(struct exchange *ex)
{
    size_t n = ex->in->used - ex->in_at;
    struct weir_chain data = {0};

    if (ex->head.framing == FRAMING_LENGTH && n > ex->body_left) {
        n = ex->body_left;
    }
    chain_add_buf(&data, ex->in, ex->in->data + ex->in_at, n);
    ex->in_at += (uint32_t)n;
    if (ex->head.framing == FRAMING_LENGTH) {
        ex->body_left -= n;
    }
    exchange_pass_on(ex, &data);
}

/* False: the attempt failed, or the body is complete. */
static bool consume_chunks(struct exchange *ex)
{
    const char *p = ex->in->data + ex->in_at;
    size_t n = ex->in->used - ex->in_at;
    struct weir_chain data = {0};
    const char *what = NULL;
    enum chunked_result result;
    weir_str piece;

    while ((result = chunked_decode(&ex->chunked, &p, &n, &piece, &ex->req->trailers, &what)) ==
           CHUNKED_DATA) {
        chain_add_buf(&data, ex->in, piece.p, piece.n);
    }
    ex->in_at = ex->in->used - (uint32_t)n;
    exchange_pass_on(ex, &data);
    if (result == CHUNKED_ERROR) {
        exchange_failed(ex, WEIR_REASON_HTTP_PROTOCOL_ERROR, what);
        return false;
    }
    if (result == CHUNKED_END) {
        finish(ex);
        return false;
    }
    return true;
}

static void drop_used_input(struct exchange *ex)
{
    if (ex->in && ex->in_at == ex->in->used) {
        buf_release(ex->in);
        ex->in = NULL;
        ex->in_at = 0;
    }
}

/* Works on what is in ex->in. */
static void consume(struct exchange *ex)
{
    while (!ex->head_done) {
        if (!parse_head(ex)) {
            return;
        }
        if (!ex->head_done && ex->in_at == ex->in->used) {
            drop_used_input(ex);
            return;
        }
    }
    if (ex->head.framing == FRAMING_CHUNKED) {
        if (!ex->in || !consume_chunks(ex)) {
            return;
        }
    } else if (ex->head.framing != FRAMING_NONE) {
        consume_plain(ex);
    }
    if (ex->head.framing == FRAMING_NONE ||
        (ex->head.framing == FRAMING_LENGTH && ex->body_left == 0)) {
        finish(ex);
        return;
    }
    drop_used_input(ex);
}

static void on_end(struct exchange *ex)
{
    if (ex->head_done && ex->head.framing == FRAMING_CLOSE) {
        finish(ex);
    } else if (ex->head_done) {
        exchange_failed(ex, WEIR_REASON_HTTP_RESPONSE_INCOMPLETE,
                        "it closed the connection in the middle of the body");
    } else {
        exchange_failed(ex, WEIR_REASON_CONNECTION_TERMINATED,
                        ex->in ? "it closed the connection in the middle of the head"
                               : "it closed the connection without an answer");
    }
}

static void on_read_error(struct exchange *ex, int error)
{
    weir_reason reason = ex->up->conn.connecting ? WEIR_REASON_CONNECTION_REFUSED
                         : ex->head_done         ? WEIR_REASON_HTTP_RESPONSE_INCOMPLETE
                                                 : WEIR_REASON_CONNECTION_TERMINATED;

    exchange_failed(ex, reason, arena_strdup(&ex->req->arena, strerror(error)));
}

/* ---- reading ---- */

static bool can_splice(struct exchange *ex)
{
    const struct weir_req *req = ex->req;

    if (!ex->head_done || ex->in || ex->head.framing != FRAMING_LENGTH ||
        ex->body_left < SPLICE_MIN || req->chunked_out || req->bodyless ||
        !client_is_plain(req->client) || ex->up->conn.io ||
        req->filters || !chain_is_empty(&req->out)) {
        return false;
    }
    if (!ex->pipe) {
        ex->pipe = pipe_take();
    }
    return ex->pipe != NULL;
}

/* `out` and so the pipe are empty: EAGAIN can only mean that the socket is drained. */
static void read_spliced(struct exchange *ex)
{
    struct weir_chain data = {0};
    size_t most = ex->body_left < ex->pipe->size ? ex->body_left : ex->pipe->size;
    ssize_t n = conn_splice_in(&ex->up->conn, ex->pipe->write_fd, most);

    if (n == -EAGAIN) {
        ex->up->conn.can_read = false;
        return;
    }
    if (n <= 0) {
        if (n == 0) {
            on_end(ex);
        } else {
            on_read_error(ex, (int)-n);
        }
        return;
    }
    ex->body_left -= (uint64_t)n;
    chain_add_pipe(&data, ex->pipe->read_fd, (uint64_t)n, NULL, NULL);
    response_add(ex->req, &data);
    if (ex->body_left == 0) {
        finish(ex);
    }
}

/* Room for more of a head, which has to be in one piece; bodies begin in a fresh buffer. */
static void make_room(struct exchange *ex)
{
    size_t have = ex->in ? ex->in->used - ex->in_at : 0;

    if (ex->in && buf_room(ex->in) >= 1024) {
        return;
    }
    size_t wanted = have * 2 > BUF_SIZE ? have * 2 : BUF_SIZE;
    struct buf *fresh = wanted <= BUF_SIZE ? buf_create() : buf_create_sized((uint32_t)wanted);
    if (ex->in) {
        memcpy(fresh->data, ex->in->data + ex->in_at, have);
        fresh->used = (uint32_t)have;
        buf_release(ex->in);
    }
    ex->in = fresh;
    ex->in_at = 0;
}

void exchange_read(struct exchange *ex)
{
    if (can_splice(ex)) {
        read_spliced(ex);
        return;
    }
    bool had_input = ex->in != NULL;
    make_room(ex);
    /* What is read together with the head has to be copied; what is left in the socket does not. */
    bool head_alone = ex->up->peer->sends_much && !ex->head_done && !had_input &&
                      client_is_plain(ex->req->client) && !ex->up->conn.io;
    ssize_t n = conn_read_some(&ex->up->conn, ex->in, head_alone ? HEAD_READ : buf_room(ex->in));
    if (n > 0) {
        ex->up->conn.connecting = false;
        if (ex->hedge) {
            exchange_hedge_stop(ex);
        }
        consume(ex);
        return;
    }
    if (!had_input) {
        buf_release(ex->in);
        ex->in = NULL;
    }
    if (n == 0) {
        on_end(ex);
    } else if (n != -EAGAIN) {
        on_read_error(ex, (int)-n);
    }
}
