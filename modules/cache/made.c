/* SPDX-License-Identifier: Apache-2.0 */
/* made.c - what filters make of stored responses (weir/keep.h), such as compressed bodies: objects
 * under a key of their own, each with the serial of the response that it was made of. A response that is
 * fetched again has another serial, one that is validated keeps it. See state.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"
#include "words.h"

#define MARK "\x01made "  /* no key that is made of a request begins so */
#define SOURCE "Made-Of"  /* the field with that serial */
#define MAKE_MS 600000    /* who takes longer is not believed in any more */
#define CHECK_MOST (1u << 20) /* larger bodies from before the start are made anew */

struct made {
    struct state *s;
    struct held *held; /* it is there; else: */
    struct fill *fill; /* NULL: it cannot be kept after all */
    struct id id;
    uint64_t serial;
};

/* The response that it is made of, if it is stored or about to be; NULL: it is neither. What comes in
 * for somebody else may end halfway. */
static const struct object *source_of(const struct state *s)
{
    if (s->method.n != 3 || s->plan == PLAN_FOLLOW) { /* a HEAD has no body */
        return NULL;
    }
    return s->from_store ? s->stored : s->fill ? &s->object : NULL;
}

static weir_str key_of(struct state *s, weir_str name)
{
    const weir_str parts[] = {WEIR_STR(MARK), name, WEIR_STR(" "), s->key};
    char *text = weir_alloc(s->req, parts[0].n + name.n + 1 + s->key.n), *at = text;

    for (size_t i = 0; i < WEIR_COUNT(parts); i++) {
        if (parts[i].n) {
            memcpy(at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    }
    return (weir_str){text, (size_t)(at - text)};
}

static weir_str serial_text(weir_req *req, uint64_t serial)
{
    char *text = weir_alloc(req, 24);

    return (weir_str){text, (size_t)snprintf(text, 24, "%llx", (unsigned long long)serial)};
}

static bool is_made_of(const struct object *object, weir_str serial)
{
    weir_field field;
    size_t at = 0;

    return object_field(object, &at, &field) && word_is(field.name, WEIR_STR(SOURCE)) &&
           word_is(field.value, serial);
}

/* What is there, and is right; else NULL. */
static struct held *find(struct store *store, struct id id, weir_str key, weir_str values,
                         weir_str serial)
{
    bool has_variants;
    struct held *held = store_lookup(store, id, key, values, &has_variants);

    if (!held) {
        return NULL;
    }
    bool is_right = is_made_of(&held->object, serial);
    if (is_right && !held->is_verified) {
        is_right = held->object.body_n <= CHECK_MOST;
        if (is_right) {
            is_right = held_check_body(held);
            held_checked(held, is_right);
        }
    }
    if (!is_right) {
        held_release(held);
        return NULL;
    }
    return held;
}

/* The caller makes it, for all. False: somebody else does, or there is no room. */
static bool begin(struct made *made, const struct object *source, weir_str key, weir_str serial)
{
    struct state *s = made->s;
    const weir_field field = {.name = WEIR_STR(SOURCE), .value = serial};
    char *packed = weir_alloc(s->req, 64);
    struct object object = {.status = source->status,
                            .serial = store_serial(s->store),
                            .freshness = source->freshness,
                            .key = key,
                            .values = source->values,
                            .url = source->url,
                            .tags = source->tags};

    object.fields = (weir_str){packed, object_pack(&field, 1, packed, 64, &object.field_n)};
    made->serial = object.serial;
    if (store_fetch_begin(s->store, made->id, made->serial, weir_wall_ms() + MAKE_MS, 1) !=
        FETCH_LEAD) {
        return false;
    }
    made->fill = fill_create(s->store, &object, made->id, -1, s->conf->max_object);
    if (!made->fill) {
        store_fetch_end(s->store, made->id, made->serial, 0);
    }
    return made->fill != NULL;
}

static weir_rc made_open(weir_req *req, weir_str name, void **state, uint64_t *length)
{
    struct state *s = state_of(req);
    const struct object *source = s ? source_of(s) : NULL;

    if (!source) {
        return WEIR_NEXT;
    }
    struct made *made = weir_alloc(req, sizeof(*made));
    weir_str key = key_of(s, name), serial = serial_text(req, source->serial);

    *made = (struct made){.s = s, .id = id_of(key, source->values)};
    made->held = find(s->store, made->id, key, source->values, serial);
    if (made->held) {
        *length = made->held->object.body_n;
    } else if (!begin(made, source, key, serial)) {
        return WEIR_NEXT;
    }
    *state = made;
    return made->held ? WEIR_DONE : WEIR_MORE;
}

static void made_send(void *state, weir_chain *out, uint64_t first, uint64_t n)
{
    held_send(((struct made *)state)->held, out, first, n);
}

static bool made_add(void *state, const char *p, size_t n)
{
    return fill_add(((struct made *)state)->fill, p, n);
}

static void made_close(void *state, bool is_whole)
{
    struct made *made = state;
    struct state *s = made->s;

    if (made->held) {
        held_release(made->held);
        return;
    }
    if (is_whole && (s->from_store || s->is_stored)) {
        fill_finish(made->fill);
    } else {
        fill_abort(made->fill);
    }
    store_fetch_end(s->store, made->id, made->serial, 0);
}

const weir_keeper_ops made_keeper = {.size = sizeof(made_keeper),
                                     .open = made_open,
                                     .send = made_send,
                                     .add = made_add,
                                     .close = made_close};
