/* SPDX-License-Identifier: Apache-2.0 */
/* part.c - parts of bodies in the store (RFC 9111, 3.3 and 3.4). Of each URL (and variant) there is one
 * contiguous part, under a key of its own: what is asked for within it is answered from it; what
 * comes in beside it is put to it; once nothing is missing it becomes an ordinary object. See
 * state.h. */
#include <string.h>

#include "http_date.h"
#include "state.h"
#include "words.h"

#define MARK "\x01part " /* no key that is made of a request begins so */
#define JOIN_MOST (4u << 20) /* a stored part is copied to be joined; larger ones are replaced */

weir_str part_key(struct state *s, weir_str key)
{
    size_t n = sizeof(MARK) - 1;
    char *text = weir_alloc(s->req, n + key.n);

    memcpy(text, MARK, n);
    if (key.n) {
        memcpy(text + n, key.p, key.n);
    }
    return (weir_str){text, n + key.n};
}

/* The object's validators; what they point to is the record's. */
struct validators stored_validators(const struct object *object)
{
    struct validators v = {.date_s = object->freshness.date_s};
    weir_field field;
    size_t at = 0;

    while (object_field(object, &at, &field)) {
        if (field.id == WEIR_F_ETAG && v.etag.n == 0) {
            v.etag = field.value;
        } else if (field.id == WEIR_F_LAST_MODIFIED && v.modified.n == 0) {
            v.modified = field.value;
        }
    }
    return v;
}

struct content_range stored_range(const struct object *object)
{
    struct content_range range;
    weir_field field;
    size_t at = 0;

    while (object->status == 206 && object_field(object, &at, &field)) {
        if (field.id == WEIR_F_CONTENT_RANGE && content_range_parse(field.value, &range) &&
            content_range_bytes(&range) == object->body_n) {
            return range;
        }
    }
    return (struct content_range){
        .first = 0, .last = object->body_n ? object->body_n - 1 : 0, .length = object->body_n};
}

/* ---- using one ---- */

bool part_is_wanted(struct state *s)
{
    struct message request = request_message(s);
    struct validators none = {.date_s = 0};
    uint64_t first, last;

    /* Whatever If-Range says: is it one range, in a form that is understood here? */
    for (size_t i = 0; i < request.n; i++) {
        if (request.fields[i].id == WEIR_F_RANGE) {
            const struct message range = {&request.fields[i], 1};

            return s->method.n == 3 && s->conf->min_uses <= 1 &&
                   range_of(&range, &none, UINT64_MAX / 16, &first, &last) == RANGE_ONE;
        }
    }
    return false;
}

void part_select(struct state *s)
{
    s->whole_key = s->key;
    s->key = part_key(s, s->key);
    s->primary = id_of(s->key, (weir_str){NULL, 0});
}

void part_unselect(struct state *s)
{
    s->key = s->whole_key;
    s->primary = s->fetch = id_of(s->key, (weir_str){NULL, 0});
}

bool part_covers(struct state *s)
{
    struct content_range range = stored_range(s->stored);
    struct validators v = stored_validators(s->stored);
    struct message request = request_message(s);
    uint64_t first, last;

    return range_of(&request, &v, range.length, &first, &last) == RANGE_ONE &&
           first >= range.first && last <= range.last;
}

/* ---- storing one ---- */

/* The response's fields as those of the object that it becomes: of the whole it has no Content-Range. */
static struct message with_range(struct state *s, const struct message *response,
                                 const struct content_range *range)
{
    weir_field *fields = weir_alloc(s->req, (response->n + 1) * sizeof(*fields));
    size_t n = 0;

    for (size_t i = 0; i < response->n; i++) {
        if (response->fields[i].id != WEIR_F_CONTENT_RANGE) {
            fields[n++] = response->fields[i];
        }
    }
    if (!content_range_is_whole(range)) {
        char *text = weir_alloc(s->req, CONTENT_RANGE_MAX);

        fields[n++] = (weir_field){.name = WEIR_STR("Content-Range"),
                                   .value = {text, content_range_format(range, text)},
                                   .id = WEIR_F_CONTENT_RANGE};
    }
    return (struct message){fields, n};
}

/* What comes in and what is stored, if they belong together; else what comes in. */
static struct content_range join(struct state *s, const struct validators *fresh,
                                 const struct content_range *coming)
{
    struct content_range both = *coming;

    if (!s->stored || s->stored->body_n > JOIN_MOST || !s->held->is_verified) {
        return both;
    }
    struct validators v = stored_validators(s->stored);
    struct content_range had = stored_range(s->stored);
    if (parts_match(&v, fresh) && content_range_join(&had, coming, &both)) {
        s->before = coming->first > both.first ? coming->first - both.first : 0;
        s->after = both.last > coming->last ? both.last - coming->last : 0;
        s->after_at = s->stored->body_n - s->after;
    }
    return both;
}

bool part_capture(struct state *s, struct message *response, uint32_t *status, int64_t *length)
{
    struct content_range coming;
    weir_str value;

    if (*status != 206) { /* the origin takes no ranges, or there is nothing of the kind */
        part_unselect(s);
        hold(s, NULL);
        s->plan = PLAN_FETCH;
        return *status == 200;
    }
    struct validators fresh = validators_of(response, weir_wall_ms() / 1000);
    if (message_get(response, WEIR_F_DATE, &value)) {
        http_date_parse(value, fresh.date_s, &fresh.date_s);
    }
    if (message_count(response, WEIR_F_CONTENT_RANGE) != 1 ||
        !message_get(response, WEIR_F_CONTENT_RANGE, &value) ||
        !content_range_parse(value, &coming) || !parts_have_strong(&fresh)) {
        s->status.detail = s->reason = "status";
        return false;
    }
    struct content_range both = join(s, &fresh, &coming);
    *response = with_range(s, response, &both);
    *length = (int64_t)content_range_bytes(&both);
    if (content_range_is_whole(&both)) {
        s->is_completed = s->held != NULL;
        part_unselect(s);
        *status = 200;
    }
    return true;
}

bool part_begin(struct state *s)
{
    return s->before == 0 || fill_add_held(s->fill, s->held, 0, s->before);
}

bool part_end(struct state *s)
{
    return s->after == 0 || fill_add_held(s->fill, s->held, s->after_at, s->after);
}
