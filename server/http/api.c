/* SPDX-License-Identifier: Apache-2.0 */
/* http/api.c - the tables that modules get: thin, since the work is done where it belongs. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/running.h"
#include "base/str.h"
#include "base/zone.h"
#include "config/cfg_api.h"
#include "http/background.h"
#include "http/client.h"
#include "http/codec.h"
#include "http/codec_server.h"
#include "http/conn_phase.h"
#include "http/fetch.h"
#include "http/keeping.h"
#include "http/filtering.h"
#include "http/maker.h"
#include "http/server.h"
#include "http/template.h"
#include "module/answer.h"
#include "module/regex.h"
#include "module/registry.h"
#include "module/watch.h"
#include "net/offload.h"
#include "net/watch.h"
#include "upstream/exchange.h"

#define EVAL_PARTS 16

/* ---- requests ---- */

static weir_str client_addr(const weir_req *req)
{
    char text[ADDR_TEXT];
    size_t n = addr_format_host(request_addr(req), text);
    weir_req *writable = (weir_req *)(uintptr_t)req;

    return arena_dup(&writable->arena, (weir_str){text, n});
}

static weir_str client_port(const weir_req *req)
{
    weir_req *writable = (weir_req *)(uintptr_t)req;

    return arena_printf(&writable->arena, "%u", addr_port(request_addr(req)));
}

static weir_str api_get(const weir_req *req, weir_get_what what)
{
    weir_req *writable = (weir_req *)(uintptr_t)req; /* caches and texts are made on demand */

    switch (what) {
    case WEIR_GET_METHOD:
        return req->head.method_name;
    case WEIR_GET_SCHEME:
        return req->listener->tls ? STR("https") : STR("http");
    case WEIR_GET_HOST:
        return req->host;
    case WEIR_GET_AUTHORITY:
        return req->authority;
    case WEIR_GET_TARGET:
        return req->target;
    case WEIR_GET_PATH:
        return req->uri.path;
    case WEIR_GET_RAW_PATH:
        return req->uri.raw;
    case WEIR_GET_QUERY:
        return req->uri.query;
    case WEIR_GET_CLIENT_ADDR:
        return client_addr(req);
    case WEIR_GET_CLIENT_PORT:
        return client_port(req);
    case WEIR_GET_ID:
        return request_id(writable);
    case WEIR_GET_SITE:
        return req->site && req->site->name_n ? req->site->names[0] : STR("");
    case WEIR_GET_ROUTE:
        return req->route ? req->route->name : STR("");
    case WEIR_GET_ROUTE_PREFIX:
        return req->route && req->route->kind == ROUTE_PREFIX ? req->route->path : STR("");
    case WEIR_GET_PROTOCOL:
        return req->client->codec ? STR("HTTP/2.0")
               : req->head.minor  ? STR("HTTP/1.1")
                                  : STR("HTTP/1.0");
    }
    return STR("");
}

static weir_rc found(const weir_field *field, weir_str *out)
{
    *out = field ? field->value : STR("");
    return field ? WEIR_OK : WEIR_NOTFOUND;
}

static weir_rc api_field(const weir_req *req, weir_side side, uint32_t id, weir_str *out)
{
    return found(fields_get(&req->fields[side], id), out);
}

static weir_rc api_field_named(const weir_req *req, weir_side side, weir_str name, weir_str *out)
{
    return found(fields_get_named(&req->fields[side], name), out);
}

static size_t api_fields(const weir_req *req, weir_side side, weir_field *out, size_t max,
                         size_t from)
{
    const struct fields *fields = &req->fields[side];
    size_t n = 0;

    while (n < max && from + n < fields->n) {
        out[n] = fields->list[from + n];
        n++;
    }
    return n;
}

static weir_rc api_edit(weir_req *req, weir_side side, weir_edit_op op, uint32_t id, weir_str name,
                        weir_str value)
{
    struct fields *fields = &req->fields[side];
    bool is_known = id && !name.p;

    if (is_known) {
        name = field_name(id);
    } else if (id == 0) {
        id = field_id(name);
        is_known = id != 0;
    }
    if (op == WEIR_REMOVE) {
        fields_remove(fields, id, name);
        return WEIR_OK;
    }
    if (!field_value_is_valid(value) || (!is_known && !field_name_is_valid(name))) {
        return WEIR_ERROR;
    }
    if (op == WEIR_SET) {
        fields_set(fields, id, name, value, WEIR_FIELD_RULE);
    } else {
        fields_add(fields, id, name, value, WEIR_FIELD_RULE);
    }
    return WEIR_OK;
}

static uint32_t api_status(const weir_req *req)
{
    return req->status;
}

static int64_t api_length(const weir_req *req)
{
    return req->length;
}

static weir_rc api_set_status(weir_req *req, uint32_t status)
{
    if (req->responded || status < 200 || status > 999) {
        return WEIR_ERROR;
    }
    req->status = (uint16_t)status;
    return WEIR_OK;
}

static weir_rc api_rewrite(weir_req *req, weir_str target)
{
    if ((req->step != STEP_REWRITE && req->step != STEP_CONTENT) || target.n == 0 || target.p[0] != '/') {
        return WEIR_ERROR;
    }
    req->target = arena_dup(&req->arena, target);
    req->rewritten = true;
    return WEIR_OK;
}

static weir_rc api_reply(weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                         weir_str body, const char *detail)
{
    request_module_reply(req, status, reason, type, body,
                         detail ? arena_strdup(&req->arena, detail) : NULL);
    return WEIR_HANDLED;
}

static weir_rc api_respond(weir_req *req, uint32_t status, int64_t length)
{
    bool whole = !chain_is_empty(&req->body) || length == 0;

    if (req->responded) {
        return WEIR_ERROR;
    }
    if (length < 0 && whole) {
        length = (int64_t)req->body.bytes;
    }
    response_start(req, status, length);
    response_add(req, &req->body);
    if (whole || req->bodyless) {
        response_finish(req);
    }
    return WEIR_HANDLED;
}

static weir_chain *api_body(weir_req *req)
{
    return &req->body;
}

static weir_rc api_set_client_addr(weir_req *req, weir_str text)
{
    struct addr *addr = arena_alloc(&req->arena, sizeof(*addr));

    if (addr_parse_client(text, addr) != 0) {
        return WEIR_ERROR;
    }
    req->addr = addr;
    return WEIR_OK;
}

static void api_set_user(weir_req *req, weir_str name)
{
    req->user = name;
}

static weir_str eval_part(weir_req *req, const struct template_part *part)
{
    weir_str value = {0};

    if (!part->variable) {
        return part->text;
    }
    const struct module *module = part->variable->module;
    if (!module) {
        return part->variable->get(req, part->suffix, &value) == WEIR_OK ? value : (weir_str){0};
    }
    struct account_call call = account_enter(module, &module->accounts[ACCOUNT_VARIABLE]);
    if (part->variable->get(req, part->suffix, &value) != WEIR_OK) {
        value = (weir_str){0};
    }
    account_leave(&call);
    return value;
}

weir_str template_eval(weir_req *req, const weir_template *template_)
{
    weir_str few[EVAL_PARTS];
    weir_str *values = few;
    size_t n = 0;

    if (!template_) {
        return STR("");
    }
    if (template_->constant.p) {
        return template_->constant;
    }
    if (template_->n == 1) {
        weir_str value = eval_part(req, &template_->parts[0]);
        return value.p ? value : STR("");
    }
    if (template_->n > EVAL_PARTS) {
        values = arena_alloc(&req->arena, template_->n * sizeof(*values));
    }
    for (uint16_t i = 0; i < template_->n; i++) {
        values[i] = eval_part(req, &template_->parts[i]);
        n += values[i].n;
    }
    char *text = arena_alloc(&req->arena, n + 1);
    char *at = text;
    for (uint16_t i = 0; i < template_->n; i++) {
        if (values[i].n) {
            memcpy(at, values[i].p, values[i].n);
            at += values[i].n;
        }
    }
    *at = '\0';
    return (weir_str){text, n};
}

static weir_rc api_eval(weir_req *req, const weir_template *template_, weir_str *out)
{
    *out = template_eval(req, template_);
    return WEIR_OK;
}

static void *api_alloc(weir_req *req, size_t size)
{
    return arena_alloc(&req->arena, size);
}

static void *api_ctx(weir_req *req)
{
    const struct module *module = module_running;

    if (!module || module->desc->ctx_size == 0) {
        return NULL;
    }
    if (!req->ctx) {
        req->ctx = arena_zalloc(&req->arena,
                                config_current->registry.module_n * sizeof(*req->ctx));
    }
    if (!req->ctx[module->ctx_index]) {
        req->ctx[module->ctx_index] = arena_zalloc(&req->arena, module->desc->ctx_size);
    }
    return req->ctx[module->ctx_index];
}

static weir_reason api_reason(const weir_req *req, weir_str *name, weir_str *detail)
{
    if (name) {
        *name = reason_name(req->reason);
    }
    if (detail) {
        *detail = str_from(req->reason_detail);
    }
    return req->reason;
}

static void api_set_groups(weir_req *req, const weir_str *groups, int n)
{
    request_set_groups(req, groups, n);
}

static const weir_req_api req_api = {
    .size = sizeof(req_api),
    .get = api_get,
    .field = api_field,
    .field_named = api_field_named,
    .fields = api_fields,
    .edit = api_edit,
    .status = api_status,
    .set_status = api_set_status,
    .rewrite = api_rewrite,
    .reply = api_reply,
    .respond = api_respond,
    .body = api_body,
    .forward = exchange_start,
    .eval = api_eval,
    .alloc = api_alloc,
    .ctx = api_ctx,
    .reason = api_reason,
    .set_groups = api_set_groups,
    .set_client_addr = api_set_client_addr,
    .conn = conn_phase_handle,
    .length = api_length,
    .set_user = api_set_user,
};

/* ---- chains ---- */

static uint64_t api_bytes(const weir_chain *chain)
{
    return chain->bytes;
}

static weir_rc api_copy(weir_chain *chain, const void *bytes, size_t n)
{
    chain_add_copy(chain, bytes, n);
    return WEIR_OK;
}

static weir_rc api_add_ref(weir_chain *chain, const void *bytes, size_t n, void (*unref)(void *),
                           void *arg)
{
    chain_add_ref(chain, bytes, n, unref, arg);
    return WEIR_OK;
}

static weir_rc api_add_file(weir_chain *chain, int fd, uint64_t offset, uint64_t n,
                            void (*unref)(void *), void *arg)
{
    chain_add_file(chain, fd, offset, n, unref, arg);
    return WEIR_OK;
}

static bool api_first(weir_chain *chain, weir_str *bytes)
{
    if (!chain_load_first(chain)) {
        *bytes = (weir_str){0};
        return false;
    }
    *bytes = (weir_str){chain->first->p, chain->first->n};
    return true;
}

static const weir_chain_api chain_api = {
    .size = sizeof(chain_api),
    .bytes = api_bytes,
    .copy = api_copy,
    .add_ref = api_add_ref,
    .add_file = api_add_file,
    .room = filter_chain_room,
    .first = api_first,
    .drop = chain_drop,
    .move = chain_move,
    .reserve = filter_chain_reserve,
    .commit = chain_commit,
};

/* ---- time ---- */

struct api_timer {
    struct timer timer;
    uint64_t number;
    void (*fn)(void *);
    void *arg;
    const struct module *module; /* whose it is */
    struct api_timer *next;
};

static struct api_timer *api_timers;

static uint64_t api_now_ms(void)
{
    return clock_now.ms;
}

static int64_t api_wall_ms(void)
{
    return clock_now.wall_ms;
}

static void api_timer_free(struct api_timer *timer)
{
    struct api_timer **at = &api_timers;

    while (*at != timer) {
        at = &(*at)->next;
    }
    *at = timer->next;
    timer_fini(&timer->timer);
    free(timer);
}

static void on_api_timer(struct timer *timer)
{
    struct api_timer *mine = container_of(timer, struct api_timer, timer);
    void (*fn)(void *) = mine->fn;
    void *arg = mine->arg;

    struct account_call call = account_callback(mine->module);
    api_timer_free(mine);
    fn(arg);
    account_leave(&call);
}

static uint64_t api_timer_start(uint64_t ms, void (*fn)(void *), void *arg)
{
    static uint64_t last;
    struct api_timer *timer = mem_alloc(sizeof(*timer));

    *timer = (struct api_timer){.number = ++last,
                                .fn = fn,
                                .arg = arg,
                                .module = module_running,
                                .next = api_timers};
    timer_init(&timer->timer, on_api_timer);
    timer_set(&timer->timer, clock_now.ms + ms);
    api_timers = timer;
    return timer->number;
}

static void api_timer_stop(uint64_t number)
{
    for (struct api_timer *timer = api_timers; timer; timer = timer->next) {
        if (timer->number == number) {
            api_timer_free(timer);
            return;
        }
    }
}

static const weir_loop_api loop_api = {
    .size = sizeof(loop_api),
    .now_ms = api_now_ms,
    .wall_ms = api_wall_ms,
    .suspend = request_suspend,
    .resume = request_resume,
    .timer_start = api_timer_start,
    .timer_stop = api_timer_stop,
    .watch_start = watch_start,
    .watch_change = watch_change,
    .watch_stop = watch_stop,
    .waited_us = loop_waited_us,
};

/* ---- the rest ---- */

static void api_log(weir_log_level level, const weir_req *req, const char *fmt, va_list args)
{
    if (req) {
        request_vlog(req, level, fmt, args);
    } else {
        log_vwrite(log_default, level, NULL, fmt, args);
    }
}

static int64_t api_peer(const weir_peer *peer, uint32_t what)
{
    switch (what) {
    case WEIR_PEER_WEIGHT:
        return peer->state->weight ? peer->state->weight : peer->conf->weight;
    case WEIR_PEER_IN_FLIGHT:
        return peer->state->in_flight;
    case WEIR_PEER_IS_BACKUP:
        return peer->conf->backup;
    case WEIR_PEER_SHARE:
        return peer_share(peer);
    case WEIR_PEER_ID:
        return (int64_t)peer->id;
    case WEIR_PEER_SLOT:
        return peer->slot;
    default:
        return 0;
    }
}

/* ---- transports and codecs ---- */

static const void *api_site_conf(const weir_listener *handle, weir_str name, bool *is_known)
{
    const struct listener *listener = (const struct listener *)handle;
    const struct site *site = listener_site_or_default(listener, name, is_known);

    return plan_conf(&site->self->plan, module_running);
}

static weir_str api_site_protocols(const weir_listener *handle, weir_str name)
{
    const struct listener *listener = (const struct listener *)handle;
    const struct site *site = listener_site_or_default(listener, name, NULL);

    return site->protocols.n ? site->protocols : STR("\x08http/1.1");
}

static void *api_transport(const weir_req *req)
{
    const struct weir_io *io = req->client->conn.io;

    return io && io->module == module_running ? io->state : NULL;
}

static const weir_conn_api conn_api = {
    .size = sizeof(conn_api),
    .io_read = io_api_read,
    .io_write = io_api_write,
    .site_conf = api_site_conf,
    .site_protocols = api_site_protocols,
    .transport = api_transport,
    .stream_open = codec_stream_open,
    .stream_body = codec_stream_body,
    .stream_end = codec_stream_end,
    .stream_gone = codec_stream_gone,
    .stream_pending = codec_stream_pending,
    .stream_take = codec_stream_take,
    .stream_trailers = codec_stream_trailers,
    .stream_head = codec_stream_head,
    .addr = conn_phase_addr,
    .set_addr = conn_phase_set_addr,
    .preread = conn_phase_peek,
    .consume = conn_phase_consume,
    .slot = conn_phase_slot,
};

static const weir_zone_api zone_api = {
    .size = sizeof(zone_api),
    .open = cfg_api_zone,
    .open_table = cfg_api_table,
    .at = zone_at,
    .is_fresh = zone_is_fresh,
    .lock = zone_lock,
    .unlock = zone_unlock,
    .table_add = zone_table_add,
    .table_get = zone_table_get,
    .table_put = zone_table_put,
};

static const weir_metric_api metric_api = {
    .size = sizeof(metric_api),
    .define = cfg_api_metric,
    .add = metric_add,
    .set = metric_set,
    .each = metrics_each,
    .bucket_limit = metric_bucket_limit,
};

/* ---- what takes its time ---- */

static weir_rc api_offload(void (*work)(void *), void (*done)(void *), void *arg)
{
    return offload_start(work, done, arg) ? WEIR_OK : WEIR_ERROR;
}

static void api_pull_ready(weir_req *req)
{
    filtering_wake(req);
    maker_ready(req);
}

static const struct weir_async_api async_api = {
    .size = sizeof(async_api),
    .respond_from = maker_respond,
    .pull_ready = api_pull_ready,
    .offload = api_offload,
    .background = background_start,
    .is_background = background_is,
    .fetch_start = fetch_start,
    .fetch_stop = fetch_stop,
};

static const struct weir_command_api command_api = {
    .size = sizeof(command_api),
    .say = answer_api_say,
};

static weir_host tables = {
    .size = sizeof(tables),
    .abi_major = WEIR_ABI_MAJOR,
    .abi_minor = WEIR_ABI_MINOR,
    .req = &req_api,
    .chain = &chain_api,
    .loop = &loop_api,
    .log = api_log,
    .peer = api_peer,
    .match = regex_match,
    .conn = &conn_api,
    .zone = &zone_api,
    .metric = &metric_api,
    .strip_prefix = uri_strip_prefix,
    .tell_workers = watch_api_tell,
    .async = &async_api,
    .command = &command_api,
    .keep = &keeping_api,
};

const weir_host *host_tables(void)
{
    tables.version = WEIR_VERSION;
    tables.cfg = cfg_api();
    return &tables;
}
