/* SPDX-License-Identifier: Apache-2.0 */
/* http/response.c - the response's way out: head, framing, body. See request.h. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "http/chunked.h"
#include "module/registry.h"
#include "http/http1_server.h"
#include "http/request.h"

#include <string.h>

#define HANDLER_ROOM (64 * 1024) /* bytes that a handler may be ahead of its client */

const char *status_text(uint32_t status)
{
    static const struct {
        uint32_t status;
        const char *text;
    } texts[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < WEIR_COUNT(texts); i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "Unknown";
}

/* Room for `n` more bytes of text that goes out: heads and chunk frames. What was written stays
 * where it is, since the chain points to it. */
static char *text_room(struct weir_req *req, size_t n)
{
    if (!req->out_text || buf_room(req->out_text) < n) {
        if (req->out_text) {
            buf_release(req->out_text);
        }
        req->out_text = n <= BUF_SIZE ? buf_create() : buf_create_sized((uint32_t)n);
    }
    return req->out_text->data + req->out_text->used;
}

static void text_add(struct weir_req *req, char *start, const char *end)
{
    size_t n = (size_t)(end - start);

    req->out_text->used += (uint32_t)n;
    chain_add_buf(&req->out, req->out_text, start, n);
}

static char *put(char *at, const void *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

#define PUT_LITERAL(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_number(char *at, uint64_t value)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[sizeof(digits) - ++n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return put(at, digits + sizeof(digits) - n, n);
}

static size_t fields_bytes(const struct fields *fields)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < fields->n; i++) {
        bytes += fields->list[i].name.n + fields->list[i].value.n + 4;
    }
    return bytes;
}

static char *put_fields(char *at, const struct fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const weir_field *field = &fields->list[i];

        if (field->id == WEIR_F_CONTENT_LENGTH || field_is_hop_by_hop(field->id)) {
            continue; /* framing and the connection are this side's own */
        }
        at = put(at, field->name.p, field->name.n);
        at = PUT_LITERAL(at, ": ");
        at = put(at, field->value.p, field->value.n);
        at = PUT_LITERAL(at, "\r\n");
    }
    return at;
}

static char *put_status_line(char *at, uint32_t status, const char *text)
{
    at = PUT_LITERAL(at, "HTTP/1.1 ");
    at = put_number(at, status);
    *at++ = ' ';
    at = put(at, text, strlen(text));
    return PUT_LITERAL(at, "\r\n");
}

/* Decides how the body is framed (RFC 9112, 6.3). */
static void choose_framing(struct weir_req *req)
{
    req->bodyless = req->head.method == METHOD_HEAD || req->status < 200 || req->status == 204 ||
                    req->status == 304;
    req->chunked_out = false;
    if (req->length >= 0 || req->bodyless) {
        return;
    }
    if (req->head.minor >= 1) {
        req->chunked_out = true;
    } else {
        req->close_after = true;
    }
}

static char *put_framing(char *at, const struct weir_req *req)
{
    if (req->chunked_out) {
        return PUT_LITERAL(at, "Transfer-Encoding: chunked\r\n");
    }
    if (req->length < 0 || req->status < 200 || req->status == 204) {
        return at;
    }
    at = PUT_LITERAL(at, "Content-Length: ");
    at = put_number(at, (uint64_t)req->length);
    return PUT_LITERAL(at, "\r\n");
}

static char *put_connection(char *at, const struct weir_req *req)
{
    if (req->upgraded) {
        const weir_field *upgrade = fields_get(&req->fields[WEIR_RESPONSE], WEIR_F_UPGRADE);

        at = PUT_LITERAL(at, "Connection: upgrade\r\n");
        if (upgrade) {
            at = PUT_LITERAL(at, "Upgrade: ");
            at = put(at, upgrade->value.p, upgrade->value.n);
            at = PUT_LITERAL(at, "\r\n");
        }
        return at;
    }
    if (req->close_after) {
        return PUT_LITERAL(at, "Connection: close\r\n");
    }
    if (req->head.minor == 0) {
        return PUT_LITERAL(at, "Connection: keep-alive\r\n");
    }
    return at;
}

static void put_head(struct weir_req *req)
{
    const struct fields *fields = &req->fields[WEIR_RESPONSE];
    char *start = text_room(req, fields_bytes(fields) + 320);
    char *at = put_status_line(start, req->status, status_text(req->status));

    if (!fields_get(fields, WEIR_F_DATE) && req->status >= 200) {
        at = PUT_LITERAL(at, "Date: ");
        at = put(at, clock_now.http, 29);
        at = PUT_LITERAL(at, "\r\n");
    }
    at = put_fields(at, fields);
    at = put_framing(at, req);
    at = put_connection(at, req);
    at = PUT_LITERAL(at, "\r\n");
    text_add(req, start, at);
}

/* A client that waits for "100 Continue" may or may not send the body after a final answer, so
 * what follows on this connection could not be told apart. */
static bool client_may_still_send(const struct weir_req *req)
{
    return req->head.expect_continue && !req->body_in_done && req->body_in_total == 0;
}

void response_start(struct weir_req *req, uint32_t status, int64_t length)
{
    req->step = STEP_RESPONSE;
    req->status = (uint16_t)status;
    req->length = length;
    request_run_response_hooks(req);
    if (clients_draining || client_may_still_send(req) ||
        (req->limits && req->client->served >= req->limits->keepalive_requests)) {
        req->close_after = true;
    }
    choose_framing(req);
    put_head(req);
    req->responded = true;
}

void response_interim(struct weir_req *req, uint32_t status, weir_str reason,
                      const struct fields *fields)
{
    (void)reason;
    if (req->head.minor == 0 || req->responded) {
        return; /* HTTP/1.0 knows no interim responses (RFC 9110, 15.2) */
    }
    char *start = text_room(req, fields_bytes(fields) + 64);
    char *at = put_status_line(start, status, status_text(status));

    at = put_fields(at, fields);
    at = PUT_LITERAL(at, "\r\n");
    text_add(req, start, at);
}

void response_add(struct weir_req *req, struct weir_chain *data)
{
    uint64_t n = data->bytes;

    if (n == 0) {
        return;
    }
    if (req->bodyless) {
        chain_clear(data);
        return;
    }
    if (req->chunked_out) {
        char *start = text_room(req, 20);

        text_add(req, start, start + chunked_head(n, start));
    }
    chain_move(&req->out, data, n);
    if (req->chunked_out) {
        chain_add_ref(&req->out, "\r\n", 2, NULL, NULL);
    }
    req->body_out += n;
}

void response_finish(struct weir_req *req)
{
    if (req->finished) {
        return;
    }
    if (!req->bodyless && req->length >= 0 && req->body_out != (uint64_t)req->length) {
        response_abort(req, WEIR_REASON_HTTP_RESPONSE_INCOMPLETE,
                       "the body's length is not what the head said");
        return;
    }
    if (req->chunked_out) {
        char *start = text_room(req, fields_bytes(&req->trailers) + 8);
        char *at = PUT_LITERAL(start, "0\r\n");

        at = put_fields(at, &req->trailers);
        at = PUT_LITERAL(at, "\r\n");
        text_add(req, start, at);
    }
    req->finished = true;
}

void response_abort(struct weir_req *req, weir_reason reason, const char *detail)
{
    req->aborted = true;
    req->reason = reason;
    req->reason_detail = detail;
    request_log(req, WEIR_LOG_ERROR, "%u cut short, %.*s: \"%.*s %.*s\"%s%s", req->status,
                (int)reason_name(reason).n, reason_name(reason).p, (int)req->head.method_name.n,
                req->head.method_name.p, (int)(req->target.n > 400 ? 400 : req->target.n),
                req->target.p, detail ? ": " : "", detail ? detail : "");
}

/* ---- bodies that a handler makes bit by bit ---- */

static void handler_resume(struct weir_req *req)
{
    const struct plan *plan = req->plan;
    const weir_handler_ops *ops = plan->handler->desc->handler;

    while (req->out.bytes < HANDLER_ROOM && !req->finished && !req->aborted) {
        struct weir_chain made = {0};

        module_running = plan->handler;
        weir_rc rc = ops->pull(req, plan->handler_conf, &made, HANDLER_ROOM - req->out.bytes);
        module_running = NULL;
        response_add(req, &made);
        if (rc == WEIR_OK) {
            response_finish(req);
        } else if (rc != WEIR_MORE) {
            response_abort(req, WEIR_REASON_PROXY_INTERNAL_ERROR, "a module failed in the body");
        }
    }
}

static const struct source_ops handler_source = {.resume = handler_resume};

void handler_attach(struct weir_req *req)
{
    req->source = &handler_source;
    handler_resume(req);
}
