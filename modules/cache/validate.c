/* SPDX-License-Identifier: Apache-2.0 */
/* validate.c - asking the origin whether what is stored is still right, and what to do with its
 * answer, or without one. See state.h. */
#include <stdio.h>
#include <string.h>

#include "state.h"
#include "update.h"
#include "words.h"

static weir_str stored_field(const struct object *object, uint32_t id)
{
    weir_field field;
    size_t at = 0;

    while (object_field(object, &at, &field)) {
        if (field.id == id) {
            return field.value;
        }
    }
    return (weir_str){NULL, 0};
}

static void set(struct state *s, weir_edit_op op, uint32_t id, weir_str value)
{
    weir_edit_known(s->req, WEIR_REQUEST, op, id, value);
}

/* The stored tag joins those that the client has (RFC 9111, 4.3.1). */
static weir_str with_clients(struct state *s, weir_str etag)
{
    weir_str clients;

    if (s->is_background ||
        weir_field_get(s->req, WEIR_REQUEST, WEIR_F_IF_NONE_MATCH, &clients) != WEIR_OK ||
        etag_is_listed(clients, etag)) {
        return s->is_background || clients.n == 0 ? etag : clients;
    }
    char *text = weir_alloc(s->req, clients.n + 2 + etag.n);
    memcpy(text, clients.p, clients.n);
    memcpy(text + clients.n, ", ", 2);
    memcpy(text + clients.n + 2, etag.p, etag.n);
    return (weir_str){text, clients.n + 2 + etag.n};
}

void validate_request(struct state *s)
{
    if (s->plan != PLAN_VALIDATE || !s->stored || s->stored->status != 200) {
        return;
    }
    weir_str etag = stored_field(s->stored, WEIR_F_ETAG);
    weir_str modified = stored_field(s->stored, WEIR_F_LAST_MODIFIED);
    request_message(s); /* as it was: the client's conditions are judged afterwards */
    if (etag.n) {
        set(s, WEIR_SET, WEIR_F_IF_NONE_MATCH, with_clients(s, etag));
    }
    if (modified.n) {
        set(s, WEIR_SET, WEIR_F_IF_MODIFIED_SINCE, modified);
    }
    /* The whole is wanted, if it has changed; parts are made here. */
    set(s, WEIR_REMOVE, WEIR_F_RANGE, (weir_str){NULL, 0});
    set(s, WEIR_REMOVE, WEIR_F_IF_RANGE, (weir_str){NULL, 0});
}

/* ---- 304 ---- */

/* Is the 304 about what is stored, not about something else that the client has? */
static bool is_about_stored(struct state *s, const struct message *response)
{
    struct message request = request_message(s);
    weir_str etag, mine = stored_field(s->stored, WEIR_F_ETAG);

    if (message_get(response, WEIR_F_ETAG, &etag)) {
        return mine.n ? etag_is_listed(etag, mine) : !conditions_are_caches(&request);
    }
    return !message_get(&request, WEIR_F_IF_NONE_MATCH, &etag) || s->is_background;
}

/* The stored fields with what the 304 has to say, and the lifetime that they give. */
static bool update(struct state *s, const struct message *fresh)
{
    weir_field *stored = weir_alloc(s->req, (s->stored->field_n + 1) * sizeof(*stored));
    weir_field *merged =
        weir_alloc(s->req, (s->stored->field_n + fresh->n + 1) * sizeof(*merged));
    const struct object *old = s->stored;
    struct cache_control cc;
    struct freshness f;
    size_t n = 0, at = 0;

    while (n < old->field_n && object_field(old, &at, &stored[n])) {
        n++;
    }
    const struct message before = {stored, n};
    const struct message after = {merged, update_fields(&before, fresh, merged)};
    enum store_reason reason = capture_decide(s, &after, old->status, &cc, &f);
    if (reason != STORE_YES || !capture_object(s, &after, old->status, &cc, &f)) {
        return false;
    }
    s->object.serial = old->serial;
    s->object.body_n = old->body_n;
    s->object.body_check = old->body_check;
    s->object.url = old->url;
    s->object.names = old->names; /* the variant is the one that was asked for */
    s->object.values = old->values;
    store_update(s->store, s->held, &s->object);
    s->stored = &s->object;
    return true;
}

static weir_rc use_validated(struct state *s, const struct message *response)
{
    if (!update(s, response)) {
        store_remove(s->store, s->held->id);
    }
    s->reuse = reuse_decide(&s->stored->freshness, &(struct cache_control){.max_age = -1,
                                                                           .min_fresh = -1,
                                                                           .max_stale = -1},
                            weir_wall_ms());
    s->status.word = CACHE_REVALIDATED;
    s->status.fwd_status = 304;
    s->status.has_ttl = true;
    s->status.ttl_s = s->reuse.ttl_s;
    s->reason = "validated";
    lead_end(s, 0);
    return answer_stored(s);
}

/* ---- HEAD ---- */

/* False: the response has the field, and it is not what is stored. */
static bool agrees(const struct message *response, uint32_t id, weir_str stored)
{
    weir_str value;

    return !message_get(response, id, &value) || word_is(value, stored);
}

/* What a HEAD says holds for the stored response to GET, if that is still the same; else it is not used
 * any more (RFC 9111, 4.3.5). */
static void head_response(struct state *s)
{
    struct message response = response_message(s->req);
    struct validators v = stored_validators(s->stored);
    char length[24];
    weir_str digits = {length, (size_t)snprintf(length, sizeof(length), "%llu",
                                                (unsigned long long)s->stored->body_n)};
    bool is_same = agrees(&response, WEIR_F_ETAG, v.etag) &&
                   agrees(&response, WEIR_F_LAST_MODIFIED, v.modified) &&
                   agrees(&response, WEIR_F_CONTENT_LENGTH, digits);

    if (s->stored->status != 200 || !is_same || !update(s, &response)) {
        store_remove(s->store, s->held->id);
    }
}

/* ---- errors ---- */

static bool is_configured(struct state *s, uint32_t status)
{
    uint32_t flags = s->conf->stale_flags;

    switch (weir_reason_of(s->req, NULL, NULL)) {
    case WEIR_REASON_NONE:
        return conf_serves_stale(s->conf, status);
    case WEIR_REASON_CONNECTION_TIMEOUT:
    case WEIR_REASON_CONNECTION_READ_TIMEOUT:
    case WEIR_REASON_CONNECTION_WRITE_TIMEOUT:
    case WEIR_REASON_HTTP_RESPONSE_TIMEOUT:
        return flags & STALE_TIMEOUT;
    case WEIR_REASON_HTTP_PROTOCOL_ERROR:
    case WEIR_REASON_HTTP_RESPONSE_HEADER_SIZE:
        return flags & STALE_INVALID;
    default:
        return flags & STALE_ERROR;
    }
}

/* Errors in the sense of RFC 5861, 4. */
static bool is_error(uint32_t status)
{
    return status == 0 || status == 500 || status == 502 || status == 503 || status == 504;
}

static bool may_use_instead(struct state *s, uint32_t status)
{
    bool configured = is_configured(s, status);

    return (configured || is_error(status)) &&
           reuse_on_error(&s->stored->freshness, weir_wall_ms(), configured);
}

static weir_rc use_instead(struct state *s, uint32_t status)
{
    s->status.word = CACHE_STALE;
    s->status.fwd_status = status;
    s->status.has_ttl = true;
    s->status.detail = "error";
    s->reason = "stale-if-error";
    lead_end(s, 0);
    return answer_stored(s);
}

weir_rc validate_response(struct state *s)
{
    uint32_t status = weir_status(s->req);

    if (s->plan != PLAN_VALIDATE || !s->stored || s->from_store) {
        return WEIR_NEXT;
    }
    if (status == 304) {
        struct message response = response_message(s->req);

        return is_about_stored(s, &response) ? use_validated(s, &response) : WEIR_NEXT;
    }
    if (may_use_instead(s, status)) {
        return use_instead(s, status);
    }
    if (status == 200 && word_is(s->method, WEIR_STR("HEAD"))) {
        head_response(s);
    }
    return WEIR_NEXT;
}
