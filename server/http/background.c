/* SPDX-License-Identifier: Apache-2.0 */
#include "http/background.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/str.h"
#include "http/client.h"

/* Stands where a client would. */
struct background {
    struct client client;
    struct weir_req *req;
    struct later start;
};

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

static void drop(struct weir_req *req, struct weir_chain *data)
{
    (void)req;
    chain_clear(data);
}

static bool flush(struct weir_req *req)
{
    struct background *background = container_of(req->client, struct background, client);

    if (!req->finished && !req->aborted) {
        return true;
    }
    request_end(req);
    free(background);
    return false;
}

static bool is_stalled(const struct weir_req *req)
{
    (void)req;
    return false;
}

static const struct client_ops ops = {
    .head = ignore,
    .interim = ignore_interim,
    .add = drop,
    .finish = ignore,
    .flush = flush,
    .is_stalled = is_stalled,
    .want_body = ignore,
};

bool background_is(const struct weir_req *req)
{
    return req->client->ops == &ops;
}

static void on_start(struct later *later)
{
    struct background *background = container_of(later, struct background, start);
    struct weir_req *req = background->req;

    request_begin(req);
    client_flush(req);
}

/* What is about a body, a part, or what that client has already. */
static bool is_left_out(uint32_t id)
{
    switch (id) {
    case WEIR_F_CONTENT_LENGTH:
    case WEIR_F_EXPECT:
    case WEIR_F_RANGE:
    case WEIR_F_IF_RANGE:
    case WEIR_F_IF_MATCH:
    case WEIR_F_IF_NONE_MATCH:
    case WEIR_F_IF_MODIFIED_SINCE:
    case WEIR_F_IF_UNMODIFIED_SINCE:
        return true;
    default:
        return id && field_is_hop_by_hop(id);
    }
}

static void copy_fields(struct weir_req *req, const struct weir_req *from)
{
    const struct fields *fields = &from->fields[WEIR_REQUEST];

    for (uint32_t i = 0; i < fields->n; i++) {
        const weir_field *field = &fields->list[i];

        if (!is_left_out(field->id) && !(field->flags & WEIR_FIELD_RULE)) {
            fields_add(&req->fields[WEIR_REQUEST], field->id, arena_dup(&req->arena, field->name),
                       arena_dup(&req->arena, field->value), 0);
        }
    }
}

static void set_fields(struct weir_req *req, const weir_field *extra, size_t n)
{
    struct fields *fields = &req->fields[WEIR_REQUEST];

    for (size_t i = 0; i < n; i++) {
        uint32_t id = field_id(extra[i].name);

        if (extra[i].value.n == 0) {
            fields_remove(fields, id, extra[i].name);
        } else {
            fields_set(fields, id, arena_dup(&req->arena, extra[i].name),
                       arena_dup(&req->arena, extra[i].value), 0);
        }
    }
}

weir_rc background_start(struct weir_req *from, const weir_field *extra, size_t extra_n)
{
    struct background *background = mem_zalloc(sizeof(*background));
    struct client *client = &background->client;

    client->ops = &ops;
    client->listener = from->listener;
    client->addr = *request_addr(from);
    client->conn.fd = -1;
    client->state = CLIENT_BUSY;
    struct weir_req *req = client_request(client);
    background->req = req;
    background->start.fn = on_start;
    req->head.method = METHOD_GET;
    req->head.method_name = STR("GET");
    req->head.minor = 1;
    req->head.keep_alive = true;
    req->head.target = arena_dup(&req->arena, from->head.target);
    req->head.scheme = arena_dup(&req->arena, from->head.scheme);
    req->head.authority = arena_dup(&req->arena, from->head.authority);
    req->body_in_done = true;
    copy_fields(req, from);
    set_fields(req, extra, extra_n);
    loop_later(&background->start);
    return WEIR_OK;
}
