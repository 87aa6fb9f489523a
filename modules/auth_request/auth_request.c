/* SPDX-License-Identifier: Apache-2.0 */
/* auth_request - asks another service whether a request may pass. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <weir/module.h>

#define OWN_FIELDS 5

enum {
    MODE_ENFORCE,
    MODE_REPORT
};
static const char *const modes[] = {"enforce", "report", NULL};

struct conf {
    weir_str to;
    weir_list headers; /* of weir_str */
    uint64_t timeout_ms;
    uint32_t mode;
    /* made by commit */
    weir_forward_conf forward;
    uint32_t reported; /* metric */
};

/* Of a request that waits for the answer. */
struct state {
    weir_req *req;
    const struct conf *conf;
    weir_fetch *fetch;
    weir_token token;
};

static const weir_opt opts[] = {
    {.name = "to",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct conf, to),
     .doc = "What is asked: an upstream's name or a host, and a path, as a URL.",
     .example = "\"http://127.0.0.1:4180/check\""},
    {.name = "headers",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, headers),
     .doc = "Fields of its answer that the backend gets; the client's of that name are dropped.",
     .example = "[ \"X-User\" ]"},
    {.name = "timeout",
     .type = WEIR_T_DURATION,
     .offset = offsetof(struct conf, timeout_ms),
     .dflt = "10s",
     .min = 1,
     .doc = "Time for the answer."},
    {.name = "mode",
     .type = WEIR_T_ENUM,
     .names = modes,
     .offset = offsetof(struct conf, mode),
     .dflt = "enforce",
     .doc = "\"report\": what would be refused is logged, counted and passes."},
};

/* ---- names ---- */

static bool is_named(const weir_field *field, weir_str name)
{
    return field->name.n == name.n && strncasecmp(field->name.p, name.p, name.n) == 0;
}

static const weir_field *find(const weir_fetch_answer *answer, weir_str name)
{
    for (uint32_t i = 0; i < answer->field_n; i++) {
        if (is_named(&answer->fields[i], name)) {
            return &answer->fields[i];
        }
    }
    return NULL;
}

static weir_str keep(weir_req *req, weir_str s)
{
    char *text = weir_alloc(req, s.n);

    if (s.n) {
        memcpy(text, s.p, s.n);
    }
    return (weir_str){text, s.n};
}

/* ---- the answer ---- */

/* All fields of that name, for the client. */
static void pass_on(weir_req *req, const weir_fetch_answer *answer, weir_str name)
{
    for (uint32_t i = 0; i < answer->field_n; i++) {
        if (is_named(&answer->fields[i], name)) {
            weir_edit(req, WEIR_RESPONSE, WEIR_ADD, name, keep(req, answer->fields[i].value));
        }
    }
}

static weir_rc allow(weir_req *req, const struct conf *conf, const weir_fetch_answer *answer)
{
    const weir_str *names = conf->headers.items;

    for (size_t i = 0; i < conf->headers.n; i++) {
        const weir_field *field = find(answer, names[i]);

        if (field) {
            weir_edit(req, WEIR_REQUEST, WEIR_SET, names[i], keep(req, field->value));
        }
    }
    return WEIR_DONE;
}

static weir_rc refuse(weir_req *req, const weir_fetch_answer *answer, uint32_t status,
                      const char *detail)
{
    weir_reason reason = status == 503 ? WEIR_REASON_PROXY_INTERNAL_ERROR : WEIR_REASON_ACCESS_DENIED;

    if (status == 401 || status == 403) {
        pass_on(req, answer, WEIR_STR("WWW-Authenticate"));
    } else if (status < 400) {
        pass_on(req, answer, WEIR_STR("Location"));
        pass_on(req, answer, WEIR_STR("Set-Cookie"));
    }
    return weir_reply(req, status, reason, WEIR_STR(""), WEIR_STR(""), detail);
}

static bool is_redirect(const weir_fetch_answer *answer)
{
    static const uint32_t statuses[] = {301, 302, 303, 307, 308};

    for (size_t i = 0; i < WEIR_COUNT(statuses); i++) {
        if (answer->status == statuses[i]) {
            return find(answer, WEIR_STR("Location")) != NULL;
        }
    }
    return false;
}

static weir_rc decide(weir_req *req, const struct conf *conf, const weir_fetch_answer *answer)
{
    char detail[300];
    uint32_t status = 503;

    if (answer->status >= 200 && answer->status <= 299) {
        return allow(req, conf, answer);
    }
    if (answer->status == 401 || answer->status == 403 || is_redirect(answer)) {
        status = answer->status;
    }
    if (answer->status) {
        snprintf(detail, sizeof(detail), "auth_request: %.*s answered %u", (int)conf->to.n,
                 conf->to.p, answer->status);
    } else {
        snprintf(detail, sizeof(detail), "auth_request: no answer of %.*s: %.*s", (int)conf->to.n,
                 conf->to.p, (int)answer->detail.n, answer->detail.n ? answer->detail.p : "");
    }
    if (conf->mode == MODE_REPORT) {
        weir_metric_add(conf->reported, 1);
        weir_log(WEIR_LOG_WARN, req, "auth_request.mode is \"report\", this passes: %s", detail);
        return WEIR_NEXT;
    }
    return refuse(req, answer, status, detail);
}

static void on_answer(void *arg, const weir_fetch_answer *answer)
{
    struct state *state = arg;

    state->fetch = NULL;
    weir_resume(state->token, decide(state->req, state->conf, answer));
}

static void on_cancel(void *arg)
{
    struct state *state = arg;

    if (state->fetch) {
        weir_fetch_stop(state->fetch);
        state->fetch = NULL;
    }
}

/* ---- the question ---- */

/* What is about a body, a part, this connection, or what weir says itself. */
static bool is_left_out(const weir_field *field)
{
    static const char *const names[] = {"X-Original-Method", "X-Original-URI"};

    switch (field->id) {
    case WEIR_FIELD_OTHER:
        for (size_t i = 0; i < WEIR_COUNT(names); i++) {
            if (is_named(field, (weir_str){names[i], strlen(names[i])})) {
                return true;
            }
        }
        return false;
    case WEIR_F_HOST:
    case WEIR_F_CONTENT_LENGTH:
    case WEIR_F_CONTENT_TYPE:
    case WEIR_F_CONTENT_ENCODING:
    case WEIR_F_EXPECT:
    case WEIR_F_UPGRADE:
    case WEIR_F_RANGE:
    case WEIR_F_IF_RANGE:
    case WEIR_F_IF_MATCH:
    case WEIR_F_IF_NONE_MATCH:
    case WEIR_F_IF_MODIFIED_SINCE:
    case WEIR_F_IF_UNMODIFIED_SINCE:
    case WEIR_F_X_FORWARDED_FOR:
    case WEIR_F_X_FORWARDED_PROTO:
    case WEIR_F_X_FORWARDED_HOST:
    case WEIR_F_X_REAL_IP:
    case WEIR_F_FORWARDED:
        return true;
    default:
        return false;
    }
}

static weir_field *make_fields(weir_req *req, uint32_t *n)
{
    const weir_field own[OWN_FIELDS] = {
        {.name = WEIR_STR("X-Original-Method"), .value = weir_get(req, WEIR_GET_METHOD)},
        {.name = WEIR_STR("X-Original-URI"), .value = weir_get(req, WEIR_GET_TARGET)},
        {.name = WEIR_STR("X-Forwarded-For"), .value = weir_get(req, WEIR_GET_CLIENT_ADDR)},
        {.name = WEIR_STR("X-Forwarded-Proto"), .value = weir_client_scheme(req)},
        {.name = WEIR_STR("X-Forwarded-Host"), .value = weir_get(req, WEIR_GET_AUTHORITY)},
    };
    weir_field field;
    size_t count = 0;

    while (weir_fields(req, WEIR_REQUEST, &field, 1, count) == 1) {
        count++;
    }
    weir_field *fields = weir_alloc(req, (count + OWN_FIELDS) * sizeof(*fields));
    memcpy(fields, own, sizeof(own));
    *n = OWN_FIELDS;
    for (size_t i = 0; i < count; i++) {
        weir_fields(req, WEIR_REQUEST, &fields[*n], 1, i);
        *n += !is_left_out(&fields[*n]);
    }
    return fields;
}

static weir_rc on_access(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    const weir_str *names = conf->headers.items;
    struct state *state = weir_ctx(req);
    weir_fetch_conf fetch = {.size = sizeof(fetch), .forward = &conf->forward, .req = req};

    for (size_t i = 0; i < conf->headers.n; i++) {
        weir_edit(req, WEIR_REQUEST, WEIR_REMOVE, names[i], WEIR_STR(""));
    }
    *state = (struct state){.req = req, .conf = conf};
    state->token = weir_suspend(req, (uint32_t)conf->timeout_ms + 5000, on_cancel, state);
    if (!state->token) {
        return WEIR_ERROR;
    }
    fetch.fields = make_fields(req, &fetch.field_n);
    state->fetch = weir_fetch_start(&fetch, on_answer, state);
    return WEIR_AGAIN;
}

/* ---- configuration ---- */

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    weir_str path;
    const weir_upstream *upstream = weir_cfg_upstream(cfg, "to", conf->to, &path);

    if (!upstream) {
        return;
    }
    conf->forward = (weir_forward_conf){
        .size = sizeof(conf->forward),
        .upstream = upstream,
        .target = path.n ? path : WEIR_STR("/"),
        .retry = true,
        .connect_timeout_ms = conf->timeout_ms,
        .send_timeout_ms = conf->timeout_ms,
        .read_timeout_ms = conf->timeout_ms,
        .deadline_ms = conf->timeout_ms,
        .buffer_head = 65536,
        .tls = weir_cfg_tls_for(cfg, "to", conf->to),
    };
    conf->reported = weir_cfg_metric(cfg, "reported_total", WEIR_METRIC_COUNTER, NULL,
                                     "Requests that mode = \"report\" let pass.");
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("auth_request", "0.1"),
    .doc = "Asks another service whether a request may pass.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .commit = commit,
};

WEIR_MODULE(auth_request, 3, "", module)
