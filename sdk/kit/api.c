/* SPDX-License-Identifier: Apache-2.0 */
/* api.c - what the module may ask of a request and do to it. */
#include "kit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static weir_str str(const char *p)
{
    return (weir_str){p, strlen(p)};
}

static bool is_name(weir_str a, weir_str b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static weir_str known_name(uint32_t id)
{
#define NAME(id_, name_) [WEIR_F_##id_] = name_,
    static const char *const names[] = {WEIR_KNOWN_FIELDS(NAME)};
#undef NAME

    return id && id < WEIR_COUNT(names) && names[id] ? str(names[id]) : str("X-Unknown");
}

static weir_str api_get(const weir_req *req, weir_get_what what)
{
    size_t path_n = 0;

    while (path_n < req->target.n && req->target.p[path_n] != '?') {
        path_n++;
    }
    switch (what) {
    case WEIR_GET_METHOD:
        return req->method;
    case WEIR_GET_SCHEME:
        return str("http");
    case WEIR_GET_HOST:
    case WEIR_GET_AUTHORITY:
        return req->host;
    case WEIR_GET_TARGET:
        return req->target;
    case WEIR_GET_PATH:
    case WEIR_GET_RAW_PATH:
        return (weir_str){req->target.p, path_n};
    case WEIR_GET_QUERY:
        return path_n < req->target.n
                   ? (weir_str){req->target.p + path_n + 1, req->target.n - path_n - 1}
                   : str("");
    case WEIR_GET_CLIENT_ADDR:
        return str("192.0.2.1");
    case WEIR_GET_CLIENT_PORT:
        return str("4711");
    case WEIR_GET_ID:
        return str("0123456789abcdef0123456789abcdef");
    case WEIR_GET_ROUTE:
    case WEIR_GET_ROUTE_PREFIX:
        return str("/");
    case WEIR_GET_PROTOCOL:
        return str("HTTP/1.1");
    default:
        return str("kit.test");
    }
}

static weir_rc api_field_named(const weir_req *req, weir_side side, weir_str name, weir_str *out)
{
    for (size_t i = 0; i < req->field_n[side]; i++) {
        if (is_name(req->fields[side][i].name, name)) {
            *out = req->fields[side][i].value;
            return WEIR_OK;
        }
    }
    *out = (weir_str){NULL, 0};
    return WEIR_NOTFOUND;
}

static weir_rc api_field(const weir_req *req, weir_side side, uint32_t id, weir_str *out)
{
    return api_field_named(req, side, known_name(id), out);
}

static size_t api_fields(const weir_req *req, weir_side side, weir_field *out, size_t max,
                         size_t from)
{
    size_t n = 0;

    for (; n < max && from + n < req->field_n[side]; n++) {
        out[n] = req->fields[side][from + n];
    }
    return n;
}

static void remove_named(weir_req *req, weir_side side, weir_str name)
{
    size_t kept = 0;

    for (size_t i = 0; i < req->field_n[side]; i++) {
        if (!is_name(req->fields[side][i].name, name)) {
            req->fields[side][kept++] = req->fields[side][i];
        }
    }
    req->field_n[side] = kept;
}

static weir_rc api_edit(weir_req *req, weir_side side, weir_edit_op op, uint32_t id, weir_str name,
                        weir_str value)
{
    int was = host_enter();

    if (name.n == 0) {
        name = known_name(id);
    }
    for (size_t i = 0; i < value.n && op != WEIR_REMOVE; i++) {
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0') {
            host_leave(was);
            return WEIR_ERROR;
        }
    }
    if (op != WEIR_ADD) {
        remove_named(req, side, name);
    }
    if (op != WEIR_REMOVE && req->field_n[side] < 60) {
        req->fields[side][req->field_n[side]++] =
            (weir_field){.name = name, .value = value, .id = id};
    }
    host_leave(was);
    return WEIR_OK;
}

static uint32_t api_status(const weir_req *req)
{
    return req->status;
}

static weir_rc api_set_status(weir_req *req, uint32_t status)
{
    if (status < 200 || status > 599) {
        fault("sets the status %u", status);
    }
    req->status = status;
    return WEIR_OK;
}

static void *remember(weir_req *req, void *p)
{
    if (req->memory_n < WEIR_COUNT(req->memory)) {
        req->memory[req->memory_n++] = p;
    }
    return p;
}

static void *api_alloc(weir_req *req, size_t size)
{
    int was = host_enter();
    char *p = remember(req, guard_alloc(size ? size : 1, "memory of weir_alloc()"));

    memset(p, 0xbe, size); /* it is not zeroed */
    host_leave(was);
    return p;
}

static weir_rc api_rewrite(weir_req *req, weir_str target)
{
    if (target.n == 0 || target.p[0] != '/') {
        return WEIR_ERROR;
    }
    char *copy = api_alloc(req, target.n);
    memcpy(copy, target.p, target.n);
    req->target = (weir_str){copy, target.n};
    return ++req->rewrites > 8 ? WEIR_ERROR : WEIR_OK;
}

static weir_rc api_reply(weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                         weir_str body, const char *detail)
{
    if (status < 200 || status > 599) {
        fault("replies with the status %u", status);
    }
    for (size_t i = 0; i < body.n; i++) { /* it has to be readable */
        req->length = body.p[i];
    }
    (void)type;
    req->has_reply = true;
    req->pull = NULL;
    req->status = status;
    req->reason = reason;
    req->detail = str(detail ? detail : "");
    req->length = (int64_t)body.n;
    return WEIR_HANDLED;
}

static weir_rc api_respond(weir_req *req, uint32_t status, int64_t length)
{
    req->has_reply = true;
    req->status = status;
    req->length = length;
    return WEIR_HANDLED;
}

static weir_chain *api_body(weir_req *req)
{
    return &req->body;
}

static weir_rc api_forward(weir_req *req, const weir_forward_conf *conf)
{
    if (!conf->upstream) {
        fault("forwards to nowhere: weir_forward_conf.upstream comes from weir_cfg_upstream()");
    }
    req->forwarded = true;
    return WEIR_HANDLED;
}

/* ---- templates: variables have plausible values ---- */

static weir_str variable(weir_req *req, weir_str name)
{
    static const struct {
        const char *name, *value;
    } known[] = {{"remote_addr", "192.0.2.1"},
                 {"host", "kit.test"},
                 {"uri", "/a/b"},
                 {"status", "200"},
                 {"scheme", "http"},
                 {"request_method", "GET"},
                 {"request_uri", "/a/b?c=d"}};

    for (uint32_t i = 0; i < kit_module->var_n; i++) {
        const weir_var *var = &kit_module->vars[i];
        size_t n = strlen(var->name);
        bool is_prefix = n && var->name[n - 1] == '*';
        weir_str out = {NULL, 0};

        n -= is_prefix;
        if ((is_prefix ? name.n >= n : name.n == n) && memcmp(name.p, var->name, n) == 0) {
            module_enter("a variable's get():");
            weir_rc rc = var->get(req, (weir_str){name.p + n, name.n - n}, &out);
            module_leave();
            return rc == WEIR_OK ? out : str("");
        }
    }
    for (size_t i = 0; i < WEIR_COUNT(known); i++) {
        if (name.n == strlen(known[i].name) && memcmp(name.p, known[i].name, name.n) == 0) {
            return str(known[i].value);
        }
    }
    return str(pick(3) ? "value" : "");
}

static weir_rc api_eval(weir_req *req, const weir_template *template_, weir_str *out)
{
    int was = host_enter();
    char text[4096];
    size_t n = 0;
    weir_str from = template_ ? template_->text : str("");

    for (size_t i = 0; i < from.n && n < sizeof(text) - 1; i++) {
        if (from.p[i] != '$' || i + 1 == from.n || from.p[i + 1] == '$') {
            text[n++] = from.p[i];
            i += from.p[i] == '$';
            continue;
        }
        bool braced = from.p[i + 1] == '{';
        size_t at = i + 1 + braced, end = at;
        while (end < from.n && (isalnum((unsigned char)from.p[end]) || from.p[end] == '_')) {
            end++;
        }
        weir_str value = variable(req, (weir_str){from.p + at, end - at});
        size_t part = value.n < sizeof(text) - n ? value.n : sizeof(text) - n;
        if (part) {
            memcpy(text + n, value.p, part);
        }
        n += part;
        i = end - 1 + braced;
    }
    char *copy = remember(req, guard_alloc(n ? n : 1, "the text of weir_eval()"));
    memcpy(copy, text, n);
    *out = (weir_str){copy, n};
    host_leave(was);
    return WEIR_OK;
}

static void *api_ctx(weir_req *req)
{
    int was = host_enter();

    if (kit_module->ctx_size == 0) {
        fault("asks for its context, and ctx_size in weir_module is 0: set it to the sizeof what "
              "weir_ctx() is used as");
    }
    if (!req->ctx) {
        req->ctx = guard_alloc(kit_module->ctx_size, "its context");
    }
    host_leave(was);
    return req->ctx;
}

static weir_reason api_reason(const weir_req *req, weir_str *name, weir_str *detail)
{
    if (name) {
        *name = str(req->reason ? "access_denied" : "");
    }
    if (detail) {
        *detail = req->detail;
    }
    return req->reason;
}

static void api_set_groups(weir_req *req, const weir_str *groups, int n)
{
    (void)req;
    (void)groups;
    (void)n;
}

static weir_rc api_set_client_addr(weir_req *req, weir_str addr)
{
    (void)req;
    return addr.n && isxdigit((unsigned char)addr.p[0]) ? WEIR_OK : WEIR_ERROR;
}

static weir_conn *api_conn(const weir_req *req)
{
    return (weir_conn *)(uintptr_t)&req->conn_slot;
}

static int64_t api_length(const weir_req *req)
{
    return req->length;
}

static void api_set_user(weir_req *req, weir_str name)
{
    (void)req;
    (void)name;
}

const weir_req_api req_api = {
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
    .forward = api_forward,
    .eval = api_eval,
    .alloc = api_alloc,
    .ctx = api_ctx,
    .reason = api_reason,
    .set_groups = api_set_groups,
    .set_client_addr = api_set_client_addr,
    .conn = api_conn,
    .length = api_length,
    .set_user = api_set_user,
};
