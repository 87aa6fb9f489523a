/* SPDX-License-Identifier: Apache-2.0 */
#include "http/detour.h"

#include "base/memory.h"
#include "base/str.h"
#include "config/config.h"
#include "http/background.h"
#include "http/client.h"
#include "http/grpc.h"
#include "http/template.h"
#include "module/registry.h"

#define DETOURS 8 /* one after the other, for one request */

static bool keeps_status(const struct detour *detour)
{
    return detour->rule && detour->rule->answer != ON_ERROR_OWN;
}

/* ---- which entry ---- */

static bool was_used(const struct weir_req *req, const struct on_error *rule)
{
    for (const struct detour *detour = req->detour; detour; detour = detour->before) {
        if (detour->rule == rule) {
            return true;
        }
    }
    return false;
}

/* A module's own request and a refresh of the cache have nobody who would read it; a gRPC client reads
 * no bodies. */
static bool is_read(struct weir_req *req)
{
    return !req->is_inner && !background_is(req) && !grpc_is_call(req);
}

/* NULL: none. */
static const struct on_error *find_rule(struct weir_req *req, uint32_t status, bool of_backend)
{
    const struct on_errors *errors = req->route ? &req->route->on_errors : &config_current->on_errors;

    for (uint32_t i = 0; i < errors->n; i++) {
        const struct on_error *rule = errors->list[i];

        if (!status_set_has(&rule->status, status) || (of_backend && !rule->upstream) ||
            (rule->path && !req->site)) {
            continue;
        }
        if (!is_read(req)) {
            return NULL;
        }
        if (!was_used(req, rule)) {
            return rule;
        }
        request_log(req, WEIR_LOG_WARN, "on_error (%s:%u) goes round in circles: its own answer is %u; "
                    "the next entry is tried", rule->source.file, rule->source.line, status);
    }
    return NULL;
}

/* ---- setting out ---- */

static struct route *route_named(const struct site *site, weir_str name)
{
    for (uint32_t i = 0; site && i < site->route_n; i++) {
        if (str_eq(site->routes[i]->name, name)) {
            return site->routes[i];
        }
    }
    return NULL;
}

/* What belongs to a body that is not passed on, or to another version of what is asked for. */
static void drop_fields(struct weir_req *req, bool is_error)
{
    static const uint32_t of_body[] = {WEIR_F_CONTENT_LENGTH, WEIR_F_CONTENT_TYPE,
                                       WEIR_F_CONTENT_ENCODING, WEIR_F_TRANSFER_ENCODING,
                                       WEIR_F_EXPECT, WEIR_F_UPGRADE};
    static const uint32_t of_version[] = {WEIR_F_RANGE, WEIR_F_IF_RANGE, WEIR_F_IF_MATCH,
                                          WEIR_F_IF_NONE_MATCH, WEIR_F_IF_MODIFIED_SINCE,
                                          WEIR_F_IF_UNMODIFIED_SINCE};
    struct fields *fields = &req->fields[WEIR_REQUEST];

    for (size_t i = 0; i < WEIR_COUNT(of_body); i++) {
        fields_remove(fields, of_body[i], field_name(of_body[i]));
    }
    for (size_t i = 0; is_error && i < WEIR_COUNT(of_version); i++) {
        fields_remove(fields, of_version[i], field_name(of_version[i]));
    }
}

static void set_out(struct later *later)
{
    struct detour *detour = container_of(later, struct detour, later);
    struct weir_req *req = detour->req;

    detour->is_due = false;
    if (detour->wrong) {
        request_reply(req, detour->rule ? 500 : 502,
                      detour->rule ? WEIR_REASON_PROXY_CONFIGURATION_ERROR
                                   : WEIR_REASON_HTTP_PROTOCOL_ERROR,
                      (weir_str){0}, (weir_str){0}, detour->wrong);
        client_flush(req);
        return;
    }
    req->is_inside = true;
    if (req->head.method != METHOD_HEAD) {
        req->head.method = METHOD_GET;
        req->head.method_name = STR("GET");
    }
    req->head.framing = FRAMING_NONE; /* the codec knows by itself what is still to be skipped */
    req->head.upgrade = false;
    req->is_extended_connect = false;
    drop_fields(req, detour->rule != NULL);
    /* Whoever meets the error is shown what stands for it; a backend's wish is for what this client
     * may have. */
    request_go_elsewhere(req, detour->target, detour->route,
                         detour->rule ? STEP_PREPARE : STEP_ACCESS);
    client_flush(req);
}

static struct detour *create(struct weir_req *req, const struct on_error *rule)
{
    struct detour *detour = arena_zalloc(&req->arena, sizeof(*detour));
    const struct detour *before = req->detour;

    *detour = (struct detour){
        .req = req,
        .before = req->detour,
        .rule = rule,
        .left = req->plan,
        .method = before ? before->method : req->head.method,
        .method_name = before ? before->method_name : req->head.method_name,
    };
    return detour;
}

static bool are_too_many(const struct weir_req *req)
{
    unsigned n = 0;

    for (const struct detour *detour = req->detour; detour; detour = detour->before) {
        n++;
    }
    return n >= DETOURS;
}

static void start(struct weir_req *req, struct detour *detour)
{
    detour->is_due = true;
    detour->later.fn = set_out;
    req->wants_body = false;
    req->step = STEP_RESPONSE;
    req->detour = detour;
    loop_later(&detour->later);
}

/* ---- errors ---- */

/* The route that was to make an error's answer has failed itself: the error is told in plain text. */
static void fall_back(struct weir_req *req, struct answer *answer)
{
    struct detour *detour = req->detour;
    const struct on_error *rule = detour->rule;

    detour->has_failed = true;
    request_log(req, WEIR_LOG_WARN, "on_error (%s:%u): %.*s answers %u %s%s%s: the plain text is sent",
                rule->source.file, rule->source.line, (int)req->target.n, req->target.p,
                answer->status, reason_name(answer->reason).p, answer->detail ? ": " : "",
                answer->detail ? answer->detail : "");
    *answer = (struct answer){.status = detour->status,
                              .reason = detour->reason,
                              .detail = detour->reason_detail};
}

static void use_text(struct weir_req *req, const struct on_error *rule, struct answer *answer)
{
    struct fields *fields = &req->fields[WEIR_RESPONSE];

    req->status = (uint16_t)answer->status;
    answer->body = rule->text ? template_eval(req, rule->text) : rule->file;
    answer->type = rule->type;
    answer->status = rule->answer ? rule->answer : answer->status;
    req->status = (uint16_t)answer->status;
    fields_set(fields, WEIR_F_CACHE_CONTROL, field_name(WEIR_F_CACHE_CONTROL), STR("no-store"), 0);
}

static void find_target(struct weir_req *req, const struct on_error *rule, struct detour *detour)
{
    if (rule->name.n) {
        detour->route = route_named(req->site, rule->name);
    } else {
        req->status = detour->status;
        detour->target = arena_dup(&req->arena, template_eval(req, rule->path));
    }
    if (!detour->route && (detour->target.n == 0 || detour->target.p[0] != '/')) {
        detour->wrong = arena_printf(&req->arena, "\"%.*s\" is no path of this site",
                                     (int)detour->target.n, detour->target.p).p;
    }
}

static void leave(struct weir_req *req, const struct on_error *rule, const struct answer *answer,
                  bool was_prepared)
{
    struct detour *detour = create(req, rule);

    detour->status = (uint16_t)answer->status;
    detour->reason = answer->reason;
    detour->reason_detail = answer->detail;
    detour->was_prepared = was_prepared;
    find_target(req, rule, detour);
    start(req, detour);
}

bool detour_on_error(struct weir_req *req, struct answer *answer)
{
    bool was_prepared = req->step > STEP_PREPARE;

    if (req->detour && keeps_status(req->detour) && answer->status >= 400) {
        fall_back(req, answer);
        return false;
    }
    if (answer->status < 300 || (answer->reason == WEIR_REASON_CONFIGURED && answer->body.n) ||
        (req->detour && keeps_status(req->detour))) {
        return false;
    }
    if (req->detour) {
        req->detour->kept_n = 0; /* it was about an answer that does not come */
    }
    const struct on_error *rule = find_rule(req, answer->status, false);
    if (!rule) {
        return false;
    }
    if (rule->path) {
        leave(req, rule, answer, was_prepared);
        return true;
    }
    use_text(req, rule, answer);
    return false;
}

/* ---- backends ---- */

static bool is_kept(const weir_field *field, bool is_wish)
{
    switch (field->id) {
    case WEIR_F_CONTENT_TYPE:
    case WEIR_F_CONTENT_DISPOSITION:
    case WEIR_F_CONTENT_LANGUAGE:
    case WEIR_F_CACHE_CONTROL:
    case WEIR_F_EXPIRES:
        return is_wish;
    case WEIR_F_WWW_AUTHENTICATE:
    case WEIR_F_RETRY_AFTER:
    case WEIR_F_ALLOW:
        return !is_wish;
    case WEIR_F_SET_COOKIE:
        return true;
    default:
        return field->flags & WEIR_FIELD_RULE; /* a module's, for whatever is answered */
    }
}

/* The backend's answer goes, and with it its buffer, that fields point into. */
static void drop_answer(struct weir_req *req, struct detour *detour)
{
    struct fields *fields = &req->fields[WEIR_RESPONSE];
    struct fields rest;

    fields_init(&rest, &req->arena);
    detour->kept = arena_alloc(&req->arena, (fields->n + 1) * sizeof(*detour->kept));
    for (uint32_t i = 0; i < fields->n; i++) {
        if (!is_kept(&fields->list[i], detour->rule == NULL)) {
            continue;
        }
        weir_field field = field_dup(&req->arena, &fields->list[i]);
        if (field.flags & WEIR_FIELD_RULE) {
            fields_add(&rest, field.id, field.name, field.value, field.flags);
        } else {
            detour->kept[detour->kept_n++] = field;
        }
    }
    *fields = rest;
}

/* A text stands for it: what is kept is sent with that. */
static void put_kept(struct weir_req *req, const struct detour *detour)
{
    struct fields *fields = &req->fields[WEIR_RESPONSE];

    for (uint32_t i = 0; i < detour->kept_n; i++) {
        const weir_field *field = &detour->kept[i];

        if (field->id == WEIR_F_SET_COOKIE || field->id == WEIR_F_WWW_AUTHENTICATE) {
            fields_add(fields, field->id, field->name, field->value, field->flags);
        } else {
            fields_set(fields, field->id, field->name, field->value, field->flags);
        }
    }
}

static void replace(struct weir_req *req, const struct on_error *rule)
{
    struct answer answer = {.status = req->status, .reason = WEIR_REASON_CONFIGURED};
    struct detour *detour = create(req, rule);

    request_log(req, WEIR_LOG_INFO, "%u of a backend: \"%.*s %.*s\": on_error (%s:%u) answers instead",
                req->status, (int)req->head.method_name.n, req->head.method_name.p,
                (int)(req->target.n > 400 ? 400 : req->target.n), req->target.p, rule->source.file,
                rule->source.line);
    drop_answer(req, detour);
    if (!rule->path) {
        put_kept(req, detour);
        use_text(req, rule, &answer);
        request_answer(req, &answer);
        return;
    }
    detour->status = (uint16_t)answer.status;
    detour->was_prepared = true;
    find_target(req, rule, detour);
    start(req, detour);
}

/* X-Accel-Redirect: /path?query, or @NAME. */
static void follow_wish(struct weir_req *req, weir_str to)
{
    struct detour *detour = create(req, NULL);

    detour->status = req->status;
    detour->was_prepared = true;
    detour->target = arena_dup(&req->arena, to);
    if (to.n > 1 && to.p[0] == '@') {
        detour->route = route_named(req->site, (weir_str){to.p + 1, to.n - 1});
        detour->wrong = detour->route ? NULL
                                      : "its X-Accel-Redirect names a route that the site does not have";
    } else if (to.n == 0 || to.p[0] != '/' || !http1_target_is_valid(to)) {
        detour->wrong = "its X-Accel-Redirect is no path";
    }
    if (are_too_many(req)) {
        detour->wrong = "X-Accel-Redirect goes round in circles";
    }
    drop_answer(req, detour);
    start(req, detour);
}

bool detour_instead(struct weir_req *req, bool accepts_wish)
{
    struct fields *fields = &req->fields[WEIR_RESPONSE];
    const weir_field *wish = fields_get(fields, WEIR_F_X_ACCEL_REDIRECT);
    const struct on_error *rule = NULL;

    if (wish && accepts_wish && is_read(req) && req->site) {
        follow_wish(req, wish->value);
        return true;
    }
    if (wish) {
        request_log(req, WEIR_LOG_INFO, "a backend's X-Accel-Redirect is left alone: the route does not "
                    "say accel_redirect = true");
        fields_remove(fields, WEIR_F_X_ACCEL_REDIRECT, field_name(WEIR_F_X_ACCEL_REDIRECT));
    }
    if (req->status >= 300 && !(req->detour && keeps_status(req->detour))) {
        rule = find_rule(req, req->status, true);
    }
    if (rule) {
        replace(req, rule);
    }
    return rule != NULL;
}

/* ---- arriving ---- */

/* They are about a page, not about what was asked for; and by a page's age caches would reckon how long
 * they may keep the error (RFC 9111, 4.2.2). */
static void drop_fields_of_page(struct weir_req *req)
{
    struct fields *fields = &req->fields[WEIR_RESPONSE];

    fields_remove(fields, WEIR_F_LAST_MODIFIED, field_name(WEIR_F_LAST_MODIFIED));
    fields_remove(fields, WEIR_F_ACCEPT_RANGES, field_name(WEIR_F_ACCEPT_RANGES));
}

uint32_t detour_arrived(struct weir_req *req, uint32_t status)
{
    const struct detour *detour = req->detour;

    req->head.method = detour->method;
    req->head.method_name = detour->method_name;
    put_kept(req, detour);
    if (!keeps_status(detour) || detour->has_failed) {
        return status;
    }
    req->reason = detour->reason;
    req->reason_detail = detour->reason_detail;
    status = detour->rule->answer ? detour->rule->answer : detour->status;
    if (status >= 400) {
        drop_fields_of_page(req);
    }
    return status;
}

static bool has_run(const struct plan *left, const struct plan_hook *hook)
{
    for (uint32_t i = 0; i < left->hook_n[PHASE_PREPARE]; i++) {
        if (left->hooks[PHASE_PREPARE][i].conf == hook->conf &&
            left->hooks[PHASE_PREPARE][i].module == hook->module) {
            return true;
        }
    }
    return false;
}

/* What the two routes have in common of the requests' rules has been done. */
static void leave_out_hooks(struct weir_req *req, struct plan *plan)
{
    uint32_t n = plan->hook_n[PHASE_PREPARE];
    struct plan_hook *hooks = arena_alloc(&req->arena, (n + 1) * sizeof(*hooks));

    plan->hook_n[PHASE_PREPARE] = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct plan_hook *hook = &plan->hooks[PHASE_PREPARE][i];
        bool is_done = false;

        for (const struct detour *d = req->detour; d && !is_done; d = d->before) {
            is_done = d->was_prepared && has_run(d->left, hook);
        }
        if (!is_done) {
            hooks[plan->hook_n[PHASE_PREPARE]++] = *hook;
        }
    }
    plan->hooks[PHASE_PREPARE] = hooks;
}

/* A store would take the answer for that of the path that the client asked for. */
static void leave_out_stores(struct weir_req *req, struct plan *plan)
{
    uint32_t n = plan->filter_n[WEIR_RESPONSE];
    struct plan_filter *filters = arena_alloc(&req->arena, (n + 1) * sizeof(*filters));

    plan->filter_n[WEIR_RESPONSE] = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (plan->filters[WEIR_RESPONSE][i].ops->stage != WEIR_FILTER_CAPTURE) {
            filters[plan->filter_n[WEIR_RESPONSE]++] = plan->filters[WEIR_RESPONSE][i];
        }
    }
    plan->filters[WEIR_RESPONSE] = filters;
}

const struct plan *detour_plan(struct weir_req *req, const struct plan *of_route)
{
    struct plan *plan = arena_alloc(&req->arena, sizeof(*plan));

    *plan = *of_route;
    plan->hook_n[PHASE_LIMIT] = 0; /* it counts once */
    plan->hook_n[PHASE_LOOKUP] = 0;
    plan->hook_n[PHASE_UP_RESPONSE] = 0;
    if (req->detour->rule) {
        plan->hook_n[PHASE_ACCESS] = 0;
    }
    leave_out_hooks(req, plan);
    leave_out_stores(req, plan);
    return plan;
}

void detour_end(struct weir_req *req)
{
    loop_later_cancel(&req->detour->later);
}
