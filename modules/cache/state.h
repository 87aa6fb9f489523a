/* SPDX-License-Identifier: Apache-2.0 */
/* state.h - one request on its way through the cache, and the steps of that way. The module's
 * context (weir_ctx) is one of these. */
#ifndef CACHE_STATE_H
#define CACHE_STATE_H

#include "cache_status.h"
#include "conditions.h"
#include "conf.h"
#include "content_range.h"
#include "store.h"
#include "vary.h"

enum plan {
    PLAN_NONE,      /* the cache has no say, or only looks on */
    PLAN_USE,       /* answer with `held` */
    PLAN_FOLLOW,    /* answer with what somebody else is fetching */
    PLAN_FETCH,     /* ask the origin, and store what may be */
    PLAN_VALIDATE,  /* ask whether `held` is still right */
    PLAN_PART,      /* ask the origin for the part that was asked for, and put it to `held` */
    PLAN_PASS       /* ask the origin; nothing is stored */
};

struct waiter;

struct state {
    weir_req *req;
    const struct cache_conf *conf;
    struct store *store;
    enum plan plan;
    struct cache_status status;
    const char *reason;           /* why the response was stored or not */

    /* the request */
    struct cache_control directives; /* as far as they are honoured */
    weir_str method, key;
    struct id primary;
    const weir_field *fields;     /* of the request as it came */
    size_t field_n;

    /* what was found */
    struct held *held;            /* the object that is used, validated, or kept for an error */
    const struct object *stored;  /* its record, or the one that a validation has made of it */
    struct reuse reuse;
    bool from_store;              /* the response is made of `held` */

    /* the fetch */
    struct id fetch;              /* under which others wait for it */
    bool leads;                   /* they do: store_fetch_end() is due */
    bool is_waiting, gave_up;
    bool invalidates;             /* an unsafe method */
    bool is_background;
    uint64_t serial;
    int64_t sent_ms;
    struct waiter *waiter;

    /* what is being stored */
    bool wants_store;
    struct object object;
    int64_t length;
    struct fill *fill;
    bool is_stored;               /* it is, whole */

    /* of PLAN_PART */
    weir_str whole_key;           /* `key` is then that of parts */
    uint64_t before, after, after_at; /* bytes of `held` in front of the body and behind it, and where
                                         the latter are in it */
    bool is_completed;            /* with them it is the whole: `held` is not needed any more */
};

struct state *state_of(weir_req *req);
struct message request_message(struct state *s);

/* lookup.c */
weir_str request_url(struct state *s, weir_str target);
weir_rc on_lookup(weir_req *req, const void *conf);
weir_rc on_answer(weir_req *req, const void *conf);
/* Something has come for those who wait in this worker. */
void waiters_look(void);
void lookup_cancel(struct state *s);
/* The object that is used from now on; NULL: none. Takes the reference. */
void hold(struct state *s, struct held *held);
/* The caller fetches for others no longer. */
void lead_end(struct state *s, int64_t pass_until_ms);

/* answer.c */
/* Answers with s->held, whole: a body, a part of it, 304 or 416. */
weir_rc answer_stored(struct state *s);
/* The same for what is still growing. */
weir_rc answer_growing(struct state *s);
/* Some of what grows in this worker has grown. */
void answers_look(void);
/* Adds the field of Cache-Status. */
void answer_status(struct state *s);

/* capture.c */
/* Decides whether the origin's response is stored. */
void capture_head(struct state *s);
extern const weir_filter_ops *const capture_filters[];
/* What goes into the record: as the origin sent it, less what is not stored. False: too much. */
bool capture_object(struct state *s, const struct message *response, uint32_t status,
                    const struct cache_control *cc, const struct freshness *f);
enum store_reason capture_decide(struct state *s, const struct message *response, uint32_t status,
                                 struct cache_control *cc, struct freshness *f);
struct message response_message(weir_req *req);

/* part.c: parts of bodies are stored under a key of their own. */
weir_str part_key(struct state *s, weir_str key);
/* One range is asked for, in a form that can be answered from a part. */
bool part_is_wanted(struct state *s);
/* What is looked up and stored from now on is parts; or is not any more. */
void part_select(struct state *s);
void part_unselect(struct state *s);
/* Has `stored` all that is asked for? */
bool part_covers(struct state *s);
/* The response to PLAN_PART: changes fields, status and length into those of the object that it will
 * be. False: it is not stored. */
bool part_capture(struct state *s, struct message *response, uint32_t *status, int64_t *length);
/* What is stored in front of the body, and behind it. */
bool part_begin(struct state *s);
bool part_end(struct state *s);
/* Which bytes of the whole an object has, and its validators, which point into the record. */
struct content_range stored_range(const struct object *object);
struct validators stored_validators(const struct object *object);

/* made.c */
extern const weir_keeper_ops made_keeper;

/* validate.c */
/* Makes the request a conditional one. */
void validate_request(struct state *s);
/* The origin says that what is stored is right, or fails where what is stored will do: HANDLED. */
weir_rc validate_response(struct state *s);

/* purging.c */
weir_rc purge_request(struct state *s);
void purge_invalidated(struct state *s);

/* A request in the background brings the object up to date. */
void refresh(struct state *s);

/* A template that says yes: neither empty nor "0". */
bool any_says_yes(weir_req *req, const weir_list *templates);

/* Calls a function a few milliseconds later, once, however often it is asked for until then. */
void look_soon(void);

#endif
