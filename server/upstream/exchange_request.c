/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/exchange_request.c - the request as a peer gets it, rebuilt from its parts. */
#include "base/str.h"
#include "upstream/exchange_state.h"

#include <string.h>

#define REPLAY_MAX (64 * 1024) /* bytes of body kept for another attempt */

static char *put(char *at, weir_str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

static char *put_field(char *at, weir_str name, weir_str value)
{
    at = put(at, name);
    at = put(at, STR(": "));
    at = put(at, value);
    return put(at, STR("\r\n"));
}

/* Does the handler give this field itself? */
static bool is_replaced(const weir_forward_conf *conf, const weir_field *field)
{
    for (uint32_t i = 0; i < conf->field_n; i++) {
        const weir_field *mine = &conf->fields[i];

        if (mine->id ? mine->id == field->id
                     : field->id == 0 && str_ieq(mine->name, field->name)) {
            return true;
        }
    }
    return false;
}

/* Fields that Connection names belong to this hop (RFC 9110, 7.6.1), except those that a request
 * cannot do without, or that a rule or a backend relies on. */
static bool is_named_by_connection(const struct weir_req *req, const weir_field *field)
{
    const struct fields *fields = &req->fields[WEIR_REQUEST];

    if (field->flags & WEIR_FIELD_RULE || field->id == WEIR_F_HOST ||
        field->id == WEIR_F_AUTHORIZATION || field->id == WEIR_F_COOKIE ||
        field->id == WEIR_F_X_FORWARDED_FOR || field->id == WEIR_F_X_FORWARDED_HOST ||
        field->id == WEIR_F_X_FORWARDED_PROTO || field->id == WEIR_F_X_REAL_IP ||
        field->id == WEIR_F_CONTENT_LENGTH) {
        return false;
    }
    for (const weir_field *c = fields_get(fields, WEIR_F_CONNECTION); c;
         c = fields_next(fields, c)) {
        if (str_list_has(c->value, field->name)) {
            return true;
        }
    }
    return false;
}

bool exchange_passes_on(const struct exchange *ex, const weir_field *field)
{
    const struct weir_req *req = ex->req;

    if (field->id == WEIR_F_HOST || field->id == WEIR_F_CONTENT_LENGTH ||
        (field->id && field_is_hop_by_hop(field->id))) {
        return false;
    }
    if (field->id == WEIR_F_EXPECT && ex->conf->request_buffering) {
        return false; /* answered here */
    }
    return !is_replaced(ex->conf, field) &&
           !(req->head.connection_names_fields && is_named_by_connection(req, field));
}

weir_str exchange_host(const struct exchange *ex)
{
    const struct weir_req *req = ex->req;
    const weir_field *host = fields_get(&req->fields[WEIR_REQUEST], WEIR_F_HOST);

    if (host && host->flags & WEIR_FIELD_RULE) {
        return host->value;
    }
    if (ex->conf->host.n) {
        return ex->conf->host;
    }
    return req->authority.n ? req->authority : ex->conf->upstream->host;
}

bool exchange_length(struct exchange *ex, weir_str *text)
{
    const struct weir_req *req = ex->req;
    bool whole = ex->conf->request_buffering && request_body_is_done(req);

    if (req->head.framing == FRAMING_NONE || (req->head.framing == FRAMING_CHUNKED && !whole)) {
        return false;
    }
    *text = arena_printf(&ex->req->arena, "%llu",
                         (unsigned long long)(whole ? request_body_total(req) : req->head.content_length));
    return true;
}

static char *put_framing(char *at, struct exchange *ex)
{
    weir_str length;

    ex->chunked_out = false;
    if (exchange_length(ex, &length)) {
        return put_field(at, STR("Content-Length"), length);
    }
    if (ex->req->head.framing == FRAMING_CHUNKED) {
        ex->chunked_out = true;
        return put_field(at, STR("Transfer-Encoding"), STR("chunked"));
    }
    return at;
}

static bool wants_upgrade(const struct exchange *ex)
{
    return ex->req->head.upgrade && ex->conf->websocket;
}

static size_t head_bytes(const struct exchange *ex)
{
    const struct weir_req *req = ex->req;
    const struct fields *fields = &req->fields[WEIR_REQUEST];
    size_t n = 256 + req->head.method_name.n + req->target.n + ex->conf->target.n +
               exchange_host(ex).n;

    for (uint32_t i = 0; i < fields->n; i++) {
        n += fields->list[i].name.n + fields->list[i].value.n + 4;
    }
    for (uint32_t i = 0; i < ex->conf->field_n; i++) {
        n += ex->conf->fields[i].name.n + ex->conf->fields[i].value.n + 4;
    }
    return n;
}

void exchange_build_head(struct exchange *ex)
{
    const struct weir_req *req = ex->req;
    const struct fields *fields = &req->fields[WEIR_REQUEST];
    size_t n = head_bytes(ex);
    struct buf *buf = n <= BUF_SIZE ? buf_create() : buf_create_sized((uint32_t)n);
    char *at = buf->data;

    at = put(at, req->head.method_name);
    *at++ = ' ';
    at = put(at, ex->conf->target.n ? ex->conf->target : req->target);
    at = put(at, STR(" HTTP/1.1\r\n"));
    at = put_field(at, STR("Host"), exchange_host(ex));
    for (uint32_t i = 0; i < fields->n; i++) {
        const weir_field *field = &fields->list[i];

        if (exchange_passes_on(ex, field)) {
            at = put_field(at, field->name, field->value);
        }
    }
    for (uint32_t i = 0; i < ex->conf->field_n; i++) {
        if (ex->conf->fields[i].value.n) {
            at = put_field(at, ex->conf->fields[i].name, ex->conf->fields[i].value);
        }
    }
    at = put_framing(at, ex);
    if (wants_upgrade(ex)) {
        at = put_field(at, STR("Connection"), STR("upgrade"));
        at = put_field(at, STR("Upgrade"), fields_get(fields, WEIR_F_UPGRADE)->value);
    }
    at = put(at, STR("\r\n"));
    buf->used = (uint32_t)(at - buf->data);
    ex->head_out = buf;
}

/* Keeps a reference to what is sent, as long as it is little. */
static void remember(struct exchange *ex, const struct weir_chain *data)
{
    if (!ex->replayable) {
        return;
    }
    if (ex->replay.bytes + data->bytes > REPLAY_MAX) {
        ex->replayable = false;
        chain_clear(&ex->replay);
        return;
    }
    for (const struct link *link = data->first; link; link = link->next) {
        if (link->kind == LINK_BUF) {
            chain_add_buf(&ex->replay, link->buf, link->p, link->n);
        } else if (link->kind == LINK_MEMORY) {
            chain_add_copy(&ex->replay, link->p, link->n);
        } else {
            ex->replayable = false;
        }
    }
}

static void add_framed(struct exchange *ex, struct weir_chain *data)
{
    if (data->bytes && ex->chunked_out) {
        char head[18];

        chain_add_copy(&ex->to_send, head, chunked_head(data->bytes, head));
        chain_move(&ex->to_send, data, data->bytes);
        chain_add_ref(&ex->to_send, "\r\n", 2, NULL, NULL);
    } else {
        chain_move(&ex->to_send, data, data->bytes);
    }
}

/* Trailers pass, but for names that steer a request: some servers merge trailers into the head, and
 * what routing, framing or X-Forwarded-For are was settled there (RFC 9110, 6.5.1). */
bool exchange_passes_trailer(const weir_field *field)
{
    return field->id == WEIR_FIELD_OTHER || field->id == WEIR_F_ETAG;
}

static void add_last_chunk(struct exchange *ex)
{
    const struct fields *trailers = &ex->req->request_trailers;

    chain_add_copy(&ex->to_send, "0\r\n", 3);
    for (uint32_t i = 0; i < trailers->n; i++) {
        const weir_field *field = &trailers->list[i];

        if (!exchange_passes_trailer(field)) {
            continue;
        }
        chain_add_copy(&ex->to_send, field->name.p, field->name.n);
        chain_add_copy(&ex->to_send, ": ", 2);
        chain_add_copy(&ex->to_send, field->value.p, field->value.n);
        chain_add_copy(&ex->to_send, "\r\n", 2);
    }
    chain_add_copy(&ex->to_send, "\r\n", 2);
}

void exchange_take_body(struct exchange *ex)
{
    struct weir_req *req = ex->req;

    if (ex->body_sent) {
        return;
    }
    remember(ex, request_body(req));
    add_framed(ex, request_body(req));
    if (request_body_is_done(req)) {
        ex->body_sent = true;
        if (ex->chunked_out) {
            add_last_chunk(ex);
        }
    }
}
