/* SPDX-License-Identifier: Apache-2.0 */
/* http/host_variables.c - the variables that the host itself has. */
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/client.h"
#include "http/request.h"
#include "http/variable.h"
#include "upstream/exchange.h"

static weir_rc give(weir_str value, weir_str *out)
{
    *out = value;
    return value.p ? WEIR_OK : WEIR_NOTFOUND;
}

static weir_rc get_method(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->head.method_name, out);
}

static weir_rc get_host(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    if (req->host.n == 0 && req->site && req->site->name_n) {
        return give(req->site->names[0], out);
    }
    return give(req->host, out);
}

static weir_rc get_scheme(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->listener->tls ? STR("https") : STR("http"), out);
}

static weir_rc get_request_uri(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->head.target, out);
}

static weir_rc get_uri(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->uri.path, out);
}

static weir_rc get_args(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->uri.query, out);
}

static weir_rc get_is_args(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->uri.query.p ? STR("?") : STR(""), out);
}

static weir_rc get_remote_addr(weir_req *req, weir_str suffix, weir_str *out)
{
    char text[ADDR_TEXT];
    size_t n = addr_format_host(request_addr(req), text);

    (void)suffix;
    return give(arena_dup(&req->arena, (weir_str){text, n}), out);
}

static weir_rc get_remote_port(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%u", addr_port(request_addr(req))), out);
}

static weir_rc get_server_name(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->site && req->site->name_n ? req->site->names[0] : STR(""), out);
}

static weir_rc get_server_port(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%u", addr_port(&req->listener->addr)), out);
}

static weir_rc get_server_protocol(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->client->codec ? STR("HTTP/2.0")
                : req->head.minor  ? STR("HTTP/1.1")
                                   : STR("HTTP/1.0"),
                out);
}

static weir_rc get_status(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%u", req->status), out);
}

/* "x_request_id" names the field X-Request-ID; all lines of it joined by ", ". */
static weir_rc get_field(weir_req *req, weir_side side, weir_str suffix, weir_str *out)
{
    char name[128];

    if (suffix.n > sizeof(name)) {
        return give((weir_str){0}, out);
    }
    for (size_t i = 0; i < suffix.n; i++) {
        name[i] = suffix.p[i] == '_' ? '-' : suffix.p[i];
    }
    const struct fields *fields = &req->fields[side];
    const weir_field *field = fields_get_named(fields, (weir_str){name, suffix.n});
    if (!field) {
        return give((weir_str){0}, out);
    }
    weir_str value = field->value;
    while ((field = fields_next(fields, field))) {
        value = arena_printf(&req->arena, "%.*s, %.*s", (int)value.n, value.p,
                             (int)field->value.n, field->value.p);
    }
    return give(value, out);
}

static weir_rc get_http(weir_req *req, weir_str suffix, weir_str *out)
{
    if (str_ieq(suffix, STR("host"))) {
        return give(req->authority, out);
    }
    return get_field(req, WEIR_REQUEST, suffix, out);
}

static weir_rc get_sent_http(weir_req *req, weir_str suffix, weir_str *out)
{
    return get_field(req, WEIR_RESPONSE, suffix, out);
}

static weir_rc get_arg(weir_req *req, weir_str suffix, weir_str *out)
{
    return give(uri_query_arg(req->uri.query, suffix), out);
}

static weir_rc get_cookie(weir_req *req, weir_str suffix, weir_str *out)
{
    return give(fields_cookie(&req->fields[WEIR_REQUEST], suffix), out);
}

static weir_rc get_request_id(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(request_id(req), out);
}

static weir_rc get_request_time(weir_req *req, weir_str suffix, weir_str *out)
{
    uint64_t us = clock_us() - req->start_us;

    (void)suffix;
    return give(arena_printf(&req->arena, "%llu.%03llu", (unsigned long long)(us / 1000000),
                             (unsigned long long)(us / 1000 % 1000)),
                out);
}

static weir_rc get_bytes_sent(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%llu", (unsigned long long)req->bytes_sent), out);
}

static weir_rc get_body_bytes_sent(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%llu", (unsigned long long)req->body_out), out);
}

static weir_rc get_request_length(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%llu", (unsigned long long)req->body_in_total), out);
}

static weir_rc get_request(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%.*s %.*s HTTP/1.%u", (int)req->head.method_name.n,
                             req->head.method_name.p, (int)req->head.target.n,
                             req->head.target.p ? req->head.target.p : "", req->head.minor),
                out);
}

/* One value per attempt, the oldest first, joined by ", ". */
static weir_str join_attempts(weir_req *req, const struct attempt *attempt,
                              weir_str (*text)(weir_req *, const struct attempt *))
{
    if (!attempt) {
        return (weir_str){0};
    }
    weir_str last = text(req, attempt);
    if (!attempt->before) {
        return last;
    }
    weir_str first = join_attempts(req, attempt->before, text);
    return arena_printf(&req->arena, "%.*s, %.*s", (int)first.n, first.p, (int)last.n, last.p);
}

static weir_str attempt_addr(weir_req *req, const struct attempt *attempt)
{
    (void)req;
    return attempt->peer->name;
}

static weir_str attempt_status(weir_req *req, const struct attempt *attempt)
{
    return attempt->status ? arena_printf(&req->arena, "%u", attempt->status) : STR("-");
}

static weir_str attempt_time(weir_req *req, const struct attempt *attempt)
{
    uint64_t us = (attempt->end_us ? attempt->end_us : clock_us()) - attempt->start_us;

    return arena_printf(&req->arena, "%llu.%03llu", (unsigned long long)(us / 1000000),
                        (unsigned long long)(us / 1000 % 1000));
}

static weir_rc get_upstream_addr(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(join_attempts(req, req->attempts, attempt_addr), out);
}

static weir_rc get_upstream_status(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(join_attempts(req, req->attempts, attempt_status), out);
}

static weir_rc get_upstream_time(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(join_attempts(req, req->attempts, attempt_time), out);
}

static weir_rc get_forwarded_for(weir_req *req, weir_str suffix, weir_str *out)
{
    const weir_field *field = fields_get(&req->fields[WEIR_REQUEST], WEIR_F_X_FORWARDED_FOR);

    /* What an untrusted client says of earlier hops is dropped; realip sets what is believed. */
    if (field && field->flags & WEIR_FIELD_RULE) {
        return give(field->value, out);
    }
    return get_remote_addr(req, suffix, out);
}

static weir_rc get_reason(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(reason_name(req->reason), out);
}

static weir_rc get_reason_detail(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(str_from(req->reason_detail), out);
}

static weir_rc get_time_local(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)req;
    (void)suffix;
    return give(str_from(clock_now.clf), out);
}

static weir_rc get_time_iso8601(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)req;
    (void)suffix;
    return give(str_from(clock_now.iso), out);
}

static weir_rc get_msec(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%lld.%03lld", (long long)(clock_now.wall_ms / 1000),
                             (long long)(clock_now.wall_ms % 1000)),
                out);
}

static weir_rc get_remote_user(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->user, out);
}

static weir_rc get_route(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(req->route ? req->route->name : STR(""), out);
}

static weir_rc get_pid(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return give(arena_printf(&req->arena, "%d", (int)getpid()), out);
}

static weir_rc get_group(weir_req *req, weir_str suffix, weir_str *out)
{
    return req->groups ? give(req->groups[suffix.p[0] - '1'], out) : WEIR_NOTFOUND;
}

const struct variable *host_group_variable(weir_str name)
{
    static const struct variable group = {.name = {"", 0},
                                          .is_prefix = true,
                                          .from = WEIR_REQ_START,
                                          .get = get_group,
                                          .doc = "a group of the last regex that matched"};

    return name.n == 1 && name.p[0] >= '1' && name.p[0] <= '9' ? &group : NULL;
}

#define VAR(name_, from_, get_, doc_)                                                              \
    {.name = {name_, sizeof(name_) - 1}, .from = (from_), .get = (get_), .doc = (doc_)}
#define PREFIX(name_, from_, get_, doc_)                                                           \
    {.name = {name_, sizeof(name_) - 1}, .is_prefix = true, .from = (from_), .get = (get_),        \
     .doc = (doc_)}

static const struct variable variables[] = {
    VAR("request_method", WEIR_REQ_START, get_method, "the request's method"),
    VAR("host", WEIR_REQ_START, get_host, "the host asked for, lower case, without port"),
    VAR("scheme", WEIR_REQ_START, get_scheme, "http or https"),
    VAR("request_uri", WEIR_REQ_START, get_request_uri, "path and query as the client sent them"),
    VAR("uri", WEIR_REQ_START, get_uri, "the decoded path"),
    VAR("args", WEIR_REQ_START, get_args, "the query, without the question mark"),
    VAR("is_args", WEIR_REQ_START, get_is_args, "a question mark if there is a query"),
    VAR("remote_addr", WEIR_REQ_START, get_remote_addr, "the client's address"),
    VAR("remote_port", WEIR_REQ_START, get_remote_port, "the client's port"),
    VAR("remote_user", WEIR_REQ_START, get_remote_user, "the name the client authenticated as"),
    VAR("server_name", WEIR_REQ_REWRITE, get_server_name, "the site's first name"),
    VAR("server_port", WEIR_REQ_START, get_server_port, "the listener's port"),
    VAR("server_protocol", WEIR_REQ_START, get_server_protocol, "HTTP/1.0 or HTTP/1.1"),
    VAR("route", WEIR_REQ_REWRITE, get_route, "the route's name"),
    VAR("request", WEIR_REQ_START, get_request, "the request line"),
    VAR("request_id", WEIR_REQ_START, get_request_id, "32 hexadecimal digits, one per request"),
    VAR("request_time", WEIR_REQ_START, get_request_time, "seconds since the head was read"),
    VAR("request_length", WEIR_RES_START, get_request_length, "bytes of request body read"),
    VAR("status", WEIR_RES_START, get_status, "the response's status"),
    VAR("bytes_sent", WEIR_LOG, get_bytes_sent, "bytes sent to the client"),
    VAR("body_bytes_sent", WEIR_LOG, get_body_bytes_sent, "bytes of the response body"),
    VAR("upstream_addr", WEIR_RES_START, get_upstream_addr, "the peers asked, in order"),
    VAR("upstream_status", WEIR_RES_START, get_upstream_status, "what they answered"),
    VAR("upstream_response_time", WEIR_RES_START, get_upstream_time, "seconds each took"),
    VAR("proxy_add_x_forwarded_for", WEIR_REQ_START, get_forwarded_for,
        "the client's address behind those of trusted proxies"),
    VAR("reason", WEIR_RES_START, get_reason, "why weir made the response itself"),
    VAR("reason_detail", WEIR_RES_START, get_reason_detail, "what happened and how to mend it"),
    VAR("time_local", WEIR_REQ_START, get_time_local, "31/Jan/2026:23:59:59 +0100"),
    VAR("time_iso8601", WEIR_REQ_START, get_time_iso8601, "2026-01-31T23:59:59+01:00"),
    VAR("msec", WEIR_REQ_START, get_msec, "seconds since 1970 with milliseconds"),
    VAR("pid", WEIR_REQ_START, get_pid, "the worker's process"),
    PREFIX("http_", WEIR_REQ_START, get_http, "a request field: http_user_agent"),
    PREFIX("sent_http_", WEIR_RES_START, get_sent_http, "a response field: sent_http_etag"),
    PREFIX("arg_", WEIR_REQ_START, get_arg, "a query argument, undecoded"),
    PREFIX("cookie_", WEIR_REQ_START, get_cookie, "a cookie"),
};

const struct variable *host_variables(size_t *n)
{
    *n = WEIR_COUNT(variables);
    return variables;
}
