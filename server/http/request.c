/* SPDX-License-Identifier: Apache-2.0 */
#include "http/request.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/running.h"
#include "base/str.h"
#include "config/config.h"
#include "http/client.h"
#include "http/detour.h"
#include "http/filtering.h"
#include "http/maker.h"
#include "module/registry.h"
#include "upstream/exchange.h"

#include <stdio.h>
#include <sys/random.h>

/* ---- ids, reasons, logs ---- */

static const char *const reason_names[WEIR_REASON_COUNT] = {
    [WEIR_REASON_NONE] = "",
    [WEIR_REASON_DESTINATION_NOT_FOUND] = "destination_not_found",
    [WEIR_REASON_DESTINATION_UNAVAILABLE] = "destination_unavailable",
    [WEIR_REASON_DNS_ERROR] = "dns_error",
    [WEIR_REASON_CONNECTION_REFUSED] = "connection_refused",
    [WEIR_REASON_CONNECTION_TIMEOUT] = "connection_timeout",
    [WEIR_REASON_CONNECTION_TERMINATED] = "connection_terminated",
    [WEIR_REASON_CONNECTION_READ_TIMEOUT] = "connection_read_timeout",
    [WEIR_REASON_CONNECTION_WRITE_TIMEOUT] = "connection_write_timeout",
    [WEIR_REASON_CONNECTION_LIMIT_REACHED] = "connection_limit_reached",
    [WEIR_REASON_HTTP_REQUEST_ERROR] = "http_request_error",
    [WEIR_REASON_HTTP_REQUEST_DENIED] = "http_request_denied",
    [WEIR_REASON_HTTP_RESPONSE_INCOMPLETE] = "http_response_incomplete",
    [WEIR_REASON_HTTP_RESPONSE_HEADER_SIZE] = "http_response_header_section_size",
    [WEIR_REASON_HTTP_RESPONSE_TIMEOUT] = "http_response_timeout",
    [WEIR_REASON_HTTP_UPGRADE_FAILED] = "http_upgrade_failed",
    [WEIR_REASON_HTTP_PROTOCOL_ERROR] = "http_protocol_error",
    [WEIR_REASON_PROXY_LOOP_DETECTED] = "proxy_loop_detected",
    [WEIR_REASON_PROXY_INTERNAL_ERROR] = "proxy_internal_error",
    [WEIR_REASON_PROXY_CONFIGURATION_ERROR] = "proxy_configuration_error",
    [WEIR_REASON_LIMIT_EXCEEDED] = "limit_exceeded",
    [WEIR_REASON_ACCESS_DENIED] = "access_denied",
    [WEIR_REASON_ROUTE_NOT_FOUND] = "route_not_found",
    [WEIR_REASON_SITE_NOT_FOUND] = "site_not_found",
    [WEIR_REASON_FILE_NOT_FOUND] = "file_not_found",
    [WEIR_REASON_METHOD_NOT_ALLOWED] = "method_not_allowed",
    [WEIR_REASON_RANGE_NOT_SATISFIABLE] = "range_not_satisfiable",
    [WEIR_REASON_REQUEST_TIMEOUT] = "request_timeout",
    [WEIR_REASON_REQUEST_TOO_LARGE] = "request_too_large",
    [WEIR_REASON_CLIENT_GONE] = "client_gone",
    [WEIR_REASON_TLS_ERROR] = "tls_protocol_error",
    [WEIR_REASON_CONFIGURED] = "configured",
};

weir_str reason_name(weir_reason reason)
{
    return str_from(reason_names[reason]);
}

/* Random once per process, then mixed with a counter: unique without a system call each. */
void request_id_of(const uint64_t base[2], uint64_t serial, char id[REQUEST_ID_DIGITS + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t words[2] = {base[0], base[1] + serial};

    /* A bijective mix (of the murmur family), so that neighbours do not look alike. */
    words[1] = (words[1] ^ (words[1] >> 33)) * 0xff51afd7ed558ccdULL;
    words[1] = (words[1] ^ (words[1] >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    words[1] ^= words[1] >> 33;
    for (int i = 0; i < REQUEST_ID_DIGITS; i++) {
        id[i] = digits[(words[i / 16] >> (i % 16 * 4)) & 15];
    }
    id[REQUEST_ID_DIGITS] = '\0';
}

weir_str request_id(struct weir_req *req)
{
    if (req->id[0] == '\0') {
        if (running->id_base[0] == 0 &&
            getrandom(running->id_base, sizeof(running->id_base), 0) != sizeof(running->id_base)) {
            running->id_base[0] = clock_us();
        }
        request_id_of(running->id_base, req->serial, req->id);
    }
    return (weir_str){req->id, REQUEST_ID_DIGITS};
}

const struct addr *request_addr(const struct weir_req *req)
{
    return req->addr ? req->addr : &req->client->addr;
}

void request_vlog(const struct weir_req *req, weir_log_level level, const char *fmt, va_list args)
{
    struct log *log = req->route ? req->route->error_log : log_default;
    char prefix[ADDR_TEXT + 300];
    char addr[ADDR_TEXT];
    weir_str site = req->site && req->site->name_n ? req->site->names[0] : STR("-");

    if (level > log->level || req->is_quiet) {
        return;
    }
    addr_format_host(request_addr(req), addr);
    snprintf(prefix, sizeof(prefix), "[site %.*s] [client %s] [id %s] ",
             (int)(site.n > 128 ? 128 : site.n), site.p, addr,
             request_id((struct weir_req *)(uintptr_t)req).p);
    log_vwrite(log, level, prefix, fmt, args);
}

void request_log(const struct weir_req *req, weir_log_level level, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    request_vlog(req, level, fmt, args);
    va_end(args);
}

/* ---- suspension ---- */

struct suspension {
    struct weir_req *req; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
    weir_rc outcome;
    bool resumed;
    void (*on_cancel)(void *);
    void *arg;
    struct timer timer;
    struct later later;
};

/* Slots never move, since timers point into them. */
static struct suspension **slots;
static uint32_t slot_n, slot_free;

static void suspension_end(struct suspension *slot, uint32_t index)
{
    timer_fini(&slot->timer);
    loop_later_cancel(&slot->later);
    slot->req = NULL;
    slot->generation++;
    slot->next_free = slot_free;
    slot_free = index + 1;
}

static struct suspension *token_slot(weir_token token, uint32_t *index)
{
    *index = (uint32_t)(token >> 32) - 1;
    if (token >> 32 == 0 || *index >= slot_n || !slots[*index]->req ||
        slots[*index]->generation != (uint32_t)token) {
        return NULL;
    }
    return slots[*index];
}

static void go_on(struct suspension *slot, weir_rc outcome)
{
    struct weir_req *req = slot->req;
    uint32_t index;

    token_slot(req->token, &index);
    suspension_end(slot, index);
    req->suspended = false;
    req->token = 0;
    request_resumed(req, outcome);
    client_flush(req);
}

static void on_resumed(struct later *later)
{
    struct suspension *slot = container_of(later, struct suspension, later);

    go_on(slot, slot->outcome);
}

static void on_deadline(struct timer *timer)
{
    struct suspension *slot = container_of(timer, struct suspension, timer);

    request_log(slot->req, WEIR_LOG_ERROR, "a suspended module did not resume in time");
    if (slot->on_cancel) {
        slot->on_cancel(slot->arg);
    }
    go_on(slot, WEIR_ERROR);
}

weir_token request_suspend(struct weir_req *req, uint32_t deadline_ms, void (*on_cancel)(void *),
                           void *arg)
{
    uint32_t index;

    if (req->token || req->step >= STEP_RESPONSE) {
        return 0;
    }
    if (slot_free) {
        index = slot_free - 1;
        slot_free = slots[index]->next_free;
    } else {
        index = slot_n++;
        slots = mem_realloc(slots, slot_n * sizeof(*slots));
        slots[index] = mem_zalloc(sizeof(**slots));
    }
    struct suspension *slot = slots[index];
    slot->req = req;
    slot->resumed = false;
    slot->on_cancel = on_cancel;
    slot->arg = arg;
    slot->later = (struct later){.fn = on_resumed};
    timer_init(&slot->timer, on_deadline);
    timer_set(&slot->timer, clock_now.ms + deadline_ms);
    req->token = (uint64_t)(index + 1) << 32 | slot->generation;
    return req->token;
}

weir_rc request_resume(weir_token token, weir_rc outcome)
{
    uint32_t index;
    struct suspension *slot = token_slot(token, &index);

    if (!slot || slot->resumed) {
        return WEIR_GONE;
    }
    slot->resumed = true;
    slot->outcome = outcome;
    loop_later(&slot->later);
    return WEIR_OK;
}

static void cancel_suspension(struct weir_req *req)
{
    uint32_t index;
    struct suspension *slot = token_slot(req->token, &index);

    if (!slot) {
        return;
    }
    if (slot->on_cancel && !slot->resumed) {
        slot->on_cancel(slot->arg);
    }
    suspension_end(slot, index);
    req->token = 0;
}

/* ---- groups of regular expressions ---- */

void request_set_groups(struct weir_req *req, const weir_str *groups, int n)
{
    if (!req->groups) {
        req->groups = arena_alloc(&req->arena, REQUEST_GROUPS * sizeof(*req->groups));
    }
    for (int i = 0; i < REQUEST_GROUPS; i++) {
        req->groups[i] = i + 1 < n ? groups[i + 1] : (weir_str){0};
    }
}

/* ---- hooks ---- */

static weir_rc run_hook(struct weir_req *req, const struct plan_hook *hook, enum phase phase)
{
    struct account_call call = account_enter(hook->module, &hook->account);
    const char *outer_place = running->place;

    running->route = req->route;
    running->serial = req->serial;
    running->place = phase_name(phase);
    weir_rc rc = hook->hook->fn(req, hook->conf);
    running->place = outer_place;
    account_leave(&call);
    if (rc == WEIR_ERROR) {
        metric_count(hook->account.errors, 1);
    } else if (rc == WEIR_AGAIN) {
        req->waits_for = hook;
        req->waits_since_ms = clock_now.ms;
    }
    return rc;
}

/* ---- refusals that other hooks may overrule ---- */

/* A reply of a hook of the access phase, and the response's fields as they were before it. */
struct refusal {
    struct fields before;
    bool is_held;
    uint16_t status;
    weir_reason reason;
    weir_str type, body;
    const char *detail;
    struct fields fields;
};

static bool may_be_overruled(const struct weir_req *req)
{
    return req->step == STEP_ACCESS && req->route && req->route->satisfy == SATISFY_ANY;
}

static struct fields copy_fields(struct weir_req *req, const struct fields *from)
{
    struct fields copy = *from;

    copy.list = arena_alloc(&req->arena, (from->n + 1) * sizeof(*copy.list));
    copy.cap = from->n + 1;
    if (from->n) {
        memcpy(copy.list, from->list, from->n * sizeof(*copy.list));
    }
    return copy;
}

/* What a hook sets for its refusal goes with it. */
static void watch_for_refusal(struct weir_req *req)
{
    if (!req->refusal) {
        req->refusal = arena_zalloc(&req->arena, sizeof(*req->refusal));
    }
    req->refusal->before = copy_fields(req, &req->fields[WEIR_RESPONSE]);
}

/* The first refusal stands, but for one that asks for credentials: with those the client may yet
 * come in. */
static void hold(struct weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                 weir_str body, const char *detail)
{
    struct refusal *refusal = req->refusal;

    if (!refusal->is_held || (status == 401 && refusal->status != 401)) {
        refusal->is_held = true;
        refusal->status = (uint16_t)status;
        refusal->reason = reason;
        refusal->type = arena_dup(&req->arena, type);
        refusal->body = arena_dup(&req->arena, body);
        refusal->detail = detail;
        refusal->fields = req->fields[WEIR_RESPONSE];
    }
    req->fields[WEIR_RESPONSE] = copy_fields(req, &refusal->before);
}

void request_module_reply(struct weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                          weir_str body, const char *detail)
{
    if (may_be_overruled(req) && !req->responded && req->refusal) {
        hold(req, status, reason, type, body, detail);
    } else {
        request_reply(req, status, reason, type, body, detail);
    }
}

static weir_rc refuse_at_last(struct weir_req *req)
{
    struct refusal *refusal = req->refusal;

    req->fields[WEIR_RESPONSE] = refusal->fields;
    request_reply(req, refusal->status, refusal->reason, refusal->type, refusal->body,
                  refusal->detail);
    return WEIR_HANDLED;
}

/* ---- phases ---- */

static const char failed[] = "a module failed, and the route is closed";

/* In these phases a failure must not let a request through; elsewhere it goes on without. */
static bool is_closed_by_error(enum phase phase, const struct plan_hook *hook)
{
    return phase == PHASE_ACCESS || phase == PHASE_REWRITE ||
           hook->module->desc->flags & WEIR_MODULE_FAIL_CLOSED;
}

static weir_rc settle_error(struct weir_req *req, enum phase phase, const struct plan_hook *hook)
{
    request_log(req, WEIR_LOG_ERROR, "module %.*s failed in phase %s", (int)hook->module->name.n,
                hook->module->name.p, phase_name(phase));
    if (!is_closed_by_error(phase, hook)) {
        return WEIR_NEXT;
    }
    if (!may_be_overruled(req)) {
        return WEIR_ERROR;
    }
    hold(req, 503, WEIR_REASON_PROXY_INTERNAL_ERROR, (weir_str){0}, (weir_str){0}, failed);
    return WEIR_NEXT;
}

/* What a hook's word means for its phase. NEXT: the next hook; DONE: the phase is over; anything
 * else ends the request's way through the phases. */
static weir_rc settle(struct weir_req *req, enum phase phase, const struct plan_hook *hook,
                      weir_rc rc)
{
    if (rc == WEIR_AGAIN && !req->token) {
        request_log(req, WEIR_LOG_ERROR,
                    "module %.*s waits in phase %s without having suspended the request",
                    (int)hook->module->name.n, hook->module->name.p, phase_name(phase));
        rc = WEIR_ERROR;
    }
    if (rc == WEIR_ERROR) {
        return settle_error(req, phase, hook);
    }
    if (phase != PHASE_ACCESS) {
        return rc;
    }
    if (!may_be_overruled(req)) {
        return rc == WEIR_DONE ? WEIR_NEXT : rc; /* every hook has to agree */
    }
    if (rc == WEIR_DONE) {
        req->refusal->is_held = false;
    }
    return rc == WEIR_HANDLED && !req->responded && req->refusal->is_held ? WEIR_NEXT : rc;
}

/* Runs a phase from req->hook_at on: NEXT (all done or DONE), HANDLED, AGAIN or ERROR. */
static weir_rc run_phase(struct weir_req *req, enum phase phase)
{
    const struct plan_hook *hooks = req->plan->hooks[phase];
    uint32_t n = req->plan->hook_n[phase];

    while (req->hook_at < n) {
        const struct plan_hook *hook = &hooks[req->hook_at++];

        if (may_be_overruled(req)) {
            watch_for_refusal(req);
        }
        weir_rc rc = settle(req, phase, hook, run_hook(req, hook, phase));
        if (rc == WEIR_DONE) {
            break;
        }
        if (rc != WEIR_NEXT) {
            return rc;
        }
    }
    req->hook_at = 0;
    return req->refusal && req->refusal->is_held ? refuse_at_last(req) : WEIR_NEXT;
}

/* A phase whose hooks only look or edit: all of them, whatever they say. */
static void run_all(struct weir_req *req, enum phase phase)
{
    const struct plan_hook *hooks = req->plan->hooks[phase];

    for (uint32_t i = 0; i < req->plan->hook_n[phase]; i++) {
        if (run_hook(req, &hooks[i], phase) == WEIR_ERROR) {
            request_log(req, WEIR_LOG_ERROR, "module %.*s failed in phase %s",
                        (int)hooks[i].module->name.n, hooks[i].module->name.p, phase_name(phase));
        }
    }
}

/* ---- site and route ---- */

static void use_route(struct weir_req *req, struct route *route)
{
    req->route = route;
    req->plan = req->detour ? detour_plan(req, &route->plan) : &route->plan;
    req->limits = &route->client;
}

static bool choose_site(struct weir_req *req)
{
    req->site = listener_find_site(req->listener, req->host);
    if (!req->site) {
        request_reply(req, 421, WEIR_REASON_SITE_NOT_FOUND, (weir_str){0}, (weir_str){0},
                      "no site has this name on this listener: add it to a site's `names`, or "
                      "give one site `default = true`");
        return false;
    }
    use_route(req, req->site->self);
    return true;
}

static void reply_not_allowed(struct weir_req *req, uint32_t allowed)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } methods[] = {{METHOD_GET, "GET"},         {METHOD_HEAD, "HEAD"},   {METHOD_POST, "POST"},
                   {METHOD_PUT, "PUT"},         {METHOD_DELETE, "DELETE"},
                   {METHOD_OPTIONS, "OPTIONS"}, {METHOD_PATCH, "PATCH"}};
    char text[80] = "";
    size_t n = 0;

    for (size_t i = 0; i < WEIR_COUNT(methods); i++) {
        if (allowed & methods[i].bit) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
                                  methods[i].name);
        }
    }
    fields_add(&req->fields[WEIR_RESPONSE], WEIR_F_ALLOW, field_name(WEIR_F_ALLOW),
               arena_dup(&req->arena, (weir_str){text, n}), 0);
    request_reply(req, 405, WEIR_REASON_METHOD_NOT_ALLOWED, (weir_str){0}, (weir_str){0},
                  "the route's `methods` do not name this one");
}

/* False: a reply was made. */
static bool choose_route(struct weir_req *req)
{
    uint32_t allowed = 0;
    const struct routed by = {.path = req->uri.path,
                              .method = req->head.method,
                              .fields = &req->fields[WEIR_REQUEST],
                              .query = req->uri.query};
    struct route *route = site_find_route(req->site, &by, &allowed);

    use_route(req, route);
    if (route->internal && !req->is_inside) {
        request_reply(req, 404, WEIR_REASON_ROUTE_NOT_FOUND, (weir_str){0}, (weir_str){0},
                      "the route is internal: no client may ask for it");
        return false;
    }
    if (allowed && route->kind == ROUTE_SITE && !route->plan.handler) {
        reply_not_allowed(req, allowed);
        return false;
    }
    return true;
}

/* Parses req->target. False: a reply was made. */
static bool parse_target(struct weir_req *req)
{
    enum uri_result result = URI_OK;

    if (req->head.method == METHOD_CONNECT) {
        req->close_after = true; /* what follows may be meant for the tunnel */
        request_reply(req, 405, WEIR_REASON_METHOD_NOT_ALLOWED, (weir_str){0}, (weir_str){0},
                      "weir is a reverse proxy: CONNECT is for forward proxies");
        return false;
    }
    result = uri_parse(req->target, &req->arena, &req->uri);
    if (result != URI_OK) {
        req->close_after = true;
        request_reply(req, 400, WEIR_REASON_HTTP_REQUEST_ERROR, (weir_str){0}, (weir_str){0},
                      uri_error(result));
        return false;
    }
    return true;
}

/* Host in lower case, and without the port. */
static void set_host(struct weir_req *req)
{
    uint16_t port;
    weir_str host = {0};

    req->authority = req->head.authority;
    if (req->authority.n == 0 || !http1_split_authority(req->authority, &host, &port)) {
        return;
    }
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] != ascii_lower(host.p[i])) {
            char *lower = arena_alloc(&req->arena, host.n);

            for (size_t k = 0; k < host.n; k++) {
                lower[k] = ascii_lower(host.p[k]);
            }
            host.p = lower;
            break;
        }
    }
    req->host = host;
}

/* ---- the life ---- */

void request_begin(struct weir_req *req)
{
    traffic_begin(req);
    req->plan = &config_current->top_plan;
    req->target = req->head.target;
    req->close_after = !req->head.keep_alive || !client_is_kept(req->client);
    set_host(req);
    if (!parse_target(req)) {
        return;
    }
    req->step = STEP_START;
    request_advance(req);
}

static bool body_is_allowed(struct weir_req *req)
{
    const struct client_conf *limits = req->limits;
    bool too_large = req->head.framing == FRAMING_LENGTH
                         ? req->head.content_length > limits->max_body
                         : req->body_in_total > limits->max_body;

    if (limits->max_body == 0 || !too_large) {
        return true;
    }
    /* Reading it only to throw it away helps nobody. */
    req->close_after = true;
    request_reply(req, 413, WEIR_REASON_REQUEST_TOO_LARGE, (weir_str){0}, (weir_str){0}, NULL);
    return false;
}

/* "%2F" is no slash, but a file's name has none either: whoever maps paths to files would see
 * another path than the one that the rules were written for. */
static bool slash_is_allowed(const struct weir_req *req)
{
    if (!req->uri.has_escaped_slash || req->limits->encoded_slash == SLASH_KEEP) {
        return true;
    }
    return req->limits->encoded_slash == SLASH_AUTO &&
           !(req->plan->handler->desc->flags & WEIR_MODULE_DECODED_PATH);
}

static bool rewritten_again(struct weir_req *req);

/* The handler has sent the request elsewhere: the other route's phases run, too. */
static void route_again(struct weir_req *req)
{
    if (rewritten_again(req)) {
        req->step = STEP_REWRITE;
        request_advance(req);
    }
}

static void run_content(struct weir_req *req)
{
    const struct plan *plan = req->plan;

    if (!plan->handler) {
        request_reply(req, 404, WEIR_REASON_ROUTE_NOT_FOUND, (weir_str){0}, (weir_str){0},
                      "the route has no content: give it proxy, static, respond or redirect");
        return;
    }
    if (!slash_is_allowed(req)) {
        request_reply(req, 400, WEIR_REASON_HTTP_REQUEST_ERROR, (weir_str){0}, (weir_str){0},
                      "the path has an escaped slash: client.encoded_slash = \"keep\" lets it pass");
        return;
    }
    const weir_handler_ops *ops = plan->handler->desc->handler;
    struct account_call call = account_enter(plan->handler, &plan->handler_account);
    running->route = req->route;
    running->serial = req->serial;
    running->place = "content";
    weir_rc rc = ops->start(req, plan->handler_conf);
    running->place = NULL;
    account_leave(&call);
    if (rc == WEIR_ERROR) {
        metric_count(plan->handler_account.errors, 1);
    }
    if (rc == WEIR_MORE && req->responded) {
        maker_attach_handler(req);
        return;
    }
    if (rc == WEIR_HANDLED && (req->responded || req->exchange || detour_is_due(req))) {
        return;
    }
    if (rc == WEIR_AGAIN && req->token) {
        return;
    }
    if (rc == WEIR_NEXT && req->rewritten) {
        route_again(req);
        return;
    }
    if (rc == WEIR_NEXT && !req->responded) {
        request_reply(req, 404, WEIR_REASON_FILE_NOT_FOUND, (weir_str){0}, (weir_str){0}, NULL);
        return;
    }
    request_log(req, WEIR_LOG_ERROR, "module %.*s failed to make a response",
                (int)plan->handler->name.n, plan->handler->name.p);
    request_reply(req, 502, WEIR_REASON_PROXY_INTERNAL_ERROR, (weir_str){0}, (weir_str){0},
                  "a module failed to make a response");
}

/* REQ_REWRITE hooks may send the request to another route, whose hooks run then. False: stop. */
static bool rewritten_again(struct weir_req *req)
{
    struct route *before = req->route;

    if (!req->rewritten) {
        return true;
    }
    req->rewritten = false;
    req->is_inside = true;
    if (++req->rewrite_rounds > REWRITE_ROUNDS) {
        request_reply(req, 500, WEIR_REASON_PROXY_CONFIGURATION_ERROR, (weir_str){0},
                      (weir_str){0}, "rewrite rules send this request round in circles");
        return false;
    }
    if (!parse_target(req) || !choose_route(req)) {
        return false;
    }
    if (req->route != before) {
        req->step = STEP_REWRITE;
    }
    return true;
}

/* What a hook's ERROR means where the phase is closed on failure. */
static void reply_failed(struct weir_req *req)
{
    uint32_t status = req->step == STEP_REWRITE ? 500 : req->step == STEP_CONTENT ? 502 : 503;

    if (!req->responded) {
        request_reply(req, status, WEIR_REASON_PROXY_INTERNAL_ERROR, (weir_str){0}, (weir_str){0},
                      failed);
    }
}

/* A module that the route cannot do without is in quarantine. True: a reply was made. */
static bool is_closed(struct weir_req *req)
{
    const struct module *module = req->plan->closed_by;

    if (!module) {
        return false;
    }
    weir_str detail = arena_printf(&req->arena,
                                   "module %.*s is in quarantine, since workers died in it again "
                                   "and again: mend it, then reload",
                                   (int)module->name.n, module->name.p);
    request_reply(req, 503, WEIR_REASON_PROXY_INTERNAL_ERROR, (weir_str){0}, (weir_str){0},
                  detail.p);
    return true;
}

/* What is under way needs the rest of the memory, and gives back what it has; when nothing is, somebody
 * leaks, and this worker had better come to its end. True: a reply was made. */
static bool is_shed(struct weir_req *req)
{
    const struct module *handler = req->plan->handler;

    if (!memory_is_short() || traffic_live() < 2 || (handler && handler->desc->flags & WEIR_MODULE_ESSENTIAL)) {
        return false;
    }
    req->close_after = true;
    request_reply(req, 503, WEIR_REASON_LIMIT_EXCEEDED, (weir_str){0}, (weir_str){0},
                  "four fifths of server.worker_memory are in use: no more is begun until less is");
    return true;
}

static const enum phase phase_of_step[] = {
    [STEP_START] = PHASE_START,     [STEP_REWRITE] = PHASE_REWRITE, [STEP_LIMIT] = PHASE_LIMIT,
    [STEP_ACCESS] = PHASE_ACCESS,   [STEP_PREPARE] = PHASE_PREPARE, [STEP_LOOKUP] = PHASE_LOOKUP,
};

/* What the host does between two phases. False: a reply was made. */
static bool step_over(struct weir_req *req)
{
    enum step done = req->step++;

    switch (done) {
    case STEP_START:
        return choose_site(req) && choose_route(req);
    case STEP_PREPARE:
        filtering_begin_request(req);
        return true;
    case STEP_REWRITE:
        return rewritten_again(req) &&
               (req->step != STEP_LIMIT || (!is_closed(req) && !is_shed(req) && body_is_allowed(req)));
    default:
        return true;
    }
}

void request_advance(struct weir_req *req)
{
    while (req->step < STEP_CONTENT) {
        weir_rc rc = run_phase(req, phase_of_step[req->step]);

        if (rc == WEIR_AGAIN) {
            return;
        }
        if (rc != WEIR_NEXT || req->responded) {
            reply_failed(req);
            return;
        }
        if (!step_over(req)) {
            return;
        }
    }
    if (req->step == STEP_CONTENT) {
        run_content(req);
    }
}

void request_go_elsewhere(struct weir_req *req, weir_str target, struct route *route,
                          enum step from)
{
    cancel_suspension(req);
    if (req->source && req->source->cancel) {
        req->source->cancel(req);
    }
    req->source = NULL;
    req->exchange = NULL;
    req->waits_for = NULL;
    req->refusal = NULL;
    req->hook_at = 0;
    req->rewritten = false;
    req->is_replaced = false;
    req->status = 0;
    req->reason = WEIR_REASON_NONE;
    req->reason_detail = NULL;
    req->trailers.n = 0;
    chain_clear(&req->body);
    if (route) {
        use_route(req, route);
    } else {
        req->target = target;
        if (!parse_target(req) || !choose_route(req)) {
            return;
        }
    }
    if (!req->detour->rule && !req->route->internal) {
        request_reply(req, 502, WEIR_REASON_HTTP_PROTOCOL_ERROR, (weir_str){0}, (weir_str){0},
                      "a backend's X-Accel-Redirect leads to a route that is not `internal`");
        return;
    }
    if (!is_closed(req)) {
        req->step = from;
        request_advance(req);
    }
}

void request_resumed(struct weir_req *req, weir_rc outcome)
{
    if (req->waits_for) {
        metric_count(req->waits_for->account.suspended_ms,
                     (int64_t)(clock_now.ms - req->waits_since_ms));
        req->waits_for = NULL;
    }
    if (req->responded || detour_is_due(req)) {
        return;
    }
    if (req->step < STEP_CONTENT) {
        enum phase phase = phase_of_step[req->step];

        outcome = settle(req, phase, &req->plan->hooks[phase][req->hook_at - 1], outcome);
    }
    if (outcome == WEIR_DONE && req->step < STEP_CONTENT) {
        req->hook_at = UINT32_MAX; /* the rest of the phase is skipped */
    } else if (outcome != WEIR_NEXT) {
        reply_failed(req);
        return;
    }
    request_advance(req);
}

/* ---- the end ---- */

static void free_contexts(struct weir_req *req)
{
    const struct registry *registry = &config_current->registry;

    for (uint32_t i = 0; i < registry->module_n; i++) {
        const struct module *module = registry->modules[i];

        if (req->ctx[module->ctx_index] && module->desc->ctx_free) {
            module_running = module;
            module->desc->ctx_free(req->ctx[module->ctx_index]);
            module_running = NULL;
        }
    }
}

/* Modules of routes that the request has left hear of its end, too. */
static void end_left(struct weir_req *req)
{
    for (const struct detour *detour = req->detour; detour; detour = detour->before) {
        for (uint32_t i = 0; i < detour->left->hook_n[PHASE_END]; i++) {
            const struct plan_hook *hook = &detour->left->hooks[PHASE_END][i];

            if (!plan_conf(req->plan, hook->module)) {
                run_hook(req, hook, PHASE_END);
            }
        }
    }
}

void request_drop_body_buf(struct weir_req *req)
{
    if (req->body_buf) {
        buf_release(req->body_buf);
        req->body_buf = NULL;
    }
}

void request_end(struct weir_req *req)
{
    if (req->status == 0) {
        req->status = STATUS_CLIENT_GONE; /* nobody was there to be answered: for the logs */
    }
    if (!req->is_inner) {
        traffic_end(req);
    }
    if (req->plan) {
        run_all(req, PHASE_LOG);
        run_all(req, PHASE_END);
    }
    if (req->detour) {
        end_left(req);
        detour_end(req);
    }
    cancel_suspension(req);
    loop_later_cancel(&req->body_wanted);
    filtering_end(req);
    if (req->source && req->source->cancel) {
        req->source->cancel(req);
    }
    if (req->ctx) {
        free_contexts(req);
    }
    chain_clear(&req->body_in);
    chain_clear(&req->body);
    chain_clear(&req->out);
    if (req->out_text) {
        buf_release(req->out_text);
    }
    request_drop_body_buf(req);
    if (req->head_buf) {
        buf_release(req->head_buf);
    }
    struct arena arena = req->arena; /* req itself is in it */
    arena_fini(&arena);
}

bool request_is_answered_instead(struct weir_req *req)
{
    const struct plan_hook *hooks = req->plan->hooks[PHASE_UP_RESPONSE];

    for (uint32_t i = 0; i < req->plan->hook_n[PHASE_UP_RESPONSE] && !req->responded; i++) {
        run_hook(req, &hooks[i], PHASE_UP_RESPONSE);
    }
    return req->responded || detour_is_due(req);
}

void request_run_response_hooks(struct weir_req *req, enum phase phase)
{
    run_all(req, phase);
}

/* ---- the body, with and without filters ---- */

struct weir_chain *request_body(struct weir_req *req)
{
    return req->body_filters ? filtering_body(req) : &req->body_in;
}

bool request_body_is_done(const struct weir_req *req)
{
    return req->body_filters ? filtering_body_is_done(req) : req->body_in_done;
}

uint64_t request_body_total(const struct weir_req *req)
{
    return req->body_filters ? filtering_body_total(req) : req->body_in_total;
}

void request_deliver_body(struct weir_req *req)
{
    if (req->body_filters) {
        filtering_deliver_body(req);
    } else {
        req->source->request_body(req);
    }
}
