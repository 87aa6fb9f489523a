/* SPDX-License-Identifier: Apache-2.0 */
/* http/response.c - the response's way out: head, framing, body. See request.h. */
#include "base/clock.h"
#include "base/log.h"
#include "base/running.h"
#include "base/str.h"
#include "module/registry.h"
#include "http/client.h"
#include "http/detour.h"
#include "http/filtering.h"
#include "http/request.h"

#include <string.h>

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

/* A client that waits for "100 Continue" may or may not send the body after a final answer, so
 * what follows on this connection could not be told apart. */
static bool client_may_still_send(const struct weir_req *req)
{
    return req->head.expect_continue && !req->body_in_done && req->body_in_total == 0;
}

bool response_is_bodyless(const struct weir_req *req)
{
    return req->head.method == METHOD_HEAD || req->status < 200 || req->status == 204 ||
           req->status == 304;
}

uint64_t response_waiting(const struct weir_req *req)
{
    return req->out.bytes + (req->filters ? filtering_waiting(req) : 0);
}

void request_set_source(struct weir_req *req, const struct source_ops *source)
{
    if (req->filters) {
        filtering_set_source(req, source);
    } else {
        req->source = source;
    }
}

/* Somebody waits for each piece of it: filters are not to hold any back. */
static bool is_live(const struct weir_req *req)
{
    const weir_field *type = fields_get(&req->fields[WEIR_RESPONSE], WEIR_F_CONTENT_TYPE);
    const weir_field *buffering = fields_get(&req->fields[WEIR_RESPONSE], WEIR_F_X_ACCEL_BUFFERING);

    return (type && str_starts_with(type->value, STR("text/event-stream"))) ||
           (buffering && str_ieq(buffering->value, STR("no")));
}

void response_start(struct weir_req *req, uint32_t status, int64_t length)
{
    if (req->detour) {
        status = detour_arrived(req, status);
    }
    req->is_stored = req->step == STEP_LOOKUP || req->is_replaced;
    req->step = STEP_RESPONSE;
    req->status = (uint16_t)status;
    req->length = length;
    if (req->plan) {
        request_run_response_hooks(req, PHASE_RES_START);
        filtering_begin_response(req);
        request_run_response_hooks(req, PHASE_RES_HEADERS);
        req->is_live = req->is_live || (req->filters && is_live(req));
    }
    if (!client_is_kept(req->client) || client_may_still_send(req) ||
        (req->limits && req->client->served >= req->limits->keepalive_requests)) {
        req->close_after = true;
    }
    req->bodyless = response_is_bodyless(req);
    req->client->ops->head(req);
    req->responded = true;
}

void response_interim(struct weir_req *req, uint32_t status, const struct fields *fields)
{
    if (!req->responded) {
        req->client->ops->interim(req, status, fields);
    }
}

void response_add(struct weir_req *req, struct weir_chain *data)
{
    if (req->filters) {
        if (!chain_is_empty(data)) {
            filtering_put(req, data, req->is_live ? WEIR_IN_FLUSH : 0);
        }
    } else {
        response_add_filtered(req, data);
    }
}

void response_add_filtered(struct weir_req *req, struct weir_chain *data)
{
    uint64_t n = data->bytes;

    if (n == 0) {
        return;
    }
    if (req->bodyless) {
        chain_clear(data);
        return;
    }
    req->client->ops->add(req, data);
    req->body_out += n;
}

void response_finish(struct weir_req *req)
{
    struct weir_chain none = {0};

    if (req->filters && !req->aborted) {
        filtering_put(req, &none, WEIR_IN_END);
    } else {
        response_finish_filtered(req);
    }
}

void response_flush(struct weir_req *req)
{
    struct weir_chain none = {0};

    if (req->filters && !req->aborted && !req->finished) {
        filtering_put(req, &none, WEIR_IN_FLUSH);
    }
}

void response_finish_filtered(struct weir_req *req)
{
    if (req->finished) {
        return;
    }
    if (!req->bodyless && req->length >= 0 && req->body_out != (uint64_t)req->length) {
        response_abort(req, WEIR_REASON_HTTP_RESPONSE_INCOMPLETE,
                       "the body's length is not what the head said");
        return;
    }
    req->client->ops->finish(req);
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
