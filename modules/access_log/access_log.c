/* SPDX-License-Identifier: Apache-2.0 */
/* access_log - one line per request: when, and what is in it. Where it goes is in sink.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <weir/module.h>
#include <weir/share.h>

#include "line.h"
#include "sink.h"

enum format {
    FORMAT_COMBINED,
    FORMAT_JSON,
    FORMAT_TEMPLATE
};

/* Of a template: text, or one variable. */
struct part {
    weir_str text;
    const weir_template *variable; /* NULL: text */
};

struct conf {
    weir_str path;
    const weir_template *format, *when;
    weir_map fields; /* of const weir_template * */
    weir_str sample;
    uint64_t buffer, flush_ms;
    /* made by check and commit */
    enum format kind;
    struct part *parts; /* FORMAT_TEMPLATE */
    uint32_t part_n;
    struct sink *sink;
    uint64_t share;     /* of requests: which are logged */
    size_t json_room;
    /* what the built-in formats are made of */
    const weir_template *time_local, *time_iso, *request, *bytes, *upstream_addr, *upstream_status,
        *request_time, *reason;
};

static const weir_opt opts[] = {
    {.name = "path",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_REQUIRED | WEIR_OPT_WRITTEN,
     .offset = offsetof(struct conf, path),
     .doc = "The file, \"stdout\", \"syslog:unix:/dev/log\" or \"syslog:udp://HOST:PORT\".",
     .example = "\"/var/log/weir/access.log\""},
    {.name = "format",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_RESPONSE | WEIR_OPT_LOG,
     .offset = offsetof(struct conf, format),
     .dflt = "combined",
     .doc = "\"combined\", \"json\" or a template."},
    {.name = "when",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_RESPONSE | WEIR_OPT_LOG,
     .offset = offsetof(struct conf, when),
     .doc = "Only requests for which this is neither empty nor \"0\" are logged."},
    {.name = "fields",
     .type = WEIR_T_MAP | WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_RESPONSE | WEIR_OPT_LOG,
     .offset = offsetof(struct conf, fields),
     .doc = "More keys of a JSON line, and their values.",
     .example = "{ trace = \"$trace_id\"; }"},
    {.name = "sample",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, sample),
     .dflt = "100%",
     .doc = "The share of requests that are logged, chosen by their ids: all logs have the same ones.",
     .example = "\"5%\""},
    {.name = "buffer",
     .type = WEIR_T_SIZE,
     .offset = offsetof(struct conf, buffer),
     .dflt = "64k",
     .max = 16 << 20,
     .doc = "Bytes of lines held back to be written at once; 0: each line at once."},
    {.name = "flush",
     .type = WEIR_T_DURATION,
     .offset = offsetof(struct conf, flush_ms),
     .dflt = "1s",
     .min = 1,
     .doc = "How long a line may be held back."},
};

/* ---- lines ---- */

static weir_str eval(weir_req *req, const weir_template *template_)
{
    weir_str value;

    weir_eval(req, template_, &value);
    return value;
}

static weir_str or_dash(weir_str s)
{
    return s.n ? s : WEIR_STR("-");
}

static weir_str field(weir_req *req, uint32_t id)
{
    weir_str value;

    weir_field_get(req, WEIR_REQUEST, id, &value);
    return value;
}

/* addr - - [time] "request" status bytes "referer" "agent" */
static void put_combined(struct line *line, weir_req *req, const struct conf *conf)
{
    char status[16];

    line_put_escaped(line, or_dash(weir_get(req, WEIR_GET_CLIENT_ADDR)));
    line_put_text(line, " - - [");
    line_put_escaped(line, eval(req, conf->time_local));
    line_put_text(line, "] \"");
    line_put_escaped(line, eval(req, conf->request));
    snprintf(status, sizeof(status), "\" %03u ", weir_status(req));
    line_put_text(line, status);
    line_put_escaped(line, eval(req, conf->bytes));
    line_put_text(line, " \"");
    line_put_escaped(line, or_dash(field(req, WEIR_F_REFERER)));
    line_put_text(line, "\" \"");
    line_put_escaped(line, or_dash(field(req, WEIR_F_USER_AGENT)));
    line_put_text(line, "\"");
}

/* The keys whose values come from the request itself. */
static const struct {
    const char *key;
    weir_get_what what;
} json_keys[] = {
    {"remote_addr", WEIR_GET_CLIENT_ADDR}, {"host", WEIR_GET_HOST},
    {"method", WEIR_GET_METHOD},           {"uri", WEIR_GET_TARGET},
    {"protocol", WEIR_GET_PROTOCOL},       {"request_id", WEIR_GET_ID},
};

/* All keys together: for what a line has to keep free, whatever clients send. */
#define OTHER_KEYS "time status bytes_sent request_time referer user_agent upstream_addr "           \
                   "upstream_status reason"
#define OTHER_KEYS_N 9

static void put_json_line(struct line *line, weir_req *req, const struct conf *conf)
{
    const weir_template *const *fields = conf->fields.items;
    char status[16];
    int n = snprintf(status, sizeof(status), "%u", weir_status(req));

    line_json_begin(line, conf->json_room);
    line_json(line, WEIR_STR("time"), eval(req, conf->time_iso));
    line_json_number(line, WEIR_STR("status"), (weir_str){status, (size_t)n});
    line_json_number(line, WEIR_STR("bytes_sent"), eval(req, conf->bytes));
    line_json_number(line, WEIR_STR("request_time"), eval(req, conf->request_time));
    for (size_t i = 0; i < WEIR_COUNT(json_keys); i++) {
        line_json(line, (weir_str){json_keys[i].key, strlen(json_keys[i].key)},
                  weir_get(req, json_keys[i].what));
    }
    line_json(line, WEIR_STR("upstream_addr"), eval(req, conf->upstream_addr));
    line_json(line, WEIR_STR("upstream_status"), eval(req, conf->upstream_status));
    line_json(line, WEIR_STR("reason"), eval(req, conf->reason));
    for (size_t i = 0; i < conf->fields.n; i++) {
        line_json(line, conf->fields.keys[i], eval(req, fields[i]));
    }
    line_json(line, WEIR_STR("referer"), field(req, WEIR_F_REFERER));
    line_json(line, WEIR_STR("user_agent"), field(req, WEIR_F_USER_AGENT));
    line_json_end(line);
}

static size_t json_room(const struct conf *conf)
{
    size_t bytes = sizeof(OTHER_KEYS), keys = OTHER_KEYS_N + WEIR_COUNT(json_keys) + conf->fields.n;

    for (size_t i = 0; i < WEIR_COUNT(json_keys); i++) {
        bytes += strlen(json_keys[i].key);
    }
    for (size_t i = 0; i < conf->fields.n; i++) {
        bytes += conf->fields.keys[i].n;
    }
    return line_json_room(bytes, keys);
}

/* What the admin wrote is taken as it is; only what a client may have sent is escaped. */
static void put_template(struct line *line, weir_req *req, const struct conf *conf)
{
    for (uint32_t i = 0; i < conf->part_n; i++) {
        const struct part *part = &conf->parts[i];

        if (part->variable) {
            line_put_escaped(line, or_dash(eval(req, part->variable)));
        } else {
            line_put(line, part->text.p, part->text.n);
        }
    }
}

static bool is_wanted(weir_req *req, const struct conf *conf)
{
    weir_str value;

    if (!weir_share_has(conf->share, weir_get(req, WEIR_GET_ID))) {
        return false;
    }
    if (!conf->when) {
        return true;
    }
    value = eval(req, conf->when);
    return value.n > 1 || (value.n == 1 && value.p[0] != '0');
}

static weir_rc on_log(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    struct line line;

    line_init(&line);
    if (!conf->sink || !is_wanted(req, conf)) {
        return WEIR_NEXT;
    }
    if (conf->kind == FORMAT_COMBINED) {
        put_combined(&line, req, conf);
    } else if (conf->kind == FORMAT_JSON) {
        put_json_line(&line, req, conf);
    } else {
        put_template(&line, req, conf);
    }
    line_end(&line);
    sink_put(conf->sink, line.text, line.n);
    return WEIR_NEXT;
}

/* ---- configuration ---- */

static void check_format(weir_cfg *cfg, struct conf *conf)
{
    bool is_constant = false;
    weir_str text = weir_template_text(conf->format, &is_constant);

    if (is_constant && text.n == 8 && memcmp(text.p, "combined", 8) == 0) {
        conf->kind = FORMAT_COMBINED;
    } else if (is_constant && text.n == 4 && memcmp(text.p, "json", 4) == 0) {
        conf->kind = FORMAT_JSON;
    } else if (is_constant) {
        weir_cfg_error(cfg, "format", "\"%.*s\" has no variable, so every line would be the same: "
                                      "expected \"combined\", \"json\" or a template",
                       (int)text.n, text.p);
    } else {
        conf->kind = FORMAT_TEMPLATE;
    }
}

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    check_format(cfg, conf);
    if (!weir_share_parse(conf->sample, &conf->share)) {
        weir_cfg_error(cfg, "sample", "\"%s\": expected a percentage such as \"5%%\"",
                       conf->sample.p);
    }
    if (sink_is_syslog(conf->path) && !sink_syslog_is_valid(conf->path)) {
        weir_cfg_error(cfg, "path", "\"%s\": expected \"syslog:unix:/PATH\" or "
                                    "\"syslog:udp://HOST:PORT\"", conf->path.p);
    }
    if (conf->fields.n && conf->kind != FORMAT_JSON && weir_cfg_is_own(cfg, "fields")) {
        weir_cfg_error(cfg, "fields", "only a line in JSON has keys: set format = \"json\"");
    }
    conf->json_room = json_room(conf);
    if (conf->json_room > LINE_MAX_BYTES / 2) {
        weir_cfg_error(cfg, "fields", "there are too many: a line has room for %d bytes",
                       LINE_MAX_BYTES);
    }
}

static void compile_parts(weir_cfg *cfg, struct conf *conf)
{
    conf->time_local = weir_cfg_template(cfg, NULL, WEIR_STR("$time_local"));
    conf->time_iso = weir_cfg_template(cfg, NULL, WEIR_STR("$time_iso8601"));
    conf->request = weir_cfg_template(cfg, NULL, WEIR_STR("$request"));
    conf->bytes = weir_cfg_template(cfg, NULL, WEIR_STR("$body_bytes_sent"));
    conf->upstream_addr = weir_cfg_template(cfg, NULL, WEIR_STR("$upstream_addr"));
    conf->upstream_status = weir_cfg_template(cfg, NULL, WEIR_STR("$upstream_status"));
    conf->request_time = weir_cfg_template(cfg, NULL, WEIR_STR("$request_time"));
    conf->reason = weir_cfg_template(cfg, NULL, WEIR_STR("$reason"));
}

/* "$name" or "${name}" at p; its length, 0: there is none ("$$" is a dollar). */
static size_t variable_length(const char *p, const char *end)
{
    const char *at = p + 1;

    if (at < end && *at == '{') {
        const char *close = memchr(at, '}', (size_t)(end - at));

        return close ? (size_t)(close + 1 - p) : 0;
    }
    while (at < end && (isalnum((unsigned char)*at) || *at == '_')) {
        at++;
    }
    return at - p > 1 ? (size_t)(at - p) : 0;
}

static void split_template(weir_cfg *cfg, struct conf *conf)
{
    weir_str text = weir_template_text(conf->format, NULL);
    const char *p = text.p, *end = text.p + text.n;

    conf->parts = weir_cfg_alloc(cfg, (text.n + 1) * sizeof(*conf->parts));
    while (p < end) {
        const char *dollar = memchr(p, '$', (size_t)(end - p));
        size_t n = dollar ? variable_length(dollar, end) : 0;

        if (dollar != p || n == 0) { /* text up to a dollar, or a doubled one of which one stays */
            size_t length = !dollar ? (size_t)(end - p) : dollar == p ? 1 : (size_t)(dollar - p);

            conf->parts[conf->part_n++] = (struct part){.text = {p, length}};
            p += dollar == p ? 2 : length;
            continue;
        }
        conf->parts[conf->part_n++] =
            (struct part){.variable = weir_cfg_template(cfg, "format", (weir_str){p, n})};
        p += n;
    }
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    compile_parts(cfg, conf);
    if (conf->kind == FORMAT_TEMPLATE) {
        split_template(cfg, conf);
    }
    conf->sink = sink_open(cfg, conf->path.p, conf->buffer, conf->flush_ms);
}

static const weir_hook hooks[] = {{.phase = WEIR_LOG, .fn = on_log}};

static const weir_module module = {
    WEIR_MODULE_HEAD("access_log", "0.1"),
    .doc = "Writes a line for each request.",
    .flags = WEIR_MODULE_TOP_ENABLES,
    .scopes = WEIR_S_ALL,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .check = check,
    .commit = commit,
    .worker_stop = sinks_stop,
    .reopen = sinks_reopen,
};

WEIR_MODULE(access_log, 3, "", module)
