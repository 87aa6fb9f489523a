/* SPDX-License-Identifier: Apache-2.0 */
#include "freshness.h"

#include "http_date.h"
#include "words.h"

bool status_is_heuristic(uint32_t status)
{
    switch (status) {
    case 200:
    case 203:
    case 204:
    case 206:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
        return true;
    default:
        return false;
    }
}

/* Statuses whose meaning for a cache is implemented here, for must-understand. */
static bool status_is_understood(uint32_t status)
{
    return status_is_heuristic(status) || status == 302 || status == 303 || status == 307 ||
           status == 400 || status == 403 || (status >= 500 && status <= 504);
}

/* ---- directives ---- */

static bool read_targeted(const struct message *response, weir_str name, struct cache_control *cc,
                          char *scratch)
{
    weir_str value;

    return message_joined(response, name, scratch, SCRATCH_SIZE, &value) &&
           cache_control_targeted(cc, value);
}

void directives_of(const struct message *response, uint32_t ignore, struct cache_control *cc,
                   char *scratch, bool *targeted)
{
    cache_control_init(cc);
    *targeted = true;
    if (!(ignore & IGNORE_TARGETED) &&
        read_targeted(response, WEIR_STR("CDN-Cache-Control"), cc, scratch)) {
        return;
    }
    if (!(ignore & IGNORE_SURROGATE) &&
        read_targeted(response, WEIR_STR("Surrogate-Control"), cc, scratch)) {
        return;
    }
    *targeted = false;
    for (size_t i = 0; i < response->n && !(ignore & IGNORE_CACHE_CONTROL); i++) {
        if (response->fields[i].id == WEIR_F_CACHE_CONTROL) {
            cache_control_add(cc, response->fields[i].value);
        }
    }
}

/* ---- ages and lifetimes ---- */

/* Of a list the first member counts; what is not a number is ignored (RFC 9111, 5.1). */
static int64_t age_value(const struct message *response)
{
    weir_str value, member;
    int64_t seconds;

    if (!message_get(response, WEIR_F_AGE, &value) || !list_next(&value, &member) ||
        !word_number(member, SECONDS_MAX, &seconds)) {
        return 0;
    }
    return seconds;
}

static void compute_age(const struct exchange_head *head, struct freshness *f)
{
    int64_t delay_ms = head->response_ms - head->request_ms;
    int64_t response_s = head->response_ms / 1000;
    weir_str value;

    f->response_ms = head->response_ms;
    f->date_s = response_s;
    if (message_get(&head->response, WEIR_F_DATE, &value)) {
        http_date_parse(value, response_s, &f->date_s);
    }
    int64_t apparent_ms = response_s > f->date_s ? (response_s - f->date_s) * 1000 : 0;
    int64_t corrected_ms = age_value(&head->response) * 1000 + (delay_ms > 0 ? delay_ms : 0);
    f->age_ms = corrected_ms > apparent_ms ? corrected_ms : apparent_ms;
}

/* What Expires gives; an invalid or repeated one is in the past (5.3). */
static int64_t expires_lifetime(const struct message *response, const struct freshness *f)
{
    int64_t when;
    weir_str value;

    message_get(response, WEIR_F_EXPIRES, &value);
    if (message_count(response, WEIR_F_EXPIRES) != 1 ||
        !http_date_parse(value, f->response_ms / 1000, &when) || when <= f->date_s) {
        return 0;
    }
    return when - f->date_s;
}

static int64_t heuristic_lifetime(const struct exchange_head *head, const struct store_rules *rules,
                                  const struct freshness *f)
{
    weir_str value;
    int64_t when;

    if (rules->heuristic_percent == 0 ||
        !message_get(&head->response, WEIR_F_LAST_MODIFIED, &value) ||
        !http_date_parse(value, f->response_ms / 1000, &when) || when >= f->date_s) {
        return 0;
    }
    int64_t seconds = (f->date_s - when) * rules->heuristic_percent / 100;
    return seconds < rules->heuristic_max_s ? seconds : rules->heuristic_max_s;
}

static void compute_lifetime(const struct exchange_head *head, const struct store_rules *rules,
                             const struct cache_control *cc, bool targeted, struct freshness *f)
{
    bool has_expires = !targeted && !(rules->ignore & IGNORE_EXPIRES) &&
                       message_count(&head->response, WEIR_F_EXPIRES) > 0;

    f->flags |= FRESHNESS_EXPLICIT;
    if (cc->s_maxage >= 0) {
        f->lifetime_s = cc->s_maxage;
    } else if (cc->max_age >= 0) {
        f->lifetime_s = cc->max_age;
    } else if (has_expires) {
        f->lifetime_s = expires_lifetime(&head->response, f);
    } else if (rules->valid_s >= 0) {
        f->flags &= ~(uint32_t)FRESHNESS_EXPLICIT;
        f->lifetime_s = rules->valid_s;
    } else {
        bool may_guess = status_is_heuristic(head->status) || cc->flags & CC_PUBLIC;

        f->flags &= ~(uint32_t)FRESHNESS_EXPLICIT;
        f->lifetime_s = may_guess ? heuristic_lifetime(head, rules, f) : 0;
        f->flags |= f->lifetime_s ? FRESHNESS_HEURISTIC : 0;
    }
}

static void keep_directives(const struct cache_control *cc, struct freshness *f)
{
    f->stale_while_revalidate_s = cc->stale_while_revalidate;
    f->stale_if_error_s = cc->stale_if_error;
    if (cc->flags & (CC_MUST_REVALIDATE | CC_PROXY_REVALIDATE) || cc->s_maxage >= 0) {
        f->flags |= FRESHNESS_MUST_REVALIDATE;
    }
    if (cc->flags & CC_NO_CACHE) {
        f->flags |= FRESHNESS_NO_CACHE;
    }
    if (cc->flags & CC_IMMUTABLE) {
        f->flags |= FRESHNESS_IMMUTABLE;
    }
}

/* ---- storing ---- */

const char *store_reason_text(enum store_reason reason)
{
    static const char *const texts[] = {
        [STORE_YES] = "stored",
        [STORE_METHOD] = "method",
        [STORE_REQUEST_NO_STORE] = "request-no-store",
        [STORE_NO_STORE] = "no-store",
        [STORE_PRIVATE] = "private",
        [STORE_AUTHORIZATION] = "authorization",
        [STORE_SET_COOKIE] = "set-cookie",
        [STORE_VARY] = "vary-any",
        [STORE_STATUS] = "status",
        [STORE_NOTHING_SAID] = "no-lifetime",
        [STORE_EXPIRED] = "expired",
    };

    return texts[reason];
}

/* The fields' list names it. */
static bool names(weir_str list, weir_str name)
{
    weir_str member;

    while (list_next(&list, &member)) {
        if (word_iis(member, name)) {
            return true;
        }
    }
    return false;
}

static bool varies_by_everything(const struct message *response)
{
    for (size_t i = 0; i < response->n; i++) {
        if (response->fields[i].id == WEIR_F_VARY &&
            names(response->fields[i].value, WEIR_STR("*"))) {
            return true;
        }
    }
    return false;
}

static bool has_validator(const struct message *response)
{
    weir_str value;

    return message_get(response, WEIR_F_ETAG, &value) ||
           message_get(response, WEIR_F_LAST_MODIFIED, &value);
}

/* Set-Cookie is somebody's own, unless the response says to leave it out, or the admin does. */
static bool has_kept_cookie(const struct message *response, const struct cache_control *cc,
                            uint32_t ignore)
{
    weir_str value;

    return !(ignore & IGNORE_SET_COOKIE) && message_get(response, WEIR_F_SET_COOKIE, &value) &&
           !names(cc->no_cache_fields, WEIR_STR("Set-Cookie")) &&
           !names(cc->private_fields, WEIR_STR("Set-Cookie"));
}

static enum store_reason forbidden(const struct exchange_head *head,
                                   const struct store_rules *rules,
                                   const struct cache_control *request,
                                   const struct cache_control *cc)
{
    bool understood = cc->flags & CC_MUST_UNDERSTAND && status_is_understood(head->status);
    weir_str value;

    if (!word_is(head->method, WEIR_STR("GET"))) {
        return STORE_METHOD;
    }
    if (request->flags & CC_NO_STORE) {
        return STORE_REQUEST_NO_STORE;
    }
    if (cc->flags & CC_MUST_UNDERSTAND && !understood) {
        return STORE_STATUS;
    }
    if (cc->flags & CC_NO_STORE && !understood) { /* 5.2.2.3: no-store is for those who do not */
        return STORE_NO_STORE;
    }
    if (cc->flags & CC_PRIVATE) {
        return STORE_PRIVATE;
    }
    if (head->status < 200 || head->status == 206 || head->status == 304) {
        return STORE_STATUS;
    }
    if (message_get(&head->request, WEIR_F_AUTHORIZATION, &value) &&
        !(cc->flags & (CC_PUBLIC | CC_MUST_REVALIDATE)) && cc->s_maxage < 0) { /* 3.5 */
        return STORE_AUTHORIZATION;
    }
    if (has_kept_cookie(&head->response, cc, rules->ignore)) {
        return STORE_SET_COOKIE;
    }
    if (!(rules->ignore & IGNORE_VARY) && varies_by_everything(&head->response)) {
        return STORE_VARY;
    }
    return STORE_YES;
}

enum store_reason store_decide(const struct exchange_head *head, const struct store_rules *rules,
                               const struct cache_control *request, struct cache_control *cc,
                               char *scratch, struct freshness *f)
{
    bool targeted;

    *f = (struct freshness){0};
    directives_of(&head->response, rules->ignore, cc, scratch, &targeted);
    compute_age(head, f);
    compute_lifetime(head, rules, cc, targeted, f);
    keep_directives(cc, f);
    enum store_reason reason = forbidden(head, rules, request, cc);
    if (reason != STORE_YES) {
        return reason;
    }
    bool said = f->flags & FRESHNESS_EXPLICIT || cc->flags & CC_PUBLIC ||
                status_is_heuristic(head->status) || rules->valid_s >= 0;
    if (!said) {
        return STORE_STATUS;
    }
    if (f->lifetime_s * 1000 > f->age_ms || has_validator(&head->response) ||
        f->stale_while_revalidate_s > 0 || f->stale_if_error_s > 0) {
        return STORE_YES;
    }
    return f->flags & FRESHNESS_EXPLICIT ? STORE_EXPIRED : STORE_NOTHING_SAID;
}

bool field_is_stored(const weir_field *field, const struct cache_control *cc, uint32_t ignore)
{
    switch (field->id) {
    case WEIR_F_CONNECTION: /* 3.1 */
    case WEIR_F_KEEP_ALIVE:
    case WEIR_F_PROXY_CONNECTION:
    case WEIR_F_TRANSFER_ENCODING:
    case WEIR_F_TE:
    case WEIR_F_TRAILER:
    case WEIR_F_UPGRADE:
    case WEIR_F_PROXY_AUTHENTICATE:
    case WEIR_F_PROXY_AUTHORIZATION:
    case WEIR_F_CONTENT_LENGTH: /* known from what is stored */
    case WEIR_F_AGE:            /* made anew for each use */
    case WEIR_F_DATE:           /* kept in the freshness */
        return false;
    case WEIR_F_SET_COOKIE:
        if (ignore & IGNORE_SET_COOKIE) {
            return false;
        }
        break;
    default:
        if (word_iis(field->name, WEIR_STR("Proxy-Authentication-Info")) ||
            word_iis(field->name, WEIR_STR("Surrogate-Control"))) {
            return false;
        }
        break;
    }
    return !names(cc->no_cache_fields, field->name) && !names(cc->private_fields, field->name);
}

/* ---- using ---- */

struct reuse reuse_decide(const struct freshness *f, const struct cache_control *request,
                          int64_t now_ms)
{
    int64_t resident_ms = now_ms > f->response_ms ? now_ms - f->response_ms : 0;
    int64_t age_ms = f->age_ms + resident_ms;
    int64_t left_ms = f->lifetime_s * 1000 - age_ms;
    struct reuse reuse = {.how = REUSE_REVALIDATE,
                          .age_s = age_ms / 1000,
                          /* rounded away from zero, so that -1 is stale and 1 is fresh */
                          .ttl_s = left_ms > 0 ? (left_ms + 999) / 1000 : left_ms / 1000};
    bool is_fresh = left_ms > 0;

    if (f->flags & FRESHNESS_NO_CACHE) {
        reuse.why = "no-cache";
    } else if (request->flags & CC_NO_CACHE && !(is_fresh && f->flags & FRESHNESS_IMMUTABLE)) {
        reuse.why = "request-no-cache";
    } else if (request->max_age >= 0 && age_ms > request->max_age * 1000 &&
               !(is_fresh && f->flags & FRESHNESS_IMMUTABLE)) {
        reuse.why = "request-max-age";
    } else if (request->min_fresh >= 0 && left_ms < request->min_fresh * 1000) {
        reuse.why = "request-min-fresh";
    } else if (is_fresh) {
        reuse.how = REUSE_FRESH;
    } else if (f->flags & FRESHNESS_MUST_REVALIDATE) {
        reuse.why = "must-revalidate";
    } else if (request->flags & CC_MAX_STALE_ANY || -left_ms <= request->max_stale * 1000) {
        reuse.how = REUSE_STALE;
        reuse.why = "request-max-stale";
    } else if (f->stale_while_revalidate_s >= 0 &&
               -left_ms <= f->stale_while_revalidate_s * 1000) {
        reuse.how = REUSE_BACKGROUND;
        reuse.why = "stale-while-revalidate";
    } else {
        reuse.why = "expired";
    }
    return reuse;
}

bool reuse_on_error(const struct freshness *f, int64_t now_ms, bool configured)
{
    int64_t stale_ms = f->age_ms + (now_ms - f->response_ms) - f->lifetime_s * 1000;

    if (f->flags & (FRESHNESS_MUST_REVALIDATE | FRESHNESS_NO_CACHE)) {
        return false;
    }
    return configured || stale_ms <= 0 ||
           (f->stale_if_error_s >= 0 && stale_ms <= f->stale_if_error_s * 1000);
}
