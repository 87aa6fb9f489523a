/* SPDX-License-Identifier: Apache-2.0 */
#include "http/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/running.h"
#include "base/str.h"
#include "http/client.h"
#include "upstream/exchange.h"

/* Stands where a client would, and keeps what that would be sent. */
struct weir_fetch {
    struct client client;
    struct weir_req *req;
    struct later start;
    weir_forward_conf forward;
    const struct module *module; /* whose it is */
    weir_fetch_fn *done;
    void *arg;
    uint64_t body_max;
    char *body;                  /* on the heap; NULL: none yet */
    size_t body_n, body_cap;
    bool is_too_large;
};

static struct weir_fetch *fetch_of(const struct weir_req *req)
{
    return container_of(req->client, struct weir_fetch, client);
}

/* ---- what comes back ---- */

static void keep(struct weir_fetch *fetch, weir_str bytes)
{
    if (fetch->body_n + bytes.n > fetch->body_cap) {
        fetch->body_cap = 2 * (fetch->body_n + bytes.n);
        fetch->body = mem_realloc(fetch->body, fetch->body_cap);
    }
    memcpy(fetch->body + fetch->body_n, bytes.p, bytes.n);
    fetch->body_n += bytes.n;
}

static void add(struct weir_req *req, struct weir_chain *data)
{
    struct weir_fetch *fetch = fetch_of(req);

    if (fetch->body_max && fetch->body_n + data->bytes > fetch->body_max) {
        fetch->is_too_large = true;
    }
    while (fetch->body_max && !fetch->is_too_large && chain_load_first(data)) {
        keep(fetch, (weir_str){data->first->p, data->first->n});
        chain_drop(data, data->first->n);
    }
    chain_clear(data);
}

static weir_fetch_answer answer_of(const struct weir_fetch *fetch)
{
    const struct weir_req *req = fetch->req;

    if (fetch->is_too_large) {
        return (weir_fetch_answer){.size = sizeof(weir_fetch_answer),
                                   .reason = WEIR_REASON_HTTP_PROTOCOL_ERROR,
                                   .detail = STR("the answer's body is larger than is expected")};
    }
    if (req->reason != WEIR_REASON_NONE) {
        return (weir_fetch_answer){.size = sizeof(weir_fetch_answer),
                                   .reason = req->reason,
                                   .detail = str_from(req->reason_detail)};
    }
    return (weir_fetch_answer){.size = sizeof(weir_fetch_answer),
                               .status = req->status,
                               .fields = req->fields[WEIR_RESPONSE].list,
                               .field_n = req->fields[WEIR_RESPONSE].n,
                               .body = {fetch->body, fetch->body_n}};
}

static void end(struct weir_fetch *fetch)
{
    loop_later_cancel(&fetch->start);
    request_end(fetch->req);
    free(fetch->body);
    free(fetch);
}

static bool flush(struct weir_req *req)
{
    struct weir_fetch *fetch = fetch_of(req);

    if (!req->finished && !req->aborted && !fetch->is_too_large) {
        return true;
    }
    const weir_fetch_answer answer = answer_of(fetch);
    struct account_call call = account_callback(fetch->module);
    fetch->done(fetch->arg, &answer);
    account_leave(&call);
    end(fetch);
    return false;
}

static void ignore(struct weir_req *req)
{
    (void)req;
}

static void ignore_interim(struct weir_req *req, uint32_t status, const struct fields *fields)
{
    (void)req;
    (void)status;
    (void)fields;
}

static bool is_stalled(const struct weir_req *req)
{
    (void)req;
    return false;
}

static const struct client_ops ops = {
    .head = ignore,
    .interim = ignore_interim,
    .add = add,
    .finish = ignore,
    .flush = flush,
    .is_stalled = is_stalled,
    .want_body = ignore, /* all of it is there from the start */
};

/* ---- what is asked ---- */

static void on_start(struct later *later)
{
    struct weir_fetch *fetch = container_of(later, struct weir_fetch, start);

    exchange_start(fetch->req, &fetch->forward);
    client_flush(fetch->req);
}

/* Logs name the request that it is for, and peers that go by the client's address find it. */
static void speak_for(struct weir_req *req, struct weir_req *owner)
{
    req->client->listener = req->listener = owner->listener;
    req->client->addr = *request_addr(owner);
    req->site = owner->site;
    req->route = owner->route;
    memcpy(req->id, request_id(owner).p, REQUEST_ID_DIGITS);
}

static void set_head(struct weir_req *req, const weir_fetch_conf *conf)
{
    struct http1_head *head = &req->head;

    head->method_name = conf->method.n ? arena_dup(&req->arena, conf->method) : STR("GET");
    head->method = http1_method_parse(head->method_name);
    head->minor = 1;
    head->keep_alive = true;
    req->target = STR("/");
    for (uint32_t i = 0; i < conf->field_n; i++) {
        const weir_field *field = &conf->fields[i];
        uint32_t id = field->id ? field->id : field_id(field->name);

        if (field_name_is_valid(field->name) && field_value_is_valid(field->value)) {
            fields_add(&req->fields[WEIR_REQUEST], id, arena_dup(&req->arena, field->name),
                       arena_dup(&req->arena, field->value), WEIR_FIELD_RULE);
        }
    }
    if (conf->body.n) {
        head->framing = FRAMING_LENGTH;
        head->content_length = conf->body.n;
        chain_add_copy(&req->body_in, conf->body.p, conf->body.n);
        req->body_in_total = conf->body.n;
    }
    req->body_in_done = true;
}

weir_fetch *fetch_start(const weir_fetch_conf *conf, weir_fetch_fn *done, void *arg)
{
    static const struct plan no_plan;         /* no phases, nobody's filters */
    static const struct listener no_listener;
    struct weir_fetch *fetch = mem_zalloc(sizeof(*fetch));
    struct client *client = &fetch->client;

    fetch->start.fn = on_start;
    fetch->module = module_running;
    fetch->done = done;
    fetch->arg = arg;
    fetch->body_max = conf->body_max;
    memcpy(&fetch->forward, conf->forward,
           conf->forward->size < sizeof(fetch->forward) ? conf->forward->size
                                                        : sizeof(fetch->forward));
    client->ops = &ops;
    client->listener = &no_listener;
    client->addr.len = sizeof(client->addr.sa);
    client->addr.sa.sa_family = AF_UNIX;
    client->conn.fd = -1;
    client->state = CLIENT_BUSY;
    struct weir_req *req = client_request(client);
    fetch->req = req;
    req->plan = &no_plan;
    req->is_inner = true;
    req->is_quiet = WEIR_HAS(conf, is_quiet);
    if (conf->req) {
        speak_for(req, (struct weir_req *)(uintptr_t)conf->req);
    }
    set_head(req, conf);
    loop_later(&fetch->start);
    return fetch;
}

void fetch_stop(weir_fetch *fetch)
{
    end(fetch);
}
