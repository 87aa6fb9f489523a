/* SPDX-License-Identifier: Apache-2.0 */
#include "http/traffic.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/str.h"
#include "config/config.h"
#include "config/scope.h"
#include "http/request.h"

#define LABELS 200

static struct traffic nobodys; /* requests for which there is no site */
static uint32_t reasons[WEIR_REASON_COUNT];
static uint32_t responses, failed;
static uint32_t connections, accepted, live;
static unsigned live_n;

/* A label's value: quotes and backslashes are escaped. */
static void put_label(char out[LABELS], const char *name, weir_str value)
{
    size_t n = (size_t)snprintf(out, LABELS, "%s=\"", name);

    for (size_t i = 0; i < value.n && n < LABELS - 4; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\') {
            out[n++] = '\\';
        }
        out[n++] = value.p[i];
    }
    out[n++] = '"';
    out[n] = '\0';
}

static struct traffic define_site(weir_str name)
{
    static const char *const classes[] = {"gone", "1xx", "2xx", "3xx", "4xx", "5xx"};
    struct traffic traffic;
    char site[LABELS], labels[LABELS + 20];

    put_label(site, "site", name);
    for (int i = 0; i < 6; i++) {
        snprintf(labels, sizeof(labels), "%s,class=\"%s\"", site, classes[i]);
        traffic.responses[i] = metric_define("weir_responses_total", WEIR_METRIC_COUNTER, labels,
                                             "Requests that ended, by the response's status.");
    }
    traffic.sent = metric_define("weir_sent_bytes_total", WEIR_METRIC_COUNTER, site,
                                 "Bytes of responses, heads included.");
    traffic.received = metric_define("weir_received_bytes_total", WEIR_METRIC_COUNTER, site,
                                     "Bytes of request bodies.");
    traffic.duration = metric_define("weir_request_duration_seconds", WEIR_METRIC_HISTOGRAM, site,
                                     "From the head's arrival to the last byte sent.");
    return traffic;
}

/* ---- modules ---- */

/* Constant for everybody else; it is not in use yet. */
static void define_account(const struct account *account, const struct module *module,
                           const char *phase, const char *site)
{
    char labels[2 * LABELS];

    if (account->calls) {
        return; /* routes share it */
    }
    snprintf(labels, sizeof(labels), "module=\"%.*s\",phase=\"%s\",%s", (int)module->name.n,
             module->name.p, phase, site);
    *(struct account *)(uintptr_t)account = (struct account){
        .calls = metric_define("weir_module_calls_total", WEIR_METRIC_COUNTER, labels,
                               "Calls of a module's functions."),
        .errors = metric_define("weir_module_errors_total", WEIR_METRIC_COUNTER, labels,
                                "Calls that failed."),
        .usec = metric_define("weir_module_microseconds_total", WEIR_METRIC_COUNTER, labels,
                              "Time in a module's own code, estimated from one call in 64."),
        .suspended_ms =
            metric_define("weir_module_suspended_milliseconds_total", WEIR_METRIC_COUNTER, labels,
                          "Time that requests waited for a module."),
    };
}

static void define_plan(const struct plan *plan, const char *site)
{
    static const char *const bodies[] = {[WEIR_REQUEST] = "request_body",
                                         [WEIR_RESPONSE] = "response_body"};

    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        for (uint32_t i = 0; i < plan->hook_n[phase]; i++) {
            const struct plan_hook *hook = &plan->hooks[phase][i];

            define_account(&hook->account, hook->module, phase_name((enum phase)phase), site);
        }
    }
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < plan->filter_n[side]; i++) {
            const struct plan_filter *filter = &plan->filters[side][i];

            define_account(&filter->account, filter->module, bodies[side], site);
        }
    }
    if (plan->handler) {
        define_account(&plan->handler_account, plan->handler, "content", site);
    }
}

/* Its own, or those that the configuration defines by it. */
static bool has_variables(const struct module *module)
{
    const weir_opt *row = schema_row(module_rows(module), STR("*"), WEIR_S_TOP);

    return module->desc->var_n || (row && row->flags & WEIR_OPT_VARIABLES);
}

/* What is not called for one site's sake. */
static void define_module(const struct module *module)
{
    const weir_module *desc = module->desc;
    const struct {
        const char *phase;
        bool is_used;
    } kinds[] = {
        [ACCOUNT_BODY] = {"body", desc->hooks || desc->handler},
        [ACCOUNT_TRANSPORT] = {"transport", desc->transport},
        [ACCOUNT_CODEC] = {"codec", desc->codec},
        [ACCOUNT_BALANCER] = {"balancer", desc->balancers},
        [ACCOUNT_VARIABLE] = {"variable", has_variables(module)},
        [ACCOUNT_CALLBACK] = {"callback", true},
    };

    for (int kind = 0; kind < ACCOUNT_COUNT; kind++) {
        if (kinds[kind].is_used) {
            define_account(&module->accounts[kind], module, kinds[kind].phase, "site=\"\"");
        }
    }
}

static void define_modules(const struct config *config)
{
    char label[LABELS];

    for (uint32_t i = 0; i < config->registry.module_n; i++) {
        define_module(config->registry.modules[i]);
    }
    define_plan(&config->top_plan, "site=\"\"");
    for (uint32_t i = 0; i < config->site_n; i++) {
        const struct site *site = config->sites[i];

        put_label(label, "site", site->name_n ? site->names[0] : STR("*"));
        define_plan(&site->self->plan, label);
        for (uint32_t k = 0; k < site->route_n; k++) {
            define_plan(&site->routes[k]->plan, label);
        }
    }
}

static void define_host(void)
{
    responses = metric_define("weir_worker_responses_total", WEIR_METRIC_COUNTER, NULL,
                              "Requests that ended.");
    failed = metric_define("weir_worker_failures_total", WEIR_METRIC_COUNTER, NULL,
                           "Responses with a status of 500 and up.");
    connections =
        metric_define("weir_connections", WEIR_METRIC_GAUGE, NULL, "Connections of clients now.");
    accepted = metric_define("weir_connections_total", WEIR_METRIC_COUNTER, NULL,
                             "Connections that clients made.");
    live = metric_define("weir_requests", WEIR_METRIC_GAUGE, NULL, "Requests under way now.");
    for (int i = 1; i < WEIR_REASON_COUNT; i++) {
        char label[LABELS];

        put_label(label, "reason", reason_name((weir_reason)i));
        reasons[i] = metric_define("weir_reasons_total", WEIR_METRIC_COUNTER, label,
                                   "Responses that weir made itself, and why.");
    }
}

void traffic_define(struct config *config)
{
    define_host();
    nobodys = define_site(STR(""));
    for (uint32_t i = 0; i < config->site_n; i++) {
        struct site *site = config->sites[i];

        site->traffic = define_site(site->name_n ? site->names[0] : STR("*"));
    }
    define_modules(config);
}

/* ---- counting ---- */

void traffic_connection(int n)
{
    metric_count(connections, n);
    if (n > 0) {
        metric_count(accepted, n);
    }
}

void traffic_begin(struct weir_req *req)
{
    req->is_counted = true;
    live_n++;
    metric_count(live, 1);
}

unsigned traffic_live(void)
{
    return live_n;
}

void traffic_end(const struct weir_req *req)
{
    const struct traffic *traffic = req->site ? &req->site->traffic : &nobodys;
    unsigned class = req->status / 100;

    if (req->is_counted) {
        live_n--;
        metric_count(live, -1);
    } else if (!req->responded) {
        return; /* part of a head came, and then nothing */
    }
    metric_count(responses, 1);
    if (class == 5) {
        metric_count(failed, 1);
    }
    metric_count(traffic->responses[class < 6 && req->status != STATUS_CLIENT_GONE ? class : 0], 1);
    metric_count(traffic->sent, (int64_t)req->bytes_sent);
    metric_count(traffic->received, (int64_t)req->body_in_total);
    if (!req->upgraded) {
        metric_add(traffic->duration, (int64_t)(clock_us() - req->start_us));
    }
    if (req->reason) {
        metric_count(reasons[req->reason], 1);
    }
}

void traffic_of_slot(uint32_t slot, int64_t *all, int64_t *with_5xx)
{
    *all = metric_of_slot(responses, slot);
    *with_5xx = metric_of_slot(failed, slot);
}
