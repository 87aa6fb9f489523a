/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/exchange_stream.c - an attempt as a stream on a shared connection (mux.h), where the
 * backend speaks by a codec: gRPC and other HTTP/2. What to try, and when to give up, is
 * exchange.c's. */
#include "base/clock.h"
#include "base/str.h"
#include "upstream/exchange_state.h"

#include <errno.h>
#include <string.h>

static struct exchange *exchange_of(struct weir_stream *stream)
{
    return container_of(stream, struct exchange, at.stream);
}

/* ---- the request ---- */

static void arm_timer(struct exchange *ex)
{
    const weir_forward_conf *conf = ex->conf;

    if (!ex->at.lane || ex->has_ended) {
        timer_stop(&ex->stream_timer);
    } else if (!ex->at.mux) {
        timer_set(&ex->stream_timer, clock_now.ms + conf->connect_timeout_ms);
    } else if (ex->is_tunnel) {
        timer_set(&ex->stream_timer, clock_now.ms + conf->tunnel_timeout_ms);
    } else if (!chain_is_empty(&ex->to_send)) {
        timer_set(&ex->stream_timer, clock_now.ms + conf->send_timeout_ms);
    } else if (!ex->body_sent || ex->unacked) {
        timer_stop(&ex->stream_timer); /* it is the client that we wait for */
    } else {
        timer_set(&ex->stream_timer, clock_now.ms + conf->read_timeout_ms);
    }
}

static bool is_tunnel_wanted(const struct exchange *ex)
{
    return ex->req->is_extended_connect && ex->conf->websocket;
}

/* Trailers come only to those who say that they take them (RFC 9113, 8.2.2). */
static bool takes_trailers(const struct weir_req *req)
{
    const weir_field *te = fields_get(&req->fields[WEIR_REQUEST], WEIR_F_TE);

    return te && str_list_has(te->value, STR("trailers"));
}

static size_t collect_fields(struct exchange *ex, weir_field *list)
{
    const struct weir_req *req = ex->req;
    const struct fields *fields = &req->fields[WEIR_REQUEST];
    const uint32_t key = field_id(STR("Sec-WebSocket-Key"));
    size_t n = 0;
    weir_str length;

    for (uint32_t i = 0; i < fields->n; i++) {
        const weir_field *field = &fields->list[i];

        if (exchange_passes_on(ex, field) && !(is_tunnel_wanted(ex) && field->id == key &&
                                               str_ieq(field->name, STR("Sec-WebSocket-Key")))) {
            list[n++] = *field;
        }
    }
    for (uint32_t i = 0; i < ex->conf->field_n; i++) {
        if (ex->conf->fields[i].value.n) {
            list[n++] = ex->conf->fields[i];
        }
    }
    if (takes_trailers(req)) {
        list[n++] = (weir_field){.name = STR("te"), .value = STR("trailers")};
    }
    if (exchange_length(ex, &length)) {
        list[n++] = (weir_field){.name = STR("content-length"), .value = length};
    }
    return n;
}

static void build_head(struct exchange *ex, weir_stream_head *head)
{
    struct weir_req *req = ex->req;
    size_t most = req->fields[WEIR_REQUEST].n + ex->conf->field_n + 2;
    weir_field *fields = arena_alloc(&req->arena, most * sizeof(*fields));

    *head = (weir_stream_head){
        .method = req->head.method_name,
        .scheme = ex->conf->tls ? STR("https") : STR("http"),
        .authority = exchange_host(ex),
        .path = ex->conf->target.n ? ex->conf->target : req->target,
        .fields = fields,
        .field_n = collect_fields(ex, fields),
        .request = ex->conf->size > offsetof(weir_forward_conf, request) ? ex->conf->request : NULL,
    };
    if (is_tunnel_wanted(ex)) {
        head->method = STR("CONNECT");
        head->protocol = fields_get(&req->fields[WEIR_REQUEST], WEIR_F_UPGRADE)->value;
    }
}

/* Those of the request, without what concerns the connection. */
static void collect_trailers(struct exchange *ex)
{
    const struct fields *from = &ex->req->request_trailers;

    ex->trailers = arena_alloc(&ex->req->arena, (from->n + 1) * sizeof(*ex->trailers));
    ex->trailer_n = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        if (exchange_passes_trailer(&from->list[i])) {
            ex->trailers[ex->trailer_n++] = from->list[i];
        }
    }
}

static void take_body(struct exchange *ex)
{
    bool was_sent = ex->body_sent;

    exchange_take_body(ex);
    if (ex->body_sent && !was_sent) {
        collect_trailers(ex);
    }
}

/* Asks for more when what there was has left. */
static void want_more(struct exchange *ex)
{
    if (!ex->body_sent && ex->at.stream.id && chain_is_empty(&ex->to_send)) {
        client_want_body(ex->req);
    }
}

static void begin_tunnel(struct exchange *ex)
{
    ex->body_sent = false;
    ex->replayable = false;
}

static void open_stream(struct exchange *ex)
{
    weir_stream_head head;

    if (is_tunnel_wanted(ex) && !mux_allows_connect(&ex->at)) {
        exchange_failed(ex, WEIR_REASON_HTTP_UPGRADE_FAILED,
                        "it does not take WebSockets over HTTP/2 (RFC 8441): write http:// or "
                        "https:// for this route");
        return;
    }
    build_head(ex, &head);
    if (is_tunnel_wanted(ex)) {
        begin_tunnel(ex);
    } else {
        take_body(ex);
        head.ended = ex->body_sent && chain_is_empty(&ex->to_send) && ex->trailer_n == 0;
    }
    if (!mux_request(&ex->at, &head)) {
        exchange_failed(ex, WEIR_REASON_PROXY_INTERNAL_ERROR, "the request has too many fields");
        return;
    }
    ex->sent = 1; /* from here on it may have been acted on */
    if (!is_tunnel_wanted(ex)) {
        want_more(ex);
    }
    arm_timer(ex);
}

static void on_opened(struct mux_stream *at)
{
    struct exchange *ex = container_of(at, struct exchange, at);
    struct weir_req *req = ex->req;

    open_stream(ex);
    if (req->finished || req->aborted) {
        client_flush(req);
    }
}

void exchange_stream_start(struct exchange *ex, struct weir_peer *peer)
{
    char intro[PROXY_PROTOCOL_MAX];
    size_t intro_n = exchange_introduction(ex, peer, intro);
    enum mux_result result;

    ex->has_ended = ex->is_gone = false;
    ex->unacked = 0;
    ex->refusal = WEIR_REASON_NONE;
    ex->refusal_detail = NULL;
    result = mux_open(&ex->at, peer, ex->codec, ex->conf->tls, exchange_peer_name(ex),
                      (weir_str){intro, intro_n});
    ex->is_reused = result == MUX_OPEN;
    if (result == MUX_OPEN) {
        open_stream(ex);
    } else if (result == MUX_WAITS) {
        arm_timer(ex);
    } else {
        exchange_not_connected(ex, peer, errno);
    }
}

void exchange_stream_send(struct exchange *ex)
{
    if (!ex->at.stream.id) {
        return; /* open_stream() will take it */
    }
    take_body(ex);
    if (!chain_is_empty(&ex->to_send) || ex->body_sent) {
        codec_resume(mux_codec(&ex->at), &ex->at.stream);
    }
    want_more(ex);
    arm_timer(ex);
}

/* ---- what the codec asks ---- */

static size_t stream_pending(struct weir_stream *stream, bool *is_end)
{
    const struct exchange *ex = exchange_of(stream);

    *is_end = ex->body_sent;
    return ex->to_send.bytes;
}

static weir_rc stream_take(struct weir_stream *stream, struct weir_chain *out, size_t n)
{
    struct exchange *ex = exchange_of(stream);

    if (!codec_move_output(out, &ex->to_send, n)) {
        return WEIR_ERROR;
    }
    ex->sent += n;
    if (chain_is_empty(&ex->to_send)) {
        mux_tell(&ex->at);
    }
    return WEIR_OK;
}

static size_t stream_trailers(struct weir_stream *stream, const weir_field **trailers)
{
    struct exchange *ex = exchange_of(stream);

    *trailers = ex->trailers;
    return ex->trailer_n;
}

/* ---- the response ---- */

static void copy_fields(struct exchange *ex, struct fields *to, const weir_field *fields, size_t n)
{
    struct arena *arena = &ex->req->arena;

    for (size_t i = 0; i < n; i++) {
        uint32_t id = field_id(fields[i].name);

        fields_add(to, id, id ? field_name(id) : arena_dup(arena, fields[i].name),
                   arena_dup(arena, fields[i].value), 0);
    }
}

static weir_rc refuse(struct exchange *ex, weir_reason reason, const char *detail)
{
    ex->refusal = reason;
    ex->refusal_detail = detail;
    return WEIR_ERROR;
}

static bool is_too_large(const struct exchange *ex, const weir_field *fields, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        bytes += fields[i].name.n + fields[i].value.n + 4;
    }
    return bytes > ex->conf->buffer_head;
}

static void read_framing(struct exchange *ex, uint32_t flags)
{
    const weir_field *length = fields_get(&ex->fields, WEIR_F_CONTENT_LENGTH);

    ex->head.connection_names_fields = false;
    if (flags & WEIR_HEAD_ENDS) {
        ex->head.framing = FRAMING_NONE;
    } else if (length && str_to_u64(length->value, &ex->head.content_length)) {
        ex->head.framing = FRAMING_LENGTH;
    } else {
        ex->head.framing = FRAMING_CLOSE;
    }
}

static void pass_interim(struct exchange *ex, uint32_t status, const weir_field *fields, size_t n)
{
    struct fields copy;

    fields_init(&copy, &ex->req->arena);
    copy_fields(ex, &copy, fields, n);
    response_interim(ex->req, status, &copy);
}

static weir_rc stream_head(struct weir_stream *stream, uint32_t status, const weir_field *fields,
                           size_t n, uint32_t flags)
{
    struct exchange *ex = exchange_of(stream);

    if (is_too_large(ex, fields, n)) {
        return refuse(ex, WEIR_REASON_HTTP_RESPONSE_HEADER_SIZE,
                      "its head is larger than proxy.buffer_head: raise that, or send less");
    }
    if (ex->head_done) {
        return refuse(ex, WEIR_REASON_HTTP_PROTOCOL_ERROR, "a second head");
    }
    mux_tell(&ex->at);
    if (flags & WEIR_HEAD_INTERIM) {
        pass_interim(ex, status, fields, n);
        return WEIR_OK;
    }
    fields_clear(&ex->fields);
    copy_fields(ex, &ex->fields, fields, n);
    ex->head.status = (uint16_t)status;
    read_framing(ex, flags);
    fields_init(&ex->req->trailers, &ex->req->arena);
    if (is_tunnel_wanted(ex) && status / 100 == 2) {
        ex->is_tunnel = ex->req->upgraded = true;
        ex->buffering = false;
        ex->head.framing = FRAMING_CLOSE;
    }
    exchange_judge(ex);
    if ((ex->next_peer = exchange_other_peer(ex, status))) {
        return WEIR_ERROR; /* fail() goes on, outside of the codec */
    }
    if (!exchange_final_head(ex)) {
        ex->has_ended = true;
        exchange_attempt_done(ex, WEIR_PEER_OK);
        mux_tell(&ex->at);
    }
    return WEIR_OK;
}

static void stream_body(struct weir_stream *stream, const char *p, size_t n)
{
    struct exchange *ex = exchange_of(stream);
    struct weir_chain data = {0};

    if (ex->has_ended) {
        return; /* a module has answered instead */
    }

    codec_add_input(mux_codec(&ex->at), &data, p, n);
    ex->unacked += n;
    exchange_pass_on(ex, &data);
    mux_tell(&ex->at);
}

static weir_rc stream_end(struct weir_stream *stream, const weir_field *trailers, size_t n)
{
    struct exchange *ex = exchange_of(stream);

    if (!ex->head_done) {
        return refuse(ex, WEIR_REASON_HTTP_PROTOCOL_ERROR, "it ended without an answer");
    }
    if (ex->has_ended) {
        return WEIR_OK;
    }
    copy_fields(ex, &ex->req->trailers, trailers, n);
    ex->has_ended = true;
    exchange_attempt_done(ex, WEIR_PEER_OK);
    response_finish(ex->req);
    mux_tell(&ex->at);
    return WEIR_OK;
}

static void stream_gone(struct weir_stream *stream, uint32_t why)
{
    struct exchange *ex = exchange_of(stream);

    ex->is_gone = true;
    ex->gone_code = why;
    mux_tell(&ex->at);
    mux_closed(&ex->at);
}

static const struct stream_ops stream_ops = {
    .head = stream_head,
    .body = stream_body,
    .end = stream_end,
    .gone = stream_gone,
    .pending = stream_pending,
    .take = stream_take,
    .trailers = stream_trailers,
};

/* ---- events ---- */

/* The stream was closed before its response was whole. */
static void fail(struct exchange *ex)
{
    uint32_t code = ex->gone_code;
    const char *what;

    if (ex->next_peer) {
        exchange_ask_other(ex);
        return;
    }
    if (ex->refusal) {
        exchange_failed(ex, ex->refusal, ex->refusal_detail);
        return;
    }
    if (code == WEIR_STREAM_REFUSED) {
        ex->sent = 0; /* RFC 9113, 8.7: nothing was done about it */
    } else {
        ex->is_reused = false;
    }
    ex->req->reset_code = code;
    what = code == WEIR_STREAM_REFUSED
               ? "it refused the stream"
               : arena_printf(&ex->req->arena, "it reset the stream, code %u", code).p;
    exchange_failed(ex,
                    ex->head_done ? WEIR_REASON_HTTP_RESPONSE_INCOMPLETE
                                  : WEIR_REASON_CONNECTION_TERMINATED,
                    what);
}

/* Room in the window of the stream comes with room towards the client. */
static void acknowledge(struct exchange *ex)
{
    if (ex->unacked && ex->at.stream.id && !exchange_sink_is_full(ex)) {
        codec_consumed(mux_codec(&ex->at), &ex->at.stream, ex->unacked);
        ex->unacked = 0;
    }
}

static void on_told(struct mux_stream *at)
{
    struct exchange *ex = container_of(at, struct exchange, at);
    struct weir_req *req = ex->req;

    if (ex->has_ended) {
        mux_leave(at, ex->body_sent ? WEIR_STREAM_OK : WEIR_STREAM_CANCELLED);
    } else if (ex->is_gone) {
        fail(ex);
    } else {
        want_more(ex);
    }
    bool has_news = !chain_is_empty(&req->out) || req->finished || req->aborted;
    if (has_news && (!client_is_stalled(req) || req->aborted) && !client_flush(req)) {
        return;
    }
    acknowledge(ex);
    arm_timer(ex);
}

static void on_failed(struct mux_stream *at, weir_reason reason, const char *detail)
{
    struct exchange *ex = container_of(at, struct exchange, at);
    struct weir_req *req = ex->req;

    if (ex->next_peer) {
        exchange_ask_other(ex);
    } else if (!ex->has_ended) {
        exchange_failed(ex, ex->head_done ? WEIR_REASON_HTTP_RESPONSE_INCOMPLETE : reason,
                        arena_strdup(&req->arena, detail));
    }
    if (req->finished || req->aborted || !chain_is_empty(&req->out)) {
        client_flush(req);
    }
}

static const struct mux_ops mux_ops = {
    .opened = on_opened,
    .failed = on_failed,
    .told = on_told,
};

static void on_timer(struct timer *timer)
{
    struct exchange *ex = container_of(timer, struct exchange, stream_timer);
    struct weir_req *req = ex->req;

    if (!ex->at.mux) {
        exchange_failed(ex, WEIR_REASON_CONNECTION_TIMEOUT, "no connection within connect_timeout");
    } else if (!chain_is_empty(&ex->to_send)) {
        mux_doubt(&ex->at, clock_now.ms - ex->conf->send_timeout_ms);
        exchange_failed(ex, WEIR_REASON_CONNECTION_WRITE_TIMEOUT, "it took nothing for send_timeout");
    } else {
        mux_doubt(&ex->at, clock_now.ms - ex->conf->read_timeout_ms);
        exchange_failed(ex, WEIR_REASON_CONNECTION_READ_TIMEOUT, "it sent nothing for read_timeout");
    }
    client_flush(req);
}

void exchange_stream_resume(struct exchange *ex)
{
    if (ex->unacked) {
        acknowledge(ex);
        arm_timer(ex);
    }
}

void exchange_stream_init(struct exchange *ex)
{
    ex->at.stream.ops = &stream_ops;
    ex->at.ops = &mux_ops;
    timer_init(&ex->stream_timer, on_timer);
}
