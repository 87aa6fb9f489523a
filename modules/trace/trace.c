/* SPDX-License-Identifier: Apache-2.0 */
/* trace - names the trace that a request belongs to, for backends and logs. */
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include <weir/module.h>

#include "traceparent.h"

enum { ACCEPT, MAKE };

struct conf {
    uint32_t traceparent;
    bool sampled;
};

static const char *const ways[] = {"accept", "make", NULL};

static const weir_opt opts[] = {
    {.name = "traceparent",
     .type = WEIR_T_ENUM,
     .offset = offsetof(struct conf, traceparent),
     .names = ways,
     .dflt = "accept",
     .doc =
         "\"accept\": a client's trace goes on, others get a new one; \"make\": all get a new one, "
         "for clients that are not trusted."},
    {.name = "sampled",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct conf, sampled),
     .dflt = "true",
     .doc = "Says of new traces that they are recorded."},
};

/* Of one request. `trace` is what backends get: its parent is weir's own span. */
struct ctx {
    bool is_known;
    bool has_parent;
    char parent_id[16]; /* the client's span */
    struct traceparent trace;
    char field[TRACEPARENT_BYTES];
};

/* ---- ids ---- */

static uint64_t seed; /* of this worker */

static weir_rc worker_start(void)
{
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
        seed = (uint64_t)weir_wall_ms() << 20 ^ (uint64_t)clock();
    }
    return WEIR_OK;
}

/* splitmix64: unique for its period, and spread well; nobody has to be unable to guess a span. */
static uint64_t next_number(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void make_span(char out[16])
{
    uint64_t number = 0;

    while (number == 0) {
        number = next_number();
    }
    for (int i = 0; i < 16; i++) {
        out[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    }
}

/* ---- requests ---- */

/* More than one field is none (W3C Trace Context, 3.2). */
static bool parse_field(const weir_req *req, struct traceparent *out)
{
    weir_field fields[32];
    weir_str found = {NULL, 0};
    size_t at = 0, n, count = 0;

    while ((n = weir_fields(req, WEIR_REQUEST, fields, WEIR_COUNT(fields), at)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (fields[i].name.n == 11 && strncasecmp(fields[i].name.p, "traceparent", 11) == 0) {
                found = fields[i].value;
                count++;
            }
        }
        at += n;
    }
    return count == 1 && traceparent_parse(found, out);
}

static void make_trace(weir_req *req, struct ctx *ctx, const struct conf *conf)
{
    weir_str id =
        weir_get(req, WEIR_GET_ID); /* as long, and as random: one name less to look for */

    memcpy(ctx->trace.trace_id, id.p, 32);
    ctx->trace.flags = conf->sampled ? 1 : 0;
    weir_edit(req, WEIR_REQUEST, WEIR_REMOVE, WEIR_STR("tracestate"), WEIR_STR(""));
}

static weir_rc on_request(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    struct ctx *ctx = weir_ctx(req);

    if (!ctx || ctx->is_known) { /* routed anew: it stays what it is */
        return WEIR_NEXT;
    }
    ctx->is_known = true;
    if (conf->traceparent == ACCEPT && parse_field(req, &ctx->trace)) {
        memcpy(ctx->parent_id, ctx->trace.parent_id, 16);
        ctx->has_parent = true;
    } else {
        make_trace(req, ctx, conf);
    }
    make_span(ctx->trace.parent_id);
    traceparent_write(&ctx->trace, ctx->field);
    return weir_edit(req, WEIR_REQUEST, WEIR_SET, WEIR_STR("traceparent"),
                     (weir_str){ctx->field, sizeof(ctx->field)});
}

/* ---- variables ---- */

static weir_rc tell(weir_req *req, weir_str *out, size_t offset, size_t n)
{
    const struct ctx *ctx = weir_ctx(req);

    if (!ctx || !ctx->is_known) {
        return WEIR_NOTFOUND;
    }
    *out = (weir_str){(const char *)ctx + offset, n};
    return WEIR_OK;
}

static weir_rc get_trace_id(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return tell(req, out, offsetof(struct ctx, trace.trace_id), 32);
}

static weir_rc get_span_id(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return tell(req, out, offsetof(struct ctx, trace.parent_id), 16);
}

static weir_rc get_traceparent(weir_req *req, weir_str suffix, weir_str *out)
{
    (void)suffix;
    return tell(req, out, offsetof(struct ctx, field), TRACEPARENT_BYTES);
}

static weir_rc get_parent_id(weir_req *req, weir_str suffix, weir_str *out)
{
    const struct ctx *ctx = weir_ctx(req);

    (void)suffix;
    return ctx && ctx->has_parent ? tell(req, out, offsetof(struct ctx, parent_id), 16)
                                  : WEIR_NOTFOUND;
}

static const weir_var vars[] = {
    {.name = "trace_id",
     .from = WEIR_REQ_LIMIT,
     .get = get_trace_id,
     .doc = "the trace that the request belongs to, 32 digits"},
    {.name = "span_id",
     .from = WEIR_REQ_LIMIT,
     .get = get_span_id,
     .doc = "weir's own part of it, 16 digits"},
    {.name = "parent_span_id",
     .from = WEIR_REQ_LIMIT,
     .get = get_parent_id,
     .doc = "the client's part of it; empty when weir began the trace"},
    {.name = "traceparent",
     .from = WEIR_REQ_LIMIT,
     .get = get_traceparent,
     .doc = "the field as backends get it"},
};

/* Before what may refuse the request, so that refusals have a trace, too. */
static const weir_hook hooks[] = {{.phase = WEIR_REQ_LIMIT, .stage = -2, .fn = on_request}};

static const weir_module module = {
    WEIR_MODULE_HEAD("trace", "0.1"),
    .doc =
        "Accepts or makes the trace context of requests (traceparent), passes it on, and tells it.",
    .flags = WEIR_MODULE_TOP_ENABLES,
    .scopes = WEIR_S_ALL,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .vars = vars,
    .var_n = WEIR_COUNT(vars),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct ctx),
    .worker_start = worker_start,
};

WEIR_MODULE(trace, 3, "var:trace_id var:span_id var:parent_span_id var:traceparent", module)
