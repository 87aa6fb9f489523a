/* SPDX-License-Identifier: Apache-2.0 */
/* http/reply.c - responses that weir makes itself, whole: errors, redirects, texts. See request.h. */
#include "http/request.h"

#include <stdio.h>

#include "base/str.h"
#include "http/detour.h"
#include "http/grpc.h"

static void log_reply(struct weir_req *req, const char *detail)
{
    weir_log_level level = req->status >= 500   ? WEIR_LOG_ERROR
                           : req->status >= 400 ? WEIR_LOG_INFO
                                                : WEIR_LOG_DEBUG;
    const struct client_conf *limits = req->limits;
    char text[300];

    if (req->status == 413 && limits && !detail) {
        snprintf(text, sizeof(text), "the body is larger than client.max_body, %llu bytes (%s:%u)",
                 (unsigned long long)limits->max_body,
                 limits->max_body_source.file ? limits->max_body_source.file : "default",
                 limits->max_body_source.line);
        detail = arena_strdup(&req->arena, text);
        req->reason_detail = detail;
    }
    if (req->reason == WEIR_REASON_CONFIGURED) {
        return;
    }
    request_log(req, level, "%u %s: \"%.*s %.*s\"%s%s", req->status, reason_name(req->reason).p,
                (int)req->head.method_name.n, req->head.method_name.p,
                (int)(req->target.n > 400 ? 400 : req->target.n), req->target.p,
                detail ? ": " : "", detail ? detail : "");
}

/* What a person reads who meets an error. What is inside stays inside: addresses and files are in
 * the log, which the id finds. */
static weir_str error_text(struct weir_req *req)
{
    weir_str more = {0};

    if (req->status == 413 && req->limits) {
        more = arena_printf(&req->arena, "The limit is %llu bytes.\n",
                            (unsigned long long)req->limits->max_body);
    }
    return arena_printf(&req->arena, "%u %s\n%.*sreason: %s\nrequest: %s\n", req->status,
                        status_text(req->status), (int)more.n, more.p ? more.p : "",
                        reason_name(req->reason).p, request_id(req).p);
}

void request_answer(struct weir_req *req, struct answer *answer)
{
    struct fields *fields = &req->fields[WEIR_RESPONSE];

    req->step = STEP_RESPONSE;
    req->status = (uint16_t)answer->status;
    req->reason = answer->reason;
    req->reason_detail = answer->detail;
    if (answer->body.n == 0 && answer->status >= 400) {
        answer->body = error_text(req);
        answer->type = STR("text/plain");
        fields_set(fields, WEIR_F_CACHE_CONTROL, field_name(WEIR_F_CACHE_CONTROL),
                   STR("no-store"), 0);
    }
    if (answer->type.n) {
        fields_set(fields, WEIR_F_CONTENT_TYPE, field_name(WEIR_F_CONTENT_TYPE), answer->type, 0);
    }
    response_start(req, answer->status, (int64_t)answer->body.n);
    if (answer->body.n) {
        struct weir_chain chain = {0};

        chain_add_copy(&chain, answer->body.p, answer->body.n);
        response_add(req, &chain);
    }
    response_finish(req);
}

/* Of what an upstream has said nothing is sent on; its buffer, that fields point into, goes soon. */
static void drop_upstream_fields(struct weir_req *req)
{
    struct fields *fields = &req->fields[WEIR_RESPONSE];
    struct fields rest;

    fields_init(&rest, &req->arena);
    for (uint32_t i = 0; i < fields->n; i++) {
        if (fields->list[i].flags & WEIR_FIELD_RULE) {
            weir_field field = field_dup(&req->arena, &fields->list[i]);

            fields_add(&rest, field.id, field.name, field.value, field.flags);
        }
    }
    *fields = rest;
}

void request_reply(struct weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                   weir_str body, const char *detail)
{
    if (req->responded) {
        if (!req->finished) {
            response_abort(req, reason, detail);
        }
        return;
    }
    if (detour_is_due(req)) {
        return;
    }
    if (req->is_replaced) {
        drop_upstream_fields(req); /* the exchange is asking, and ends by itself */
    } else if (req->source) {
        if (req->source->cancel) {
            req->source->cancel(req);
        }
        req->source = NULL;
    }
    req->status = (uint16_t)status;
    req->reason = reason;
    req->reason_detail = detail;
    chain_clear(&req->body);
    log_reply(req, detail);
    if (status >= 400 && grpc_is_call(req)) {
        grpc_describe(req, status);
        response_start(req, 200, 0);
        response_finish(req);
        return;
    }
    struct answer answer = {status, reason, type, body, req->reason_detail};
    if (!detour_on_error(req, &answer)) {
        request_answer(req, &answer);
    }
}
