/* SPDX-License-Identifier: Apache-2.0 */
#include "http/codec_server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/running.h"
#include "base/str.h"
#include "http/codec.h"
#include "http/http1_server.h"
#include "module/registry.h"
#include "net/io.h"

#include <errno.h>
#include <stdlib.h>

#define STALLED (64 * 1024)     /* bytes of body that wait when the client is slow */
#define SKIP_MAX (256 * 1024)   /* bytes of an unwanted request body that are taken and dropped */
#define SKIP_MS 500             /* a client that stops in the middle of such a body waits for us */
#define SWEEP_MS 1000           /* how often requests are looked at for having stopped */

struct codec_server {
    struct weir_conn codec;
    struct client *client;
    struct weir_req *streams;
    uint32_t stream_n;
    struct weir_req *watched; /* somebody has to know whether it ends */
    struct pace pace; /* at which the client takes what there is for it */
    uint64_t paced_from; /* codec.sent when that began */
    uint32_t drains; /* how often the codec was told to end */
};

static void pump(struct codec_server *server);

static struct codec_server *server_of(const struct weir_req *req)
{
    return req->client->codec;
}

static struct weir_conn *codec_of(const struct weir_req *req)
{
    return &server_of(req)->codec;
}

static struct weir_req *req_of(struct weir_stream *stream)
{
    return container_of(stream, struct weir_req, stream);
}

static void on_later(struct later *later)
{
    struct codec_server *server = container_of(later, struct codec_server, codec.later);
    struct client *client = server->client;
    bool outermost = client_enter(client);

    pump(server);
    client_leave(client, outermost);
}

/* ---- the way back from a request: client_ops ---- */

static weir_str number_text(struct weir_req *req, uint64_t number)
{
    char *end = (char *)arena_alloc(&req->arena, 20) + 20;
    char *at = end;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return (weir_str){at, (size_t)(end - at)};
}

static size_t collect_fields(struct weir_req *req, weir_field **out)
{
    const struct fields *fields = &req->fields[WEIR_RESPONSE];
    weir_field *list = arena_alloc(&req->arena, (fields->n + 2) * sizeof(*list));
    size_t n = 0;

    if (!fields_get(fields, WEIR_F_DATE)) {
        list[n++] = (weir_field){.name = field_name(WEIR_F_DATE),
                                 .value = {clock_now.http, 29},
                                 .id = WEIR_F_DATE};
    }
    for (uint32_t i = 0; i < fields->n; i++) {
        const weir_field *field = &fields->list[i];

        if (field->id != WEIR_F_CONTENT_LENGTH && !field_is_hop_by_hop(field->id)) {
            list[n++] = *field;
        }
    }
    if (req->length >= 0 && req->status != 204) {
        list[n++] = (weir_field){.name = field_name(WEIR_F_CONTENT_LENGTH),
                                 .value = number_text(req, (uint64_t)req->length),
                                 .id = WEIR_F_CONTENT_LENGTH};
    }
    *out = list;
    return n;
}

static void head(struct weir_req *req)
{
    struct weir_conn *codec = codec_of(req);
    struct account_call call = codec_enter(codec);
    weir_field *fields;
    size_t n = collect_fields(req, &fields);
    bool ends = req->bodyless || req->length == 0;

    if (codec->ops->head(codec->state, req->stream.id, req->status, fields, n,
                         ends ? WEIR_HEAD_ENDS : 0) != WEIR_OK) {
        codec->ops->reset(codec->state, req->stream.id, WEIR_STREAM_FAILED);
    }
    account_leave(&call);
    req->moved_ms = clock_now.ms;
    loop_later(&codec->later);
}

static void interim(struct weir_req *req, uint32_t status, const struct fields *fields)
{
    struct weir_conn *codec = codec_of(req);
    struct account_call call = codec_enter(codec);

    if (status != 101) {
        codec->ops->head(codec->state, req->stream.id, status, fields->list, fields->n,
                         WEIR_HEAD_INTERIM);
        loop_later(&codec->later);
    }
    account_leave(&call);
}

/* The bytes that the source has taken make room for as many more. */
static void acknowledge(struct weir_req *req)
{
    struct weir_conn *codec = codec_of(req);
    uint64_t used = req->body_in_total - req->body_in.bytes - req->body_acked;

    if (used > 0 && codec->state) {
        req->body_acked += used;
        codec_consumed(codec, &req->stream, used);
    }
}

/* The request is answered and the client still sends: a while, since many do not see an answer
 * that a reset follows at once; then the rest is declined (RFC 9113, 8.1). */
static void skip_body(struct weir_req *req, size_t n)
{
    chain_clear(&req->body_in);
    req->body_skipped += n;
    if (req->body_skipped <= SKIP_MAX) {
        acknowledge(req);
        return;
    }
    codec_reset(codec_of(req), &req->stream, WEIR_STREAM_OK);
}

static void add(struct weir_req *req, struct weir_chain *data)
{
    chain_move(&req->out, data, data->bytes);
    codec_resume(codec_of(req), &req->stream);
}

static void finish(struct weir_req *req)
{
    codec_resume(codec_of(req), &req->stream);
    if (!req->body_in_done) {
        skip_body(req, 0); /* what waits already, so that the client sees no shut window */
    }
}

static bool flush(struct weir_req *req)
{
    struct codec_server *server = server_of(req);
    struct client *client = server->client;

    if (req->aborted) {
        codec_reset(&server->codec, &req->stream,
                    req->reset_code ? req->reset_code : WEIR_STREAM_FAILED);
    }
    /* Small answers leave together at the end of the turn; a large one now, so that a fast client
     * is not taken for a slow one. */
    if (req->out.bytes < STALLED || client->deferred || !client->conn.can_write) {
        return true;
    }
    bool outermost = client_enter(client);
    server->watched = req;
    pump(server);
    if (client->state != CLIENT_CODEC) {
        client_leave(client, outermost);
        return false;
    }
    bool lives = server->watched != NULL;
    server->watched = NULL;
    return client_leave(client, outermost) && lives;
}

static bool is_stalled(const struct weir_req *req)
{
    return !req->client->conn.can_write || req->out.bytes > STALLED;
}

/* Gives the source what has come while it wants that. */
static void deliver(struct weir_req *req)
{
    if (req->delivering) {
        return;
    }
    req->delivering = true;
    while (req->wants_body && (!chain_is_empty(&req->body_in) || req->body_in_done) &&
           req->source && req->source->request_body) {
        req->wants_body = false;
        request_deliver_body(req);
    }
    req->delivering = false;
    acknowledge(req);
}

static void want_body(struct weir_req *req)
{
    req->wants_body = true;
    req->moved_ms = clock_now.ms;
    acknowledge(req);
    if (!chain_is_empty(&req->body_in) || req->body_in_done) {
        deliver(req);
    } else {
        pace_start(&req->body_pace);
    }
}

static const struct client_ops codec_ops = {
    .head = head,
    .interim = interim,
    .add = add,
    .finish = finish,
    .flush = flush,
    .is_stalled = is_stalled,
    .want_body = want_body,
};

/* ---- requests ---- */

static weir_str keep(struct weir_req *req, weir_str s)
{
    return arena_dup(&req->arena, s);
}

/* Cookies may come in several fields; backends expect one (RFC 9113, 8.2.3). */
static void add_cookie(struct weir_req *req, weir_str value)
{
    struct fields *fields = &req->fields[WEIR_REQUEST];
    weir_field *first = fields_get(fields, WEIR_F_COOKIE);

    if (first) {
        first->value = arena_printf(&req->arena, "%.*s; %.*s", (int)first->value.n, first->value.p,
                                    (int)value.n, value.p);
    } else {
        fields_add(fields, WEIR_F_COOKIE, field_name(WEIR_F_COOKIE), keep(req, value), 0);
    }
}

static void copy_fields(struct weir_req *req, const weir_stream_head *from)
{
    for (size_t i = 0; i < from->field_n; i++) {
        const weir_field *field = &from->fields[i];
        uint32_t id = field_id(field->name);

        if (id == WEIR_F_COOKIE) {
            add_cookie(req, field->value);
        } else if (id != WEIR_F_HOST) {
            fields_add(&req->fields[WEIR_REQUEST], id, id ? field_name(id) : keep(req, field->name),
                       keep(req, field->value), 0);
        }
    }
}

static weir_str host_field(const weir_stream_head *from)
{
    for (size_t i = 0; i < from->field_n; i++) {
        if (field_id(from->fields[i].name) == WEIR_F_HOST) {
            return from->fields[i].value;
        }
    }
    return (weir_str){0};
}

/* Which backends understand: an upgrade as HTTP/1.1 has it (RFC 8441, 5; RFC 6455, 4.1). */
static void become_upgrade(struct weir_req *req, weir_str protocol)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct fields *fields = &req->fields[WEIR_REQUEST];
    weir_str id = request_id(req);
    char key[24];

    for (size_t i = 0; i < 21; i++) {
        key[i] = digits[(unsigned char)id.p[i] % 64];
    }
    memcpy(key + 21, "A==", 3); /* 16 bytes in base64 */
    req->head.method = METHOD_GET;
    req->head.method_name = STR("GET");
    req->head.upgrade = true;
    req->is_extended_connect = true;
    fields_add(fields, WEIR_F_UPGRADE, field_name(WEIR_F_UPGRADE), keep(req, protocol), 0);
    fields_add(fields, field_id(STR("Sec-WebSocket-Key")), STR("Sec-WebSocket-Key"),
               keep(req, (weir_str){key, sizeof(key)}), 0);
}

static void read_framing(struct weir_req *req, const weir_stream_head *from)
{
    const weir_field *length = fields_get(&req->fields[WEIR_REQUEST], WEIR_F_CONTENT_LENGTH);
    struct http1_head *into = &req->head;

    if (from->ended) {
        req->body_in_done = true;
    }
    if (into->upgrade) {
        into->framing = FRAMING_NONE;
    } else if (length && str_to_u64(length->value, &into->content_length)) {
        into->framing = into->content_length ? FRAMING_LENGTH : FRAMING_NONE;
    } else {
        into->framing = from->ended ? FRAMING_NONE : FRAMING_CHUNKED;
    }
}

static void copy_head(struct weir_req *req, const weir_stream_head *from)
{
    struct http1_head *into = &req->head;
    weir_str authority = from->authority.n ? from->authority : host_field(from);

    into->minor = 1;
    into->keep_alive = true;
    into->method = http1_method_parse(from->method);
    into->method_name = keep(req, from->method);
    into->target = keep(req, from->path);
    into->authority = keep(req, authority);
    if (authority.n) {
        fields_add(&req->fields[WEIR_REQUEST], WEIR_F_HOST, field_name(WEIR_F_HOST),
                   into->authority, 0);
    }
    copy_fields(req, from);
    if (from->protocol.n) {
        become_upgrade(req, from->protocol);
    }
    const weir_field *expect = fields_get(&req->fields[WEIR_REQUEST], WEIR_F_EXPECT);
    into->expect_continue = expect && str_ieq(expect->value, STR("100-continue"));
    read_framing(req, from);
}

struct refusal {
    uint32_t status;
    const char *detail;
};

/* What nghttp2 or its like lets pass, and HTTP/1 would not. NULL: fine. */
static const struct refusal *check_head(const struct weir_req *req, const weir_stream_head *from)
{
    static const struct refusal large = {431, "the fields are more than client.max_header or "
                                              "client.max_headers"};
    static const struct refusal long_target = {414, "the target is longer than client.max_header"};
    static const struct refusal odd_target = {400, "the :path has bytes that no URI has"};
    static const struct refusal odd_host = {400, "the :authority is no valid host"};
    static const struct refusal two_hosts = {400, ":authority and Host differ"};
    static const struct refusal odd_method = {400, "the method is no token"};
    const struct client_conf *limits = client_limits(req->client);
    weir_str named = host_field(from), host;
    size_t bytes = 0;
    uint16_t port;

    for (size_t i = 0; i < from->field_n; i++) {
        bytes += from->fields[i].name.n + from->fields[i].value.n + 4;
    }
    if (from->path.n > limits->max_header) {
        return &long_target;
    }
    if (bytes > limits->max_header || from->field_n > (uint64_t)limits->max_headers) {
        return &large;
    }
    if (!field_name_is_valid(from->method)) {
        return &odd_method;
    }
    if (!http1_target_is_valid(from->path)) {
        return &odd_target;
    }
    if (req->head.authority.n == 0 || !http1_split_authority(req->head.authority, &host, &port)) {
        return &odd_host;
    }
    if (from->authority.n && named.n && !str_ieq(from->authority, named)) {
        return &two_hosts;
    }
    return NULL;
}

static void stream_link(struct codec_server *server, struct weir_req *req)
{
    req->next = server->streams;
    if (req->next) {
        req->next->prev = req;
    }
    server->streams = req;
    server->stream_n++;
}

static void stream_unlink(struct codec_server *server, struct weir_req *req)
{
    if (req->next) {
        req->next->prev = req->prev;
    }
    if (req->prev) {
        req->prev->next = req->next;
    } else {
        server->streams = req->next;
    }
    server->stream_n--;
}

static void stream_body(struct weir_stream *stream, const char *p, size_t n);
static weir_rc stream_end(struct weir_stream *stream, const weir_field *trailers, size_t n);
static void stream_gone(struct weir_stream *stream, uint32_t why);
static size_t stream_pending(struct weir_stream *stream, bool *is_end);
static weir_rc stream_take(struct weir_stream *stream, struct weir_chain *out, size_t n);
static size_t stream_trailers(struct weir_stream *stream, const weir_field **trailers);

static const struct stream_ops stream_ops = {
    .body = stream_body,
    .end = stream_end,
    .gone = stream_gone,
    .pending = stream_pending,
    .take = stream_take,
    .trailers = stream_trailers,
};

weir_stream *codec_stream_open(weir_conn *conn, uint32_t id, const weir_stream_head *from)
{
    struct codec_server *server = container_of(conn, struct codec_server, codec);
    struct account_call host = account_enter(NULL, NULL);
    struct weir_req *req = client_request(server->client);

    req->stream = (struct weir_stream){&stream_ops, id};
    req->moved_ms = clock_now.ms;
    stream_link(server, req);
    server->client->served++;
    conn_is_fresh(&server->client->conn);
    copy_head(req, from);
    const struct refusal *refusal = check_head(req, from);
    if (refusal) {
        request_reply(req, refusal->status, WEIR_REASON_HTTP_REQUEST_ERROR, (weir_str){0},
                      (weir_str){0}, refusal->detail);
    } else {
        request_begin(req);
    }
    if (req->responded || req->aborted) {
        flush(req);
    }
    if (server->client->served >= client_limits(server->client)->keepalive_requests) {
        codec_server_drain(server->client);
    }
    account_leave(&host);
    return &req->stream;
}

static void fail_body(struct weir_req *req, uint32_t status, weir_reason reason, const char *detail)
{
    req->wants_body = false;
    request_reply(req, status, reason, (weir_str){0}, (weir_str){0}, detail);
    flush(req);
}

static void stream_body(struct weir_stream *stream, const char *p, size_t n)
{
    struct weir_req *req = req_of(stream);

    req->body_in_total += n;
    req->moved_ms = clock_now.ms;
    pace_stop(&req->body_pace);
    if (req->finished || req->aborted || (req->responded && !req->source)) {
        skip_body(req, n);
    } else {
        codec_add_input(codec_of(req), &req->body_in, p, n);
    }
    if (req->limits && req->limits->max_body && !req->upgraded &&
        req->body_in_total > req->limits->max_body && !req->responded) {
        fail_body(req, 413, WEIR_REASON_REQUEST_TOO_LARGE, NULL);
    } else if (req->wants_body) {
        deliver(req);
    }
}

static weir_rc stream_end(struct weir_stream *stream, const weir_field *trailers, size_t n)
{
    struct weir_req *req = req_of(stream);

    if (n > 0) {
        fields_init(&req->request_trailers, &req->arena);
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t id = field_id(trailers[i].name);

        fields_add(&req->request_trailers, id, keep(req, trailers[i].name),
                   keep(req, trailers[i].value), 0);
    }
    req->body_in_done = true;
    if (req->wants_body) {
        deliver(req);
    }
    return WEIR_OK;
}

static void stream_gone(struct weir_stream *stream, uint32_t why)
{
    struct weir_req *req = req_of(stream);
    struct codec_server *server = server_of(req);
    uint64_t kept = req->body_in_total - req->body_acked;

    (void)why;
    if (kept) {
        codec_consumed(&server->codec, stream, kept); /* the connection's window goes on */
    }
    if (!req->finished && !req->reason) {
        req->reason = WEIR_REASON_CLIENT_GONE;
    }
    if (server->watched == req) {
        server->watched = NULL;
    }
    stream_unlink(server, req);
    request_end(req);
}

static size_t stream_pending(struct weir_stream *stream, bool *is_end)
{
    const struct weir_req *req = req_of(stream);

    *is_end = req->finished;
    return req->aborted ? 0 : req->out.bytes;
}

static weir_rc stream_take(struct weir_stream *stream, struct weir_chain *out, size_t n)
{
    struct weir_req *req = req_of(stream);

    if (!codec_move_output(out, &req->out, n)) {
        return WEIR_ERROR;
    }
    req->bytes_sent += n;
    req->moved_ms = clock_now.ms;
    return WEIR_OK;
}

static size_t stream_trailers(struct weir_stream *stream, const weir_field **trailers)
{
    const struct weir_req *req = req_of(stream);

    *trailers = req->trailers.list;
    return req->trailers.n;
}

/* ---- the connection ---- */

static void arm_timer(struct codec_server *server)
{
    const struct client_conf *limits = client_limits(server->client);
    uint64_t ms = server->stream_n || !chain_is_empty(&server->codec.out) ? SWEEP_MS
                  : clients_draining                           ? DRAIN_GRACE_MS
                                                               : limits->keepalive_timeout_ms;

    client_set_timer(server->client, ms);
}

/* Sources whose bytes have left may make more. True: some did. */
static bool feed(struct codec_server *server)
{
    struct weir_req *next;
    bool fed = false;

    for (struct weir_req *req = server->streams; req; req = next) {
        next = req->next;
        if (req->source && req->source->resume && req->responded && !req->finished &&
            !req->aborted && chain_is_empty(&req->out)) {
            req->source->resume(req);
            if (!chain_is_empty(&req->out) || req->finished || req->aborted) {
                flush(req);
                fed = true;
            }
        }
    }
    return fed;
}

/* Frames and sends what there is. */
static void pump(struct codec_server *server)
{
    struct client *client = server->client;
    enum codec_sent sent;

    do {
        sent = codec_send(&server->codec);
        if (sent == CODEC_BROKEN) {
            client_close(client);
            return;
        }
        if (sent == CODEC_BLOCKED || (sent == CODEC_SENT && !feed(server))) {
            break;
        }
    } while (client->conn.can_write);
    loop_later_cancel(&server->codec.later);
    if (codec_is_done(&server->codec)) {
        /* A request may cross our last word on the way: a reset would take that word from the
         * client, and with it the knowledge that the request may be sent again. */
        client_linger(client);
        http1_process(client);
        return;
    }
    arm_timer(server);
}

void codec_server_process(struct client *client)
{
    struct codec_server *server = client->codec;
    struct weir_conn *codec = &server->codec;

    while (client->conn.can_read && codec_wants_input(codec)) {
        ssize_t n = codec_read(codec);

        if (n == 0) {
            pump(server); /* what is answered already still leaves */
        }
        if (n == 0 || (n < 0 && n != -EAGAIN)) {
            client_close(client);
            return;
        }
    }
    pump(server);
}

static bool waits_for_body(const struct weir_req *req)
{
    return req->wants_body && !req->responded && !req->upgraded;
}

static bool has_output(const struct codec_server *server)
{
    for (const struct weir_req *req = server->streams; req; req = req->next) {
        if (!chain_is_empty(&req->out)) {
            return true;
        }
    }
    return !chain_is_empty(&server->codec.out);
}

/* Of the connection: its streams share what the client takes. */
static bool takes_slowly(struct codec_server *server)
{
    const struct client_conf *limits = client_limits(server->client);

    if (!limits->min_response_rate) {
        return false;
    }
    if (!has_output(server)) {
        server->pace = (struct pace){0};
        return false;
    }
    if (!server->pace.since_ms) {
        server->paced_from = server->codec.sent;
        pace_start(&server->pace);
    }
    uint64_t sent = server->codec.sent - server->paced_from;
    uint64_t unsent = conn_unsent(&server->client->conn);
    return pace_is_slow(&server->pace, sent > unsent ? sent - unsent : 0,
                        limits->min_response_rate, limits->min_rate_grace_ms);
}

static void end_slow(struct codec_server *server)
{
    for (struct weir_req *req = server->streams; req; req = req->next) {
        req->reason_detail = "the client takes less than client.min_response_rate";
        req->reason = WEIR_REASON_CLIENT_GONE;
    }
    client_close(server->client);
}

/* What makes no progress is ended: a slow client, or one that does not send. */
static void sweep(struct codec_server *server)
{
    struct weir_req *next;

    for (struct weir_req *req = server->streams; req; req = next) {
        const struct client_conf *limits = req->limits ? req->limits : client_limits(server->client);
        uint64_t rest_ms = clock_now.ms - req->moved_ms;

        next = req->next;
        if (waits_for_body(req) && rest_ms > limits->body_timeout_ms) {
            fail_body(req, 408, WEIR_REASON_REQUEST_TIMEOUT,
                      "the request's body made no progress for client.body_timeout");
        } else if (waits_for_body(req) && pace_is_slow(&req->body_pace, req->body_in_total,
                                                       limits->min_rate, limits->min_rate_grace_ms)) {
            fail_body(req, 408, WEIR_REASON_REQUEST_TIMEOUT,
                      "the request's body comes slower than client.min_rate");
        } else if (req->finished && chain_is_empty(&req->out) && !req->body_in_done &&
                   rest_ms > SKIP_MS) {
            skip_body(req, SKIP_MAX + 1);
        } else if (!chain_is_empty(&req->out) && rest_ms > limits->send_timeout_ms) {
            req->reason_detail = "the client took nothing for client.send_timeout";
            req->reason = WEIR_REASON_CLIENT_GONE;
            req->aborted = true;
            flush(req);
        }
    }
}

/* The first time it asks the client to go, the second time it says the last word. */
static void drain(struct codec_server *server)
{
    struct weir_conn *codec = &server->codec;
    struct account_call call = codec_enter(codec);

    server->drains++;
    codec->ops->drain(codec->state);
    account_leave(&call);
    loop_later(&codec->later);
}

void codec_server_on_timer(struct client *client)
{
    struct codec_server *server = client->codec;

    if (server->stream_n == 0 && chain_is_empty(&server->codec.out)) {
        if (server->drains > 1) {
            client_close(client);
            return;
        }
        drain(server);
        pump(server);
        return;
    }
    if (!chain_is_empty(&server->codec.out) &&
        clock_now.ms - server->codec.moved_ms > client_limits(client)->send_timeout_ms) {
        client_close(client);
        return;
    }
    if (takes_slowly(server)) {
        end_slow(server);
        return;
    }
    sweep(server);
    pump(server);
}

void codec_server_drain(struct client *client)
{
    struct codec_server *server = client->codec;

    if (server->drains == 0) {
        drain(server);
    }
}

/* NULL: the codec cannot begin. */
static struct codec_server *server_create(struct client *client, const struct module *module,
                                          weir_str name)
{
    struct codec_server *server = mem_zalloc(sizeof(*server));
    struct weir_conn *codec = &server->codec;
    const struct site *site = listener_site_or_default(client->listener, name, NULL);

    server->client = client;
    codec_init(codec, &client->conn, module, on_later);
    struct account_call call = codec_enter(codec);
    codec->state = codec->ops->open(codec, plan_conf(&site->self->plan, module));
    account_leave(&call);
    if (!codec->state) {
        codec_fini(codec);
        free(server);
        return NULL;
    }
    return server;
}

/* The client speaks the codec's protocol from here on. */
static void take_over(struct client *client, struct codec_server *server)
{
    client->codec = server;
    client->ops = &codec_ops;
    client->state = CLIENT_CODEC;
}

static void take_input(struct client *client, struct weir_conn *codec)
{
    struct buf *buf = client->in;

    if (buf) {
        client->in = NULL;
        codec_input(codec, buf, client->in_at);
        client->in_at = 0;
        buf_release(buf);
    }
    if (clients_draining) {
        codec_server_drain(client);
    }
}

void codec_server_start(struct client *client, const struct module *module, weir_str name)
{
    struct codec_server *server = server_create(client, module, name);

    if (!server) {
        client_close(client);
        return;
    }
    take_over(client, server);
    take_input(client, &server->codec);
}

static weir_rc upgrade(struct codec_server *server, struct weir_req *req)
{
    struct weir_conn *codec = &server->codec;
    const struct fields *fields = &req->fields[WEIR_REQUEST];
    struct account_call call = codec_enter(codec);
    weir_rc rc = codec->ops->upgrade(codec->state, &req->stream, fields->list, fields->n);

    account_leave(&call);
    return rc;
}

bool codec_server_upgrade(struct client *client, const struct module *module)
{
    struct weir_req *req = client->req;
    struct codec_server *server = server_create(client, module, (weir_str){0});
    const char *name = module->desc->codec->upgrade_name;

    if (!server) {
        return false;
    }
    if (upgrade(server, req) != WEIR_OK) {
        codec_fini(&server->codec);
        free(server);
        return false;
    }
    weir_str line = arena_printf(&req->arena, "HTTP/1.1 101 Switching Protocols\r\n"
                                              "Connection: upgrade\r\nUpgrade: %s\r\n\r\n", name);
    chain_add_copy(&server->codec.out, line.p, line.n);
    take_over(client, server);
    client->req = NULL;
    req->head.upgrade = false;
    req->stream = (struct weir_stream){&stream_ops, 1};
    req->moved_ms = clock_now.ms;
    stream_link(server, req);
    request_begin(req);
    if (req->responded || req->aborted) {
        flush(req);
    }
    take_input(client, &server->codec);
    return true;
}

void codec_server_end(struct client *client)
{
    struct codec_server *server = client->codec;

    while (server->streams) {
        struct weir_req *req = server->streams;

        if (!req->finished && !req->reason) {
            req->reason = WEIR_REASON_CLIENT_GONE;
        }
        stream_unlink(server, req);
        request_end(req);
    }
    codec_fini(&server->codec);
    client->codec = NULL;
    free(server);
}
