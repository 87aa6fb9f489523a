/* SPDX-License-Identifier: Apache-2.0 */
/* headers - sets, adds and removes header fields of requests and responses. Rules of all scopes
 * apply, the outermost first; in one scope first `remove`, then `set`, then `add`. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <weir/module.h>

struct rules {
    weir_map set, add; /* of const weir_template * */
    weir_list remove;  /* of weir_str */
    struct op *ops;    /* made by commit */
    uint32_t op_n;
};

enum expires_kind {
    EXPIRES_NONE,
    EXPIRES_AFTER,
    EXPIRES_EPOCH,
    EXPIRES_MAX
};

struct conf {
    struct rules request, response;
    weir_str expires;
    /* made by check and commit */
    enum expires_kind expires_kind;
    uint64_t expires_s;
};

/* Of a request. */
struct state {
    const struct conf *expires; /* the innermost scope that says it so far */
};

/* One edit, with all that can be known when the configuration is loaded. */
struct op {
    weir_edit_op op;
    uint32_t id;
    weir_str name, value; /* value.p NULL: from the template */
    const weir_template *template_;
};

#define RULES(side_, flags_)                                                                       \
    {.name = "set",                                                                                \
     .type = WEIR_T_MAP | WEIR_T_TEMPLATE,                                                         \
     .flags = (flags_),                                                                            \
     .offset = offsetof(struct rules, set),                                                        \
     .doc = "Fields with their values; other lines of the same name go. An empty value removes."}, \
        {.name = "add",                                                                            \
         .type = WEIR_T_MAP | WEIR_T_TEMPLATE,                                                     \
         .flags = (flags_),                                                                        \
         .offset = offsetof(struct rules, add),                                                    \
         .doc = "Fields that are added beside those that are there."},                             \
        {.name = "remove",                                                                         \
         .type = WEIR_T_LIST | WEIR_T_STR,                                                         \
         .offset = offsetof(struct rules, remove),                                                 \
         .doc = "Names of fields that go."}

static const weir_opt request_opts[] = {RULES("request", 0)};

static const weir_opt response_opts[] = {
    RULES("response", WEIR_OPT_RESPONSE),
    {.name = "expires",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, expires) - offsetof(struct conf, response),
     .doc = "How long the answer may be kept: a duration, \"epoch\", \"max\" or \"off\". Sets "
            "Expires, and max-age in Cache-Control.",
     .example = "\"1y\""},
};

static const weir_opt opts[] = {
    {.name = "request",
     .type = WEIR_T_GROUP,
     .offset = offsetof(struct conf, request),
     .sub = request_opts,
     .sub_n = WEIR_COUNT(request_opts),
     .doc = "Rules for what backends get."},
    {.name = "response",
     .type = WEIR_T_GROUP,
     .offset = offsetof(struct conf, response),
     .sub = response_opts,
     .sub_n = WEIR_COUNT(response_opts),
     .doc = "Rules for what clients get, whatever the status."},
};

/* ---- the rules at work ---- */

static void run(weir_req *req, weir_side side, const struct rules *rules)
{
    for (uint32_t i = 0; i < rules->op_n; i++) {
        const struct op *op = &rules->ops[i];
        weir_str value = op->value;
        weir_edit_op what = op->op;

        if (!value.p && op->template_) {
            weir_eval(req, op->template_, &value);
        }
        if (what != WEIR_REMOVE && value.n == 0) {
            if (what == WEIR_ADD) {
                continue;
            }
            what = WEIR_REMOVE;
        }
        weir_rc rc = op->id ? weir_edit_known(req, side, what, op->id, value)
                            : weir_edit(req, side, what, op->name, value);
        if (rc == WEIR_ERROR) {
            weir_log(WEIR_LOG_WARN, req, "headers: the value of %.*s has a control character and "
                                         "is not sent", (int)op->name.n, op->name.p);
        }
    }
}

static weir_rc on_request(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;

    run(req, WEIR_REQUEST, &conf->request);
    return WEIR_NEXT;
}

static bool is_kept(uint32_t status)
{
    static const uint16_t kept[] = {200, 201, 204, 206, 301, 302, 303, 304, 307, 308};

    for (size_t i = 0; i < WEIR_COUNT(kept); i++) {
        if (kept[i] == status) {
            return true;
        }
    }
    return false;
}

static weir_str join(weir_req *req, weir_str a, weir_str b)
{
    char *text = weir_alloc(req, a.n + b.n + 2);

    memcpy(text, a.p, a.n);
    memcpy(text + a.n, ", ", 2);
    memcpy(text + a.n + 2, b.p, b.n);
    return (weir_str){text, a.n + b.n + 2};
}

/* The Cache-Control that rules have set, all lines of it: what came from a backend says something
 * else. */
static weir_str ruled_cache_control(weir_req *req)
{
    weir_str ruled = WEIR_STR("");
    weir_field fields[64];
    size_t n, from = 0;

    while ((n = weir_fields(req, WEIR_RESPONSE, fields, WEIR_COUNT(fields), from)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (fields[i].id == WEIR_F_CACHE_CONTROL && fields[i].flags & WEIR_FIELD_RULE) {
                ruled = ruled.n ? join(req, ruled, fields[i].value) : fields[i].value;
            }
        }
        from += n;
    }
    return ruled;
}

/* Directives without any max-age or no-cache, which `expires` replaces. Returns the new length. */
static size_t put_other_directives(char *out, weir_str value)
{
    const char *p = value.p, *end = value.p + value.n;
    size_t n = 0;

    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;

        while (p < stop && *p == ' ') {
            p++;
        }
        size_t length = (size_t)(stop - p);
        bool replaced = (length >= 8 && strncasecmp(p, "max-age=", 8) == 0) ||
                        (length == 8 && strncasecmp(p, "no-cache", 8) == 0);
        if (length && !replaced) {
            memcpy(out + n, ", ", 2);
            memcpy(out + n + 2, p, length);
            n += length + 2;
        }
        p = comma ? comma + 1 : end;
    }
    return n;
}

static void set_expires(weir_req *req, const struct conf *conf)
{
    static const char epoch[] = "Thu, 01 Jan 1970 00:00:01 GMT";
    weir_str others = ruled_cache_control(req);
    char *date = weir_alloc(req, 32);
    char *control = weir_alloc(req, others.n * 3 + 48);
    time_t when = (time_t)(weir_wall_ms() / 1000) + (time_t)conf->expires_s;
    struct tm tm;
    size_t n, control_n;

    if (conf->expires_kind == EXPIRES_EPOCH) {
        n = sizeof(epoch) - 1;
        memcpy(date, epoch, n);
        control_n = (size_t)snprintf(control, 48, "no-cache");
    } else {
        gmtime_r(&when, &tm);
        n = strftime(date, 32, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        control_n = (size_t)snprintf(control, 48, "max-age=%llu",
                                     (unsigned long long)conf->expires_s);
    }
    control_n += put_other_directives(control + control_n, others);
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_EXPIRES, (weir_str){date, n});
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_CACHE_CONTROL,
                    (weir_str){control, control_n});
}

static weir_rc on_response(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;

    run(req, WEIR_RESPONSE, &conf->response);
    if (conf->expires.n) {
        ((struct state *)weir_ctx(req))->expires = conf;
    }
    return WEIR_NEXT;
}

/* Once the rules of all scopes have run: the innermost `expires` counts, "off" included. */
static weir_rc on_expires(weir_req *req, const void *conf)
{
    struct state *state = weir_ctx(req);
    const struct conf *innermost = state->expires;

    (void)conf;
    if (innermost && innermost->expires_kind != EXPIRES_NONE && is_kept(weir_status(req))) {
        set_expires(req, innermost);
    }
    state->expires = NULL; /* it runs for each scope */
    return WEIR_NEXT;
}

/* ---- configuration ---- */

static const struct {
    const char *name;
    uint32_t id;
} known[] = {
#define KNOWN_ROW(id_, text) {text, WEIR_F_##id_},
    WEIR_KNOWN_FIELDS(KNOWN_ROW)
#undef KNOWN_ROW
};

static uint32_t find_id(weir_str name)
{
    for (size_t i = 0; i < WEIR_COUNT(known); i++) {
        if (strlen(known[i].name) == name.n && strncasecmp(known[i].name, name.p, name.n) == 0) {
            return known[i].id;
        }
    }
    return 0;
}

static bool is_token(weir_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c)) {
            return false;
        }
    }
    return name.n > 0;
}

static void check_name(weir_cfg *cfg, const char *opt, weir_str name)
{
    static const uint32_t ours[] = {WEIR_F_CONNECTION,        WEIR_F_KEEP_ALIVE,
                                    WEIR_F_TRANSFER_ENCODING, WEIR_F_CONTENT_LENGTH,
                                    WEIR_F_UPGRADE,           WEIR_F_TE,
                                    WEIR_F_TRAILER,           WEIR_F_PROXY_CONNECTION};
    uint32_t id = find_id(name);

    if (!is_token(name)) {
        weir_cfg_error(cfg, opt, "\"%.*s\" is not the name of a header field", (int)name.n,
                       name.p);
    }
    for (size_t i = 0; i < WEIR_COUNT(ours); i++) {
        if (id == ours[i]) {
            weir_cfg_error(cfg, opt, "%.*s belongs to the connection, which weir looks after: "
                                     "remove this line", (int)name.n, name.p);
        }
    }
    if (name.n == 16 && strncasecmp(name.p, "X-XSS-Protection", 16) == 0) {
        weir_cfg_warn(cfg, opt, "X-XSS-Protection is obsolete: browsers ignore it; "
                                "Content-Security-Policy has taken its place");
    }
}

static void check_rules(weir_cfg *cfg, const char *opt, const struct rules *rules)
{
    const weir_str *removed = rules->remove.items;

    for (size_t i = 0; i < rules->set.n; i++) {
        check_name(cfg, opt, rules->set.keys[i]);
    }
    for (size_t i = 0; i < rules->add.n; i++) {
        check_name(cfg, opt, rules->add.keys[i]);
    }
    for (size_t i = 0; i < rules->remove.n; i++) {
        check_name(cfg, opt, removed[i]);
    }
}

/* "1y", "30d", "12h", "10m", "90s" or plain seconds. */
static bool parse_duration(weir_str text, uint64_t *seconds)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}, {'y', 31536000}};
    uint64_t value = 0;
    size_t i = 0;

    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9' && value < 1000000000000) {
        value = value * 10 + (uint64_t)(text.p[i++] - '0');
    }
    if (i == 0 || i + 1 < text.n) {
        return false;
    }
    *seconds = value;
    if (i == text.n) {
        return true;
    }
    for (size_t k = 0; k < WEIR_COUNT(units); k++) {
        if (units[k].unit == text.p[i]) {
            *seconds = value * units[k].seconds;
            return true;
        }
    }
    return false;
}

static bool is_word(weir_str text, const char *word)
{
    return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    check_rules(cfg, "request", &conf->request);
    check_rules(cfg, "response", &conf->response);
    if (conf->expires.n == 0 || is_word(conf->expires, "off")) {
        conf->expires_kind = EXPIRES_NONE;
    } else if (is_word(conf->expires, "epoch")) {
        conf->expires_kind = EXPIRES_EPOCH;
    } else if (is_word(conf->expires, "max")) {
        conf->expires_kind = EXPIRES_MAX;
        conf->expires_s = (uint64_t)10 * 365 * 86400;
    } else if (parse_duration(conf->expires, &conf->expires_s)) {
        conf->expires_kind = EXPIRES_AFTER;
    } else {
        weir_cfg_error(cfg, "response", "expires \"%.*s\": expected a duration such as \"1y\", "
                                        "\"epoch\", \"max\" or \"off\"",
                       (int)conf->expires.n, conf->expires.p);
    }
}

static struct op *put_map(struct op *at, weir_edit_op what, const weir_map *map)
{
    const weir_template *const *templates = map->items;

    for (size_t i = 0; i < map->n; i++, at++) {
        bool is_constant = false;
        weir_str text = weir_template_text(templates[i], &is_constant);

        *at = (struct op){.op = what,
                          .id = find_id(map->keys[i]),
                          .name = map->keys[i],
                          .value = is_constant ? text : (weir_str){NULL, 0},
                          .template_ = templates[i]};
    }
    return at;
}

static void commit_rules(weir_cfg *cfg, struct rules *rules)
{
    const weir_str *removed = rules->remove.items;

    rules->op_n = (uint32_t)(rules->set.n + rules->add.n + rules->remove.n);
    rules->ops = weir_cfg_alloc(cfg, (rules->op_n + 1) * sizeof(*rules->ops));
    struct op *at = rules->ops;
    for (size_t i = 0; i < rules->remove.n; i++, at++) {
        *at = (struct op){.op = WEIR_REMOVE, .id = find_id(removed[i]), .name = removed[i]};
    }
    at = put_map(at, WEIR_SET, &rules->set);
    put_map(at, WEIR_ADD, &rules->add);
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    commit_rules(cfg, &conf->request);
    commit_rules(cfg, &conf->response);
}

static const weir_hook hooks[] = {
    {.phase = WEIR_REQ_PREPARE, .fn = on_request},
    {.phase = WEIR_RES_START, .stage = 1, .fn = on_response},
    {.phase = WEIR_RES_START, .stage = 2, .fn = on_expires},
};

static const weir_module module = {
    WEIR_MODULE_HEAD("headers", "0.1"),
    .doc = "Sets, adds and removes header fields of requests and responses.",
    .flags = WEIR_MODULE_ADDITIVE | WEIR_MODULE_TOP_ENABLES,
    .scopes = WEIR_S_ALL,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .check = check,
    .commit = commit,
};

WEIR_MODULE(headers, 1, "", module)
