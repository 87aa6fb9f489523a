/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.c - what a request gets: something that is stored, something that somebody else is
 * fetching, or the origin's answer. See state.h. */
#include <stdlib.h>
#include <string.h>

#include "state.h"
#include "words.h"

#define FETCH_MS 600000         /* a fetch that takes longer is not believed in any more */
#define VERIFY_AT_ONCE (1u << 20) /* larger bodies are checked on another thread */

/* Waits for somebody else's fetch. */
struct waiter {
    struct waiter *next;
    struct state *s;
    weir_token token;
    uint64_t until_ms;
};

static struct waiter *waiters;

/* ---- the request ---- */

struct message request_message(struct state *s)
{
    if (!s->fields) {
        size_t n = 0, room = 32;
        weir_field *fields = weir_alloc(s->req, room * sizeof(*fields));

        for (;;) {
            n += weir_fields(s->req, WEIR_REQUEST, fields + n, room - n, n);
            if (n < room) {
                break;
            }
            weir_field *more = weir_alloc(s->req, 2 * room * sizeof(*more));
            memcpy(more, fields, n * sizeof(*more));
            fields = more;
            room *= 2;
        }
        s->fields = fields;
        s->field_n = n;
    }
    return (struct message){s->fields, s->field_n};
}

/* What the client asks of caches, reduced to what is honoured. */
static void read_directives(struct state *s)
{
    uint32_t honour = s->conf->honour_flags;
    struct cache_control *cc = &s->directives;
    weir_str value;

    cache_control_init(cc);
    if (weir_field_get(s->req, WEIR_REQUEST, WEIR_F_CACHE_CONTROL, &value) == WEIR_OK) {
        struct message message = request_message(s);

        for (size_t i = 0; i < message.n; i++) {
            if (message.fields[i].id == WEIR_F_CACHE_CONTROL) {
                cache_control_add(cc, message.fields[i].value);
            }
        }
    } else if (weir_field_get(s->req, WEIR_REQUEST, WEIR_F_PRAGMA, &value) == WEIR_OK &&
               word_iis(value, WEIR_STR("no-cache"))) {
        cc->flags |= CC_NO_CACHE; /* RFC 9111, 5.4 */
    }
    cc->max_age = honour & HONOUR_MAX_AGE ? cc->max_age : -1;
    cc->min_fresh = honour & HONOUR_MIN_FRESH ? cc->min_fresh : -1;
    cc->max_stale = honour & HONOUR_MAX_STALE ? cc->max_stale : -1;
    cc->flags &= (honour & HONOUR_NO_CACHE ? CC_NO_CACHE : 0) |
                 (honour & HONOUR_NO_STORE ? CC_NO_STORE : 0) |
                 (honour & HONOUR_MAX_STALE ? CC_MAX_STALE_ANY : 0) |
                 (honour & HONOUR_ONLY_IF_CACHED ? CC_ONLY_IF_CACHED : 0);
}

bool any_says_yes(weir_req *req, const weir_list *templates)
{
    const weir_template *const *items = templates->items;

    for (size_t i = 0; i < templates->n; i++) {
        weir_str text;

        if (weir_eval(req, items[i], &text) == WEIR_OK && text.n &&
            !word_is(text, WEIR_STR("0"))) {
            return true;
        }
    }
    return false;
}

/* The URL as clients ask for it: purging goes by it. */
weir_str request_url(struct state *s, weir_str target)
{
    const weir_str parts[] = {weir_get(s->req, WEIR_GET_SCHEME), WEIR_STR("://"),
                              weir_get(s->req, WEIR_GET_AUTHORITY), target};
    size_t bytes = parts[0].n + parts[1].n + parts[2].n + parts[3].n;
    char *text = weir_alloc(s->req, bytes + 1), *at = text;

    for (size_t i = 0; i < WEIR_COUNT(parts); i++) {
        if (parts[i].n) {
            memcpy(at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    }
    return (weir_str){text, bytes};
}

/* ---- finding ---- */

void hold(struct state *s, struct held *held)
{
    if (s->held) {
        held_release(s->held);
    }
    s->held = held;
    s->stored = held ? &held->object : NULL;
}

/* Of two that fit the younger one is meant (RFC 9111, 4.1). */
static void keep_younger(struct state *s, struct held *held)
{
    if (s->held && s->stored->freshness.date_s >= held->object.freshness.date_s) {
        held_release(held);
        return;
    }
    hold(s, held);
}

/* The URL has variants: which one does this request select? */
static void find_variant(struct state *s)
{
    weir_str lists[VARIANT_LISTS];
    char *text = weir_alloc(s->req, VARIANT_TEXT);
    size_t n = store_variants(s->store, s->primary, lists, text);
    struct message message = request_message(s);

    for (size_t i = 0; i < n; i++) {
        char *out = weir_alloc(s->req, VARY_VALUES_MAX);
        weir_str values;
        bool has_more;

        if (!vary_values(lists[i], &message, out, &values)) {
            continue;
        }
        s->fetch = id_of(s->key, values);
        struct held *held = store_lookup(s->store, s->fetch, s->key, values, &has_more);
        if (held) {
            keep_younger(s, held);
        }
    }
    s->status.fwd = n ? FWD_VARY_MISS : FWD_URI_MISS;
}

static void find(struct state *s)
{
    bool has_variants = false;

    s->status.fwd = FWD_URI_MISS;
    s->fetch = s->primary;
    hold(s, store_lookup(s->store, s->primary, s->key, (weir_str){NULL, 0}, &has_variants));
    if (has_variants) {
        find_variant(s);
    }
}

/* ---- deciding ---- */

static void settle_verification(struct state *s, bool is_right)
{
    held_checked(s->held, is_right);
    if (!is_right) {
        hold(s, NULL);
    }
}

static void decide_to_use(struct state *s);

/* A part of something that is not here, or a part of which is. */
static void decide_on_part(struct state *s)
{
    if (!part_is_wanted(s)) {
        s->plan = PLAN_PASS;
        return;
    }
    part_select(s);
    find(s);
    s->plan = PLAN_PART;
    if (!s->held) {
        s->status.fwd = FWD_URI_MISS;
        return;
    }
    if (!s->held->is_verified) { /* parts that are joined are small; a large one is let go of */
        settle_verification(s, s->stored->body_n <= VERIFY_AT_ONCE && held_check_body(s->held));
    }
    s->status.fwd = FWD_PARTIAL;
    if (!s->held || s->held->is_soft_purged || !part_covers(s)) {
        return;
    }
    s->reuse = reuse_decide(&s->stored->freshness, &s->directives, weir_wall_ms());
    if (s->reuse.how == REUSE_FRESH || s->reuse.how == REUSE_STALE) {
        decide_to_use(s);
    }
}

static void decide_to_fetch(struct state *s)
{
    weir_str value;

    s->status.word = CACHE_MISS;
    s->plan = PLAN_FETCH;
    if (weir_field_get(s->req, WEIR_REQUEST, WEIR_F_RANGE, &value) == WEIR_OK) {
        decide_on_part(s);
    }
}

static void decide_to_validate(struct state *s)
{
    bool is_request = s->reuse.why && strncmp(s->reuse.why, "request", 7) == 0;

    s->plan = PLAN_VALIDATE;
    s->status.word = CACHE_EXPIRED;
    s->status.fwd = is_request ? FWD_REQUEST : FWD_STALE;
    s->status.detail = s->reuse.why;
}

static void decide_to_use(struct state *s)
{
    s->plan = PLAN_USE;
    s->status.fwd = FWD_NONE;
    s->status.has_ttl = true;
    s->status.ttl_s = s->reuse.ttl_s;
    s->status.detail = s->reuse.why;
    s->status.word = s->reuse.how == REUSE_FRESH        ? CACHE_HIT
                     : s->reuse.how == REUSE_BACKGROUND ? CACHE_UPDATING
                                                        : CACHE_STALE;
}

static void decide(struct state *s)
{
    if (!s->held) {
        decide_to_fetch(s);
        return;
    }
    s->reuse = reuse_decide(&s->stored->freshness, &s->directives, weir_wall_ms());
    if (s->held->is_soft_purged && s->reuse.how != REUSE_REVALIDATE) {
        s->reuse.how = REUSE_REVALIDATE;
        s->reuse.why = "purged";
    }
    if (s->reuse.how == REUSE_BACKGROUND && (s->is_background || !s->conf->background)) {
        s->reuse.how = REUSE_REVALIDATE;
    }
    if (s->reuse.how == REUSE_REVALIDATE) {
        decide_to_validate(s);
    } else {
        decide_to_use(s);
    }
}

/* ---- one fetches, the others wait ---- */

void lead_end(struct state *s, int64_t pass_until_ms)
{
    if (s->leads) {
        s->leads = false;
        store_fetch_end(s->store, s->fetch, s->serial, pass_until_ms);
        waiters_look();
    }
}

static enum fetch_role begin(struct state *s)
{
    enum fetch_role role = store_fetch_begin(s->store, s->fetch, s->serial,
                                             weir_wall_ms() + FETCH_MS,
                                             (uint32_t)s->conf->min_uses);

    s->leads = role == FETCH_LEAD;
    return role;
}

/* Stale, and somebody asks already: this client does not have to wait. */
static bool may_use_meanwhile(struct state *s)
{
    return s->plan == PLAN_VALIDATE && s->held && s->conf->stale_flags & STALE_UPDATING &&
           reuse_on_error(&s->stored->freshness, weir_wall_ms(), true);
}

static void use_meanwhile(struct state *s)
{
    s->plan = PLAN_USE;
    s->status.word = CACHE_UPDATING;
    s->status.fwd = FWD_NONE;
    s->status.has_ttl = true;
    s->status.ttl_s = s->reuse.ttl_s;
    s->status.detail = "updating";
}

/* The one who fetched is through, and this request got nothing of it. False: another one does. */
static bool begin_again(struct state *s)
{
    if (s->plan == PLAN_PART) { /* nobody waits for parts */
        return true;
    }
    enum fetch_role role = begin(s);

    if (role == FETCH_PASS) {
        s->plan = PLAN_PASS;
    }
    return role != FETCH_FOLLOW;
}

/* What comes in for somebody else: is it for this request, too? Takes the reference. */
static bool follow_growing(struct state *s, struct held *held)
{
    struct message message = request_message(s);
    char *out = weir_alloc(s->req, VARY_VALUES_MAX);
    weir_str values;
    bool is_mine = vary_values(held->object.names, &message, out, &values) &&
                   word_is(values, held->object.values);
    struct reuse reuse = reuse_decide(&held->object.freshness, &s->directives, weir_wall_ms());

    if (is_mine && reuse.how != REUSE_REVALIDATE) {
        hold(s, held);
        s->plan = PLAN_FOLLOW;
        return true;
    }
    bool is_other = !is_mine && held->object.names.n;
    held_release(held);
    hold(s, NULL);
    if (!is_other) {
        s->plan = PLAN_PASS;
        return true;
    }
    s->fetch = id_of(s->key, values); /* a variant of its own */
    s->plan = PLAN_FETCH;
    s->status.fwd = FWD_VARY_MISS;
    return begin_again(s);
}

/* Looks whether it is over. True: the request can go on. */
static bool is_settled(struct waiter *waiter)
{
    struct state *s = waiter->s;
    struct held *held;

    switch (store_follow(s->store, s->fetch, &held)) {
    case FOLLOW_BODY:
        /* Without files and of unknown length it may turn out too large: better the whole first. */
        if (s->store->dir_fd < 0 && held_length(held) < 0) {
            held_release(held);
            break;
        }
        if (follow_growing(s, held)) {
            return true;
        }
        break;
    case FOLLOW_OVER:
        find(s);
        decide(s);
        s->status.collapsed = s->plan == PLAN_USE;
        if (s->plan == PLAN_USE || begin_again(s)) {
            return true;
        }
        break;
    case FOLLOW_WAIT:
        break;
    }
    if (weir_now_ms() >= waiter->until_ms) {
        s->gave_up = true;
        s->plan = PLAN_PASS;
        s->status.detail = "lock-timeout";
        return true;
    }
    return false;
}

static void forget(struct waiter *waiter)
{
    struct waiter **at = &waiters;

    while (*at && *at != waiter) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = waiter->next;
    }
    waiter->s->waiter = NULL;
}

void waiters_look(void)
{
    for (struct waiter *waiter = waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        if (is_settled(waiter)) {
            forget(waiter);
            weir_resume(waiter->token, WEIR_NEXT);
        }
    }
    if (waiters) {
        look_soon();
    }
}

static void on_cancel(void *arg)
{
    forget(arg);
}

static weir_rc wait(struct state *s)
{
    struct waiter *waiter = weir_alloc(s->req, sizeof(*waiter));
    uint32_t most = (uint32_t)s->conf->lock_timeout_ms;

    *waiter = (struct waiter){.next = waiters, .s = s, .until_ms = weir_now_ms() + most};
    waiter->token = weir_suspend(s->req, most + 10000, on_cancel, waiter);
    if (!waiter->token) {
        s->plan = PLAN_PASS;
        return WEIR_NEXT;
    }
    waiters = waiter;
    s->waiter = waiter;
    s->is_waiting = true;
    look_soon();
    return WEIR_AGAIN;
}

void lookup_cancel(struct state *s)
{
    if (s->waiter) {
        forget(s->waiter);
    }
}

/* ---- bodies that were not looked at since the start ---- */

struct verification {
    struct held *held;
    weir_token token;
    bool is_right;
};

static void on_verify(void *arg)
{
    struct verification *v = arg;

    v->is_right = held_check_body(v->held);
}

/* ---- the hooks ---- */

static bool is_purge(const struct state *s)
{
    return s->conf->network_n && word_is(s->method, s->conf->purge.method);
}

/* What is neither GET nor HEAD passes; what is unsafe makes things doubtful. */
static weir_rc other_method(struct state *s)
{
    s->status.fwd = FWD_METHOD;
    return WEIR_NEXT;
}

static void start(struct state *s, weir_req *req, const struct cache_conf *conf)
{
    s->req = req;
    s->conf = conf;
    s->store = conf->store;
    s->method = weir_get(req, WEIR_GET_METHOD);
    s->sent_ms = weir_wall_ms();
    s->is_background = weir_is_background(req);
}

static bool is_looked_up(const struct state *s)
{
    return (s->conf->get && word_is(s->method, WEIR_STR("GET"))) ||
           (s->conf->head && word_is(s->method, WEIR_STR("HEAD")));
}

static weir_rc refuse_uncached(struct state *s)
{
    s->plan = PLAN_NONE;
    s->status.detail = "only-if-cached";
    return weir_reply(s->req, 504, WEIR_REASON_HTTP_REQUEST_DENIED, WEIR_STR(""), WEIR_STR(""),
                      "nothing is stored, and the client asked for that only");
}

/* A fetch begins, or one is waited for. */
static weir_rc fetch(struct state *s)
{
    bool is_get = s->method.n == 3;

    s->serial = store_serial(s->store);
    if (s->directives.flags & CC_ONLY_IF_CACHED) {
        return refuse_uncached(s);
    }
    if (s->plan == PLAN_PART) { /* for this client alone */
        return WEIR_NEXT;
    }
    if (!is_get || s->plan == PLAN_PASS) { /* a HEAD's answer has nothing to store or to share */
        s->plan = s->plan == PLAN_VALIDATE ? PLAN_VALIDATE : PLAN_PASS;
        return WEIR_NEXT;
    }
    switch (begin(s)) {
    case FETCH_LEAD:
    case FETCH_ALONE:
        return WEIR_NEXT;
    case FETCH_PASS:
        s->plan = s->plan == PLAN_VALIDATE ? PLAN_VALIDATE : PLAN_PASS;
        s->status.detail = "min-uses";
        return WEIR_NEXT;
    default:
        break;
    }
    if (may_use_meanwhile(s)) {
        use_meanwhile(s);
        return WEIR_NEXT;
    }
    if (s->is_background) { /* it is being done */
        s->plan = PLAN_NONE;
        return weir_reply(s->req, 204, WEIR_REASON_CONFIGURED, WEIR_STR(""), WEIR_STR(""), NULL);
    }
    return s->conf->lock ? wait(s) : WEIR_NEXT;
}

static weir_rc decide_and_go_on(struct state *s)
{
    decide(s);
    return s->plan == PLAN_USE ? WEIR_NEXT : fetch(s);
}

static void on_verified(void *arg)
{
    struct verification *v = arg;

    /* The request may be gone; what was learned is kept in any case. */
    held_checked(v->held, v->is_right);
    weir_resume(v->token, WEIR_NEXT);
    held_release(v->held);
    free(v);
}

/* Bodies from before the start are compared with their checksum once. AGAIN: on another thread. */
static weir_rc verify(struct state *s)
{
    if (s->held->object.body_n <= VERIFY_AT_ONCE) {
        settle_verification(s, held_check_body(s->held));
        return WEIR_NEXT;
    }
    struct verification *v = calloc(1, sizeof(*v));
    if (!v) {
        settle_verification(s, false);
        return WEIR_NEXT;
    }
    v->held = s->held;
    held_retain(v->held);
    v->token = weir_suspend(s->req, 120000, NULL, NULL);
    if (!v->token || weir_offload(on_verify, on_verified, v) != WEIR_OK) {
        settle_verification(s, held_check_body(s->held));
        held_release(v->held);
        free(v);
        return WEIR_NEXT;
    }
    return WEIR_AGAIN;
}

weir_rc on_lookup(weir_req *req, const void *conf_)
{
    const struct cache_conf *conf = conf_;
    struct state *s = weir_ctx(req);

    start(s, req, conf);
    if (is_purge(s)) {
        return purge_request(s);
    }
    weir_eval(req, conf->real_key, &s->key);
    s->primary = id_of(s->key, (weir_str){NULL, 0});
    if (!is_looked_up(s)) {
        s->invalidates = true;
        return other_method(s);
    }
    if (any_says_yes(req, &conf->bypass)) {
        s->status.word = CACHE_BYPASS;
        s->status.fwd = FWD_BYPASS;
        s->plan = PLAN_FETCH;
        s->fetch = s->primary;
        s->serial = store_serial(s->store);
        cache_control_init(&s->directives);
        return WEIR_NEXT;
    }
    read_directives(s);
    struct message message = request_message(s);
    if (conditions_are_origins(&message)) {
        s->status.word = CACHE_MISS;
        s->status.fwd = FWD_REQUEST;
        s->status.detail = "precondition";
        s->plan = PLAN_PASS;
        return WEIR_NEXT;
    }
    find(s);
    if (s->held && !s->held->is_verified) {
        weir_rc rc = verify(s);

        if (rc == WEIR_AGAIN) {
            s->plan = PLAN_NONE; /* on_answer() decides */
            return rc;
        }
    }
    return decide_and_go_on(s);
}

/* After a wait, and when there was none: the answer, if the cache gives it. */
weir_rc on_answer(weir_req *req, const void *conf)
{
    struct state *s = weir_ctx(req);

    (void)conf;
    if (s->plan == PLAN_NONE && s->held) { /* its body was checked meanwhile */
        if (!s->held->is_verified) {
            hold(s, NULL);
        }
        weir_rc rc = decide_and_go_on(s);
        if (rc != WEIR_NEXT) {
            return rc;
        }
    }
    if (s->plan == PLAN_FOLLOW) {
        return answer_growing(s);
    }
    if (s->plan == PLAN_USE) {
        if (s->reuse.how == REUSE_BACKGROUND || s->status.word == CACHE_UPDATING) {
            refresh(s);
        }
        return answer_stored(s);
    }
    validate_request(s);
    return WEIR_NEXT;
}
