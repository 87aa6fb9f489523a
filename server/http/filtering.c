/* SPDX-License-Identifier: Apache-2.0 */
#include "http/filtering.h"

#include "base/running.h"
#include "base/str.h"
#include "http/client.h"
#include "http/request.h"
#include "module/registry.h"

#include <string.h>

/* On the way to the client. */
struct response_filters {
    struct filter_chain chain;
    const struct source_ops *source; /* where the body comes from; NULL: all of it was put in */
    int64_t length;                  /* of what is put in; -1: not known */
    bool ended;                      /* all of it was */
    struct later later;              /* a filter is ready again */
};

/* On the way to the source. */
struct request_filters {
    struct filter_chain chain;
    struct weir_chain out; /* for the source */
    uint64_t total;        /* bytes that were put there */
    bool is_wanted;        /* the source waits for more, or the end */
    bool told_end;
    bool delivering;
    bool *is_gone;         /* of the function that delivers: the request ended meanwhile */
    struct later later;
};

/* ---- which take part ---- */

static bool is_asked(const struct weir_req *req, const weir_filter_ops *ops, bool is_part,
                     int64_t length)
{
    if (req->is_stored && ops->side == WEIR_RESPONSE && ops->stage <= WEIR_FILTER_CAPTURE) {
        return false; /* it took part when the response was stored */
    }
    if (is_part && !(ops->props & WEIR_FILTER_READONLY)) {
        return false; /* a part cannot be changed so that it still fits the others */
    }
    if (ops->props & WEIR_FILTER_WHOLE && length > FILTER_WHOLE_MAX) {
        request_log(req, WEIR_LOG_WARN, "filter %s needs the whole body, and it is larger than "
                    "1 MiB: it goes without", ops->name);
        return false;
    }
    return true;
}

/* Opens those that want to; *props gets what they have in common. */
static void open_filters(struct weir_req *req, struct filter_chain *chain, weir_side side,
                         bool is_part, int64_t length, uint32_t *props)
{
    const struct plan *plan = req->plan;
    const struct module *outer = module_running;

    *chain = (struct filter_chain){.req = req, .window = FILTER_WINDOW};
    chain->stages =
        arena_zalloc(&req->arena, plan->filter_n[side] * sizeof(*chain->stages));
    *props = 0;
    for (uint32_t i = 0; i < plan->filter_n[side]; i++) {
        const struct plan_filter *filter = &plan->filters[side][i];
        void *state = NULL;

        if (!is_asked(req, filter->ops, is_part, length)) {
            continue;
        }
        module_running = filter->module;
        weir_rc rc = filter->ops->open(req, filter->conf, &state);
        module_running = outer;
        if (rc == WEIR_DONE) {
            chain->stages[chain->n++] = (struct filter_stage){
                .ops = filter->ops, .module = filter->module, .account = &filter->account,
                .state = state};
            *props |= filter->ops->props;
            if (side == WEIR_RESPONSE && filter->ops->props & WEIR_FILTER_LENGTH) {
                req->length = -1; /* those behind it see another body than the source's */
            }
        } else if (rc != WEIR_NEXT) {
            request_log(req, WEIR_LOG_ERROR, "module %.*s: its filter %s failed to open",
                        (int)filter->module->name.n, filter->module->name.p, filter->ops->name);
        }
    }
}

/* ---- what they do to a head ---- */

static void weaken_etag(struct weir_req *req)
{
    weir_field *etag = fields_get(&req->fields[WEIR_RESPONSE], WEIR_F_ETAG);

    if (etag && etag->value.n && etag->value.p[0] == '"') {
        etag->value = arena_printf(&req->arena, "W/%.*s", (int)etag->value.n, etag->value.p);
    }
}

static void change_head(struct weir_req *req, uint32_t props)
{
    static const weir_str digests[] = {{"Content-MD5", 11},
                                       {"Digest", 6},
                                       {"Content-Digest", 14},
                                       {"Repr-Digest", 11}};
    struct fields *fields = &req->fields[WEIR_RESPONSE];

    if (props & WEIR_FILTER_LENGTH) {
        req->length = -1;
        fields_remove(fields, WEIR_F_CONTENT_LENGTH, field_name(WEIR_F_CONTENT_LENGTH));
    }
    if (props & (WEIR_FILTER_BYTES | WEIR_FILTER_LENGTH | WEIR_FILTER_NO_RANGE)) {
        fields_remove(fields, WEIR_F_ACCEPT_RANGES, field_name(WEIR_F_ACCEPT_RANGES));
    }
    if (props & WEIR_FILTER_BYTES) {
        weaken_etag(req);
        for (size_t i = 0; i < WEIR_COUNT(digests); i++) {
            fields_remove(fields, field_id(digests[i]), digests[i]);
        }
    }
}

/* ---- responses ---- */

/* Lets them run while the client's window is not full. */
static void run_response(struct weir_req *req)
{
    struct response_filters *filters = req->filters;
    struct weir_chain made = {0};

    if (req->aborted || req->finished || req->out.bytes >= FILTER_WINDOW) {
        return;
    }
    bool fine = filter_chain_run(&filters->chain, &made, FILTER_WINDOW - req->out.bytes);
    response_add_filtered(req, &made);
    if (!fine) {
        response_abort(req, WEIR_REASON_PROXY_INTERNAL_ERROR, filters->chain.error);
    } else if (filter_chain_is_done(&filters->chain)) {
        response_finish_filtered(req);
    }
}

static void resume(struct weir_req *req)
{
    struct response_filters *filters = req->filters;

    run_response(req);
    if (!filters->ended && !req->aborted && filters->source && filters->source->resume &&
        filtering_waiting(req) < FILTER_WINDOW) {
        filters->source->resume(req);
    }
}

static void pass_request_body(struct weir_req *req)
{
    const struct source_ops *source = req->filters->source;

    if (source && source->request_body) {
        source->request_body(req);
    }
}

static void cancel(struct weir_req *req)
{
    const struct source_ops *source = req->filters->source;

    if (source && source->cancel) {
        source->cancel(req);
    }
}

/* Stands between the source and the client's connection, which asks it to go on. */
static const struct source_ops filtered_source = {
    .resume = resume,
    .request_body = pass_request_body,
    .cancel = cancel,
};

static void on_response_later(struct later *later)
{
    struct response_filters *filters = container_of(later, struct response_filters, later);
    struct weir_req *req = filters->chain.req;

    run_response(req);
    client_flush(req);
}

static bool has_content(const struct weir_req *req)
{
    return req->status >= 200 && req->status != 204 && req->status != 304 && !req->upgraded;
}

void filtering_begin_response(struct weir_req *req)
{
    uint32_t props;

    if (!req->plan || req->plan->filter_n[WEIR_RESPONSE] == 0 || !has_content(req)) {
        return;
    }
    struct response_filters *filters = arena_zalloc(&req->arena, sizeof(*filters));
    filters->length = req->length;
    open_filters(req, &filters->chain, WEIR_RESPONSE, req->status == 206, req->length, &props);
    if (filters->chain.n == 0) {
        return;
    }
    change_head(req, props);
    if (response_is_bodyless(req)) {
        filter_chain_close(&filters->chain);
        return;
    }
    filters->later.fn = on_response_later;
    filters->source = req->source;
    req->filters = filters;
    req->source = &filtered_source;
}

void filtering_put(struct weir_req *req, struct weir_chain *data, uint32_t flags)
{
    struct response_filters *filters = req->filters;
    struct filter_chain *chain = &filters->chain;

    if (filters->ended || req->aborted) {
        chain_clear(data);
        return;
    }
    filters->ended = flags & WEIR_IN_END;
    filter_chain_put(chain, data, flags);
    if (filters->ended && filters->length >= 0 && chain->taken != (uint64_t)filters->length) {
        response_abort(req, WEIR_REASON_HTTP_RESPONSE_INCOMPLETE,
                       "the body's length is not what the head said");
        return;
    }
    run_response(req);
}

bool filtering_flush(struct weir_req *req)
{
    for (;;) {
        if (!req->client->ops->flush(req)) {
            return false;
        }
        if (req->finished || req->aborted || !chain_is_empty(&req->out) ||
            !filter_chain_can_run(&req->filters->chain)) {
            return true;
        }
        run_response(req);
        if (chain_is_empty(&req->out) && !req->finished && !req->aborted) {
            return true;
        }
    }
}

uint64_t filtering_waiting(const struct weir_req *req)
{
    return filter_chain_waiting(&req->filters->chain);
}

void filtering_set_source(struct weir_req *req, const struct source_ops *source)
{
    req->filters->source = source;
}

/* ---- requests ---- */

static void pump_request(struct weir_req *req);

static void on_request_later(struct later *later)
{
    struct request_filters *filters = container_of(later, struct request_filters, later);

    pump_request(filters->chain.req);
}

/* A part of what a filter changes would not be a part of what clients see. */
static void drop_range(struct weir_req *req)
{
    for (uint32_t i = 0; i < req->plan->filter_n[WEIR_RESPONSE]; i++) {
        if (req->plan->filters[WEIR_RESPONSE][i].ops->props & WEIR_FILTER_NO_RANGE) {
            fields_remove(&req->fields[WEIR_REQUEST], WEIR_F_RANGE, field_name(WEIR_F_RANGE));
            return;
        }
    }
}

void filtering_begin_request(struct weir_req *req)
{
    uint32_t props;

    drop_range(req);
    if (req->plan->filter_n[WEIR_REQUEST] == 0 || req->head.framing == FRAMING_NONE ||
        req->body_filters) {
        return;
    }
    int64_t length =
        req->head.framing == FRAMING_LENGTH ? (int64_t)req->head.content_length : -1;
    struct request_filters *filters = arena_zalloc(&req->arena, sizeof(*filters));
    open_filters(req, &filters->chain, WEIR_REQUEST, false, length, &props);
    if (filters->chain.n == 0) {
        return;
    }
    if (props & WEIR_FILTER_LENGTH) {
        req->head.framing = FRAMING_CHUNKED; /* as the source gets it */
    }
    filters->later.fn = on_request_later;
    req->body_filters = filters;
}

struct weir_chain *filtering_body(struct weir_req *req)
{
    return &req->body_filters->out;
}

bool filtering_body_is_done(const struct weir_req *req)
{
    return filter_chain_is_done(&req->body_filters->chain);
}

uint64_t filtering_body_total(const struct weir_req *req)
{
    return req->body_filters->total;
}

/* Makes up to a window more than the source has left (it may collect). False: one failed. */
static bool run_request(struct weir_req *req, bool *grew)
{
    struct request_filters *filters = req->body_filters;
    uint64_t had = filters->out.bytes;

    if (!filter_chain_run(&filters->chain, &filters->out, had + FILTER_WINDOW)) {
        filters->is_wanted = false;
        request_reply(req, 502, WEIR_REASON_PROXY_INTERNAL_ERROR, (weir_str){0}, (weir_str){0},
                      filters->chain.error);
        return false;
    }
    filters->total += filters->out.bytes - had;
    *grew = filters->out.bytes > had;
    return true;
}

static void take_from_codec(struct weir_req *req)
{
    filter_chain_put(&req->body_filters->chain, &req->body_in,
                     req->body_in_done ? WEIR_IN_END : 0);
}

/* Gives the source what there is while it wants that, and asks the codec for more. */
static void pump_request(struct weir_req *req)
{
    struct request_filters *filters = req->body_filters;
    bool is_gone = false;

    if (filters->delivering) {
        return;
    }
    filters->delivering = true;
    filters->is_gone = &is_gone;
    while (!is_gone && filters->is_wanted) {
        if (!chain_is_empty(&req->body_in) ||
            (req->body_in_done && !filters->chain.stages[0].ended)) {
            take_from_codec(req);
        }
        bool grew;
        if (!run_request(req, &grew)) {
            break;
        }
        bool is_end = filtering_body_is_done(req);
        uint64_t taken = filters->chain.taken;

        if (grew || (is_end && !filters->told_end)) {
            filters->is_wanted = false;
            filters->told_end = is_end;
            if (req->source && req->source->request_body) {
                req->source->request_body(req);
            }
            continue;
        }
        if (is_end || req->body_in_done) {
            break;
        }
        req->client->ops->want_body(req);
        if (is_gone || (filters->chain.taken == taken && !req->body_in_done)) {
            break;
        }
    }
    if (!is_gone) {
        filters->delivering = false;
        filters->is_gone = NULL;
    }
}

void filtering_want_body(struct weir_req *req)
{
    req->body_filters->is_wanted = true;
    pump_request(req);
}

void filtering_deliver_body(struct weir_req *req)
{
    take_from_codec(req);
    pump_request(req);
}

/* ---- both ---- */

void filtering_wake(struct weir_req *req)
{
    if (req->filters) {
        filter_chain_wake(&req->filters->chain);
        loop_later(&req->filters->later);
    }
    if (req->body_filters) {
        filter_chain_wake(&req->body_filters->chain);
        loop_later(&req->body_filters->later);
    }
}

void filtering_end(struct weir_req *req)
{
    if (req->filters) {
        loop_later_cancel(&req->filters->later);
        filter_chain_close(&req->filters->chain);
    }
    if (req->body_filters) {
        loop_later_cancel(&req->body_filters->later);
        filter_chain_close(&req->body_filters->chain);
        chain_clear(&req->body_filters->out);
        if (req->body_filters->is_gone) {
            *req->body_filters->is_gone = true;
        }
    }
}
