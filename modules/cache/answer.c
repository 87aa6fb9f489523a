/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - responses that are made of what is stored, or of what is being stored. See state.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_date.h"
#include "state.h"
#include "words.h"

/* ---- fields ---- */

static void set_known(weir_req *req, uint32_t id, weir_str value)
{
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, id, value);
}

static weir_str number(weir_req *req, long long value)
{
    char *text = weir_alloc(req, 24);

    return (weir_str){text, (size_t)snprintf(text, 24, "%lld", value)};
}

/* Of what describes the body a 304 has nothing (RFC 9110, 15.4.5). */
static bool is_for_304(const weir_field *field)
{
    switch (field->id) {
    case WEIR_F_CONTENT_TYPE:
    case WEIR_F_CONTENT_ENCODING:
    case WEIR_F_CONTENT_LANGUAGE:
    case WEIR_F_CONTENT_RANGE:
    case WEIR_F_ACCEPT_RANGES:
        return false;
    default:
        return true;
    }
}

/* What the origin has sent makes way; what modules have set stays. */
static void drop_origins_fields(struct state *s)
{
    struct message response = response_message(s->req);

    for (size_t i = 0; i < response.n; i++) {
        weir_edit(s->req, WEIR_RESPONSE, WEIR_REMOVE, response.fields[i].name,
                  (weir_str){NULL, 0});
    }
}

static void set_fields(struct state *s, bool is_304)
{
    const struct object *object = s->stored;
    char *date = weir_alloc(s->req, HTTP_DATE_SIZE);
    weir_field field;
    size_t at = 0;

    http_date_format(object->freshness.date_s, date);
    weir_edit_known(s->req, WEIR_RESPONSE, WEIR_ADD, WEIR_F_DATE, (weir_str){date, HTTP_DATE_SIZE});
    while (object_field(object, &at, &field)) {
        if (is_304 && !is_for_304(&field)) {
            continue;
        }
        if (field.id) {
            weir_edit_known(s->req, WEIR_RESPONSE, WEIR_ADD, field.id, field.value);
        } else {
            weir_edit(s->req, WEIR_RESPONSE, WEIR_ADD, field.name, field.value);
        }
    }
    set_known(s->req, WEIR_F_AGE, number(s->req, s->reuse.age_s));
}

void answer_status(struct state *s)
{
    weir_str name = s->conf->status_header, before;
    char *text = weir_alloc(s->req, CACHE_STATUS_MAX);

    if (word_is(name, WEIR_STR("off")) || (s->status.word == CACHE_NONE && s->status.fwd == FWD_NONE)) {
        return;
    }
    weir_str mine = {text, cache_status_format(&s->status, text)};
    /* Caches nearer to the origin come first (RFC 9211, 2). */
    if (weir_field_named(s->req, WEIR_RESPONSE, name, &before) == WEIR_OK && before.n) {
        char *both = weir_alloc(s->req, before.n + 2 + mine.n);

        memcpy(both, before.p, before.n);
        memcpy(both + before.n, ", ", 2);
        memcpy(both + before.n + 2, mine.p, mine.n);
        mine = (weir_str){both, before.n + 2 + mine.n};
    }
    weir_edit(s->req, WEIR_RESPONSE, WEIR_SET, name, mine);
}

/* ---- what part of it ---- */

struct part {
    uint32_t status;      /* of the response */
    uint64_t first, last; /* of the body, for 206 */
};

static weir_str content_range(struct state *s, const struct part *part, uint64_t length)
{
    char *text = weir_alloc(s->req, 80);
    int n = part->status == 206
                ? snprintf(text, 80, "bytes %llu-%llu/%llu", (unsigned long long)part->first,
                           (unsigned long long)part->last, (unsigned long long)length)
                : snprintf(text, 80, "bytes */%llu", (unsigned long long)length);

    return (weir_str){text, (size_t)n};
}

/* `length` -1: not known yet, then there are no parts of it. */
static struct part choose_part(struct state *s, int64_t length)
{
    const struct object *object = s->stored;
    struct message request = request_message(s);
    struct part part = {.status = object->status};
    struct validators v = stored_validators(object);

    if ((object->status != 200 && object->status != 206) || s->is_background) {
        return part;
    }
    if (conditions_not_modified(&request, &v)) {
        part.status = 304;
    } else if (length >= 0 && s->method.n == 3) { /* a Range is for GET (RFC 9110, 14.2) */
        switch (range_of(&request, &v, (uint64_t)length, &part.first, &part.last)) {
        case RANGE_ONE:
            part.status = 206;
            break;
        case RANGE_BAD:
            part.status = 416;
            break;
        case RANGE_NONE:
            break;
        }
    }
    return part;
}

/* ---- from the store ---- */

weir_rc answer_stored(struct state *s)
{
    struct content_range stored = stored_range(s->stored);
    uint64_t length = stored.length;
    struct part part = choose_part(s, (int64_t)length);

    s->from_store = true;
    if (s->plan == PLAN_VALIDATE) {
        drop_origins_fields(s);
    }
    set_fields(s, part.status == 304);
    if (part.status == 304) {
        return weir_respond(s->req, 304, -1);
    }
    if (part.status == 206 || part.status == 416) {
        set_known(s->req, WEIR_F_CONTENT_RANGE, content_range(s, &part, length));
    }
    if (part.status == 416) {
        return weir_respond(s->req, 416, 0);
    }
    uint64_t n = part.status == 206 ? part.last - part.first + 1 : length;
    if (n && s->method.n == 3) {
        uint64_t first = part.status == 206 ? part.first - stored.first : 0;

        held_send(s->held, weir_body(s->req), first, n);
    }
    return weir_respond(s->req, part.status, (int64_t)n);
}

/* ---- while it grows ---- */

struct follower {
    struct follower *next, **at; /* of those that wait; at NULL: it does not */
    struct state *s;
    struct held *held;
    uint64_t sent, end; /* end UINT64_MAX: where it turns out to be */
};

static struct follower *followers;

static void stop_waiting(struct follower *follower)
{
    if (follower->at) {
        *follower->at = follower->next;
        if (follower->next) {
            follower->next->at = follower->at;
        }
        follower->at = NULL;
    }
}

static void wait(struct follower *follower)
{
    if (!follower->at) {
        follower->next = followers;
        follower->at = &followers;
        if (followers) {
            followers->at = &follower->next;
        }
        followers = follower;
    }
    look_soon();
}

static weir_rc pull(weir_req *req, void *state, weir_chain *out, size_t room)
{
    struct follower *follower = state;
    uint64_t there;
    enum growth growth = held_growth(follower->held, &there);

    (void)req;
    stop_waiting(follower);
    if (growth == GROWTH_WHOLE && there < follower->end) {
        follower->end = there;
    }
    uint64_t most = there < follower->end ? there : follower->end;
    uint64_t n = most > follower->sent ? most - follower->sent : 0;
    n = n < room ? n : room;
    if (n) {
        held_send(follower->held, out, follower->sent, n);
        follower->sent += n;
    }
    if (follower->sent >= follower->end) {
        return WEIR_OK;
    }
    if (follower->sent < there) {
        return WEIR_MORE;
    }
    if (growth == GROWTH_FAILED) {
        return WEIR_ERROR; /* cut, so that nobody takes it for whole */
    }
    wait(follower);
    return WEIR_AGAIN;
}

static void end(weir_req *req, void *state)
{
    struct follower *follower = state;

    (void)req;
    stop_waiting(follower);
    held_release(follower->held);
}

void answers_look(void)
{
    for (struct follower *follower = followers, *next; follower; follower = next) {
        uint64_t there;
        enum growth growth = held_growth(follower->held, &there);

        next = follower->next;
        if (growth != GROWTH_MORE || there > follower->sent) {
            stop_waiting(follower);
            weir_pull_ready(follower->s->req);
        }
    }
    if (followers) {
        look_soon();
    }
}

weir_rc answer_growing(struct state *s)
{
    struct follower *follower = weir_alloc(s->req, sizeof(*follower));
    int64_t length = held_length(s->held);
    struct part part = choose_part(s, length);
    uint64_t first = part.status == 206 ? part.first : 0;

    s->reuse = reuse_decide(&s->stored->freshness, &s->directives, weir_wall_ms());
    s->from_store = true;
    s->status.word = CACHE_HIT;
    s->status.fwd = FWD_URI_MISS;
    s->status.collapsed = true;
    set_fields(s, part.status == 304);
    if (part.status == 304) {
        return weir_respond(s->req, 304, -1);
    }
    if (part.status == 206 || part.status == 416) {
        set_known(s->req, WEIR_F_CONTENT_RANGE, content_range(s, &part, (uint64_t)length));
    }
    if (part.status == 416 || length == 0) {
        return weir_respond(s->req, part.status, 0);
    }
    *follower = (struct follower){
        .s = s,
        .held = s->held,
        .sent = first,
        .end = part.status == 206 ? part.last + 1 : length >= 0 ? (uint64_t)length : UINT64_MAX};
    held_retain(s->held);
    weir_rc rc = weir_respond_from(s->req, part.status,
                                   follower->end == UINT64_MAX ? -1
                                                               : (int64_t)(follower->end - first),
                                   pull, end, follower);
    if (rc != WEIR_HANDLED) {
        held_release(s->held);
    }
    return rc;
}
