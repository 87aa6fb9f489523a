/* SPDX-License-Identifier: Apache-2.0 */
/* http/http1_write.c - responses as HTTP/1 has them on the wire: head, chunks, trailers. */
#include "base/clock.h"
#include "base/str.h"
#include "http/chunked.h"
#include "http/http1_server.h"

#include <string.h>

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

void http1_head(struct weir_req *req)
{
    choose_framing(req);

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

void http1_interim(struct weir_req *req, uint32_t status, const struct fields *fields)
{
    if (req->head.minor == 0) {
        return; /* HTTP/1.0 knows no interim responses (RFC 9110, 15.2) */
    }
    char *start = text_room(req, fields_bytes(fields) + 64);
    char *at = put_status_line(start, status, status_text(status));

    at = put_fields(at, fields);
    at = PUT_LITERAL(at, "\r\n");
    text_add(req, start, at);
}

void http1_add(struct weir_req *req, struct weir_chain *data)
{
    uint64_t n = data->bytes;

    if (req->chunked_out) {
        char *start = text_room(req, 20);

        text_add(req, start, start + chunked_head(n, start));
    }
    chain_move(&req->out, data, n);
    if (req->chunked_out) {
        chain_add_ref(&req->out, "\r\n", 2, NULL, NULL);
    }
}

void http1_finish(struct weir_req *req)
{
    if (req->chunked_out) {
        char *start = text_room(req, fields_bytes(&req->trailers) + 8);
        char *at = PUT_LITERAL(start, "0\r\n");

        at = put_fields(at, &req->trailers);
        at = PUT_LITERAL(at, "\r\n");
        text_add(req, start, at);
    }
}
