/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c - the origin's response on its way into the store. See state.h. */
#include <string.h>

#include "state.h"
#include "words.h"

#define PASS_MS 10000 /* others do not wait for a fetch of what could not be stored so long ago */

struct message response_message(weir_req *req)
{
    size_t n = 0, room = 32;
    weir_field *fields = weir_alloc(req, room * sizeof(*fields));

    for (;;) {
        n += weir_fields(req, WEIR_RESPONSE, fields + n, room - n, n);
        if (n < room) {
            break;
        }
        weir_field *more = weir_alloc(req, 2 * room * sizeof(*more));
        memcpy(more, fields, n * sizeof(*more));
        fields = more;
        room *= 2;
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) { /* what modules have set is not the origin's */
        if (!(fields[i].flags & WEIR_FIELD_RULE)) {
            fields[kept++] = fields[i];
        }
    }
    return (struct message){fields, kept};
}

enum store_reason capture_decide(struct state *s, const struct message *response, uint32_t status,
                                 struct cache_control *cc, struct freshness *f)
{
    const struct store_rules rules = {.valid_s = conf_valid(s->conf, status),
                                      .heuristic_percent = (uint32_t)s->conf->heuristic,
                                      .heuristic_max_s =
                                          (int64_t)(s->conf->heuristic_max_ms / 1000),
                                      .ignore = s->conf->ignore_flags};
    /* A HEAD that validates is about a stored response to GET. */
    bool is_get = s->is_background || s->plan == PLAN_VALIDATE;
    const struct exchange_head head = {.method = is_get ? WEIR_STR("GET") : s->method,
                                       .request = request_message(s),
                                       .status = status,
                                       .response = *response,
                                       .request_ms = s->sent_ms,
                                       .response_ms = weir_wall_ms()};

    return store_decide(&head, &rules, &s->directives, cc, weir_alloc(s->req, SCRATCH_SIZE), f);
}

/* Cache-Tag is a list with commas, xkey one with spaces: kept with single spaces. */
static weir_str collect_tags(struct state *s, const struct message *response)
{
    size_t room = 0, n = 0;

    for (size_t i = 0; i < response->n; i++) {
        room += response->fields[i].value.n + 1;
    }
    char *text = weir_alloc(s->req, room + 1);
    for (size_t i = 0; i < response->n; i++) {
        const weir_field *field = &response->fields[i];

        if (!word_iis(field->name, WEIR_STR("Cache-Tag")) &&
            !word_iis(field->name, WEIR_STR("xkey"))) {
            continue;
        }
        for (size_t k = 0; k < field->value.n; k++) {
            char c = field->value.p[k];
            bool is_space = c == ',' || c == ' ' || c == '\t';

            if (!is_space) {
                text[n++] = c;
            } else if (n && text[n - 1] != ' ') {
                text[n++] = ' ';
            }
        }
        if (n && text[n - 1] != ' ') {
            text[n++] = ' ';
        }
    }
    return (weir_str){text, n && text[n - 1] == ' ' ? n - 1 : n};
}

static bool read_variant(struct state *s, const struct message *response)
{
    struct message request = request_message(s);
    struct object *object = &s->object;

    if (s->conf->ignore_flags & IGNORE_VARY) {
        return true;
    }
    return vary_names(response, weir_alloc(s->req, VARY_NAMES_MAX), &object->names) &&
           (object->names.n == 0 || vary_values(object->names, &request,
                                                weir_alloc(s->req, VARY_VALUES_MAX),
                                                &object->values));
}

bool capture_object(struct state *s, const struct message *response, uint32_t status,
                    const struct cache_control *cc, const struct freshness *f)
{
    struct object *object = &s->object;
    weir_field *kept = weir_alloc(s->req, (response->n + 1) * sizeof(*kept));
    size_t n = 0, room = 0;

    *object = (struct object){.status = status, .serial = s->serial, .freshness = *f, .key = s->key};
    for (size_t i = 0; i < response->n; i++) {
        if (field_is_stored(&response->fields[i], cc, s->conf->ignore_flags)) {
            kept[n++] = response->fields[i];
            room += response->fields[i].name.n + response->fields[i].value.n + 16;
        }
    }
    char *packed = weir_alloc(s->req, room + 1);
    size_t bytes = object_pack(kept, n, packed, room, &object->field_n);
    if (bytes == SIZE_MAX || !read_variant(s, response)) {
        return false;
    }
    object->fields = (weir_str){packed, bytes};
    object->tags = collect_tags(s, response);
    object->url = request_url(s, weir_get(s->req, WEIR_GET_TARGET));
    return object_record_size(object) > 0;
}

static int64_t body_length(const struct message *response)
{
    weir_str value;
    int64_t length;

    if (message_get(response, WEIR_F_CONTENT_LENGTH, &value) &&
        word_number(value, INT64_MAX / 16, &length)) {
        return length;
    }
    return -1;
}

/* What an origin does now and then is no reason for others not to wait the next time. */
static bool is_lasting(enum store_reason reason, uint32_t status)
{
    return status < 500 && reason != STORE_REQUEST_NO_STORE && reason != STORE_AUTHORIZATION;
}

void capture_head(struct state *s)
{
    struct message response = response_message(s->req);
    uint32_t status = weir_status(s->req);
    int64_t part_length = -1;
    struct cache_control cc;
    struct freshness f;

    if (word_is(s->method, WEIR_STR("HEAD"))) { /* there is no body to store */
        lead_end(s, 0);
        return;
    }
    if ((s->plan != PLAN_FETCH && s->plan != PLAN_VALIDATE && s->plan != PLAN_PART) ||
        (s->plan == PLAN_PART && !part_capture(s, &response, &status, &part_length))) {
        return;
    }
    s->status.fwd_status = 0;
    if (any_says_yes(s->req, &s->conf->no_store)) {
        s->reason = "configured";
        lead_end(s, weir_wall_ms() + PASS_MS);
        return;
    }
    enum store_reason reason = capture_decide(s, &response, status == 206 && part_length >= 0 ? 200 : status, &cc, &f);
    s->reason = store_reason_text(reason);
    if (reason != STORE_YES) {
        s->status.detail = s->reason;
        lead_end(s, is_lasting(reason, status) ? weir_wall_ms() + PASS_MS : 0);
        return;
    }
    if (!capture_object(s, &response, status, &cc, &f)) {
        s->reason = s->status.detail = "too-large";
        lead_end(s, weir_wall_ms() + PASS_MS);
        return;
    }
    s->length = part_length >= 0 ? part_length : body_length(&response);
    if (s->length >= 0 && s->conf->max_object && (uint64_t)s->length > s->conf->max_object) {
        s->reason = s->status.detail = "too-large";
        lead_end(s, weir_wall_ms() + PASS_MS);
        return;
    }
    s->wants_store = true;
    s->status.stored = true;
    s->status.detail = NULL;
}

/* ---- the body ---- */

static void give_up(struct state *s)
{
    fill_abort(s->fill);
    s->fill = NULL;
    s->reason = "no-room";
    lead_end(s, weir_wall_ms() + PASS_MS);
}

/* The body is whole. */
static void finish(struct state *s)
{
    if (!part_end(s)) {
        give_up(s);
        return;
    }
    s->is_stored = fill_finish(s->fill);
    s->fill = NULL;
    s->reason = s->is_stored ? "stored" : "no-room";
    if (s->is_stored && s->is_completed) {
        store_remove(s->store, s->held->id);
    }
    lead_end(s, 0);
}

static weir_rc filter_open(weir_req *req, const void *conf, void **state)
{
    struct state *s = state_of(req);

    (void)conf;
    if (!s || !s->wants_store || s->from_store) {
        return WEIR_NEXT;
    }
    s->fill = fill_create(s->store, &s->object, s->fetch, s->length, s->conf->max_object);
    if (!s->fill) {
        s->reason = "no-room";
        lead_end(s, weir_wall_ms() + PASS_MS);
        return WEIR_NEXT;
    }
    *state = s;
    if (!part_begin(s)) {
        give_up(s);
    }
    waiters_look();
    return WEIR_DONE;
}

static weir_rc filter_run(weir_req *req, void *state, weir_chain *in, weir_chain *out,
                          uint32_t flags)
{
    struct state *s = state;
    weir_str bytes;

    (void)req;
    while (weir_chain_first(in, &bytes)) {
        if (s->fill && !fill_add(s->fill, bytes.p, bytes.n)) {
            give_up(s);
        }
        weir_chain_move(out, in, bytes.n);
    }
    if (s->fill && flags & WEIR_IN_END && weir_chain_bytes(in) == 0) {
        finish(s);
    }
    answers_look();
    return WEIR_OK;
}

static void filter_close(weir_req *req, void *state)
{
    struct state *s = state;

    (void)req;
    if (s->fill) {
        fill_abort(s->fill);
        s->fill = NULL;
        s->reason = "incomplete";
        answers_look();
    }
    lead_end(s, 0);
}

static const weir_filter_ops filter = {.size = sizeof(filter),
                                       .stage = WEIR_FILTER_CAPTURE,
                                       .props = WEIR_FILTER_READONLY,
                                       .name = "cache",
                                       .side = WEIR_RESPONSE,
                                       .open = filter_open,
                                       .run = filter_run,
                                       .close = filter_close};

const weir_filter_ops *const capture_filters[] = {&filter, NULL};
