/* SPDX-License-Identifier: Apache-2.0 */
/* access_log - one line per request, buffered, to a file that may be rotated away. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/module.h>
#include <weir/utf8.h>

#define LINE_MAX_BYTES 16384

/* An open file; confs that name the same one share it. Made by commit, one per process after fork. */
struct sink {
    struct sink *next;
    char *path;          /* NULL: standard output */
    int fd;
    char *buffer;
    size_t used, size;
    uint64_t flush_ms;
    uint64_t timer;      /* 0: nothing is waiting */
    uint64_t lost;       /* lines that the disk did not take */
};

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
    uint64_t buffer, flush_ms;
    /* made by check and commit */
    enum format kind;
    struct part *parts; /* FORMAT_TEMPLATE */
    uint32_t part_n;
    struct sink *sink;
    /* what the built-in formats are made of */
    const weir_template *time_local, *time_iso, *request, *bytes, *upstream_addr, *upstream_status,
        *request_time, *reason;
};

static const weir_opt opts[] = {
    {.name = "path",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct conf, path),
     .doc = "The file, or \"stdout\".",
     .example = "\"/var/log/weir/access.log\""},
    {.name = "format",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_RESPONSE,
     .offset = offsetof(struct conf, format),
     .dflt = "combined",
     .doc = "\"combined\", \"json\" or a template."},
    {.name = "when",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_RESPONSE,
     .offset = offsetof(struct conf, when),
     .doc = "Only requests for which this is neither empty nor \"0\" are logged."},
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

static struct sink *sinks;

/* ---- writing ---- */

static void flush(struct sink *sink)
{
    size_t done = 0;

    weir_timer_stop(sink->timer);
    sink->timer = 0;
    while (done < sink->used) {
        ssize_t n = write(sink->fd, sink->buffer + done, sink->used - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            /* Waiting for a disk would stop the service; lines are counted, and that is said. */
            for (size_t i = done; i < sink->used; i++) {
                sink->lost += sink->buffer[i] == '\n';
            }
            weir_log(WEIR_LOG_ERROR, NULL, "access_log %s: %s: %llu lines are lost so far",
                     sink->path ? sink->path : "stdout", strerror(errno),
                     (unsigned long long)sink->lost);
            break;
        }
        done += (size_t)n;
    }
    sink->used = 0;
}

static void on_flush_timer(void *arg)
{
    struct sink *sink = arg;

    sink->timer = 0;
    flush(sink);
}

static void put_line(struct sink *sink, const char *line, size_t n)
{
    if (sink->used + n > sink->size) {
        flush(sink);
    }
    memcpy(sink->buffer + sink->used, line, n);
    sink->used += n;
    if (sink->size <= LINE_MAX_BYTES) {
        flush(sink);
    } else if (!sink->timer) {
        sink->timer = weir_timer_start(sink->flush_ms, on_flush_timer, sink);
    }
}

/* ---- lines ---- */

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
};

static void put(struct line *line, const char *p, size_t n)
{
    size_t room = sizeof(line->text) - 1 - line->n; /* the newline always fits */

    n = n < room ? n : room;
    memcpy(line->text + line->n, p, n);
    line->n += n;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* As nginx and Apache do it: what could end a line or a quoted part becomes \xHH. */
static void put_escaped(struct line *line, weir_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char hex[5];

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            snprintf(hex, sizeof(hex), "\\x%02X", c);
            put(line, hex, 4);
        } else {
            put(line, s.p + i, 1);
        }
    }
}

/* A JSON string; bytes that are not UTF-8 become the character of that number. */
static void put_json(struct line *line, const char *key, weir_str s)
{
    put_text(line, line->n == 0 ? "{\"" : ",\"");
    put_text(line, key);
    put_text(line, "\":\"");
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t length = weir_utf8_length(s.p + i, s.n - i);
        char hex[7];

        if (sizeof(line->text) - line->n < 512) {
            break; /* room for the keys that follow: a cut value is still valid JSON */
        }
        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\' || length == 0) {
            snprintf(hex, sizeof(hex), "\\u%04x", c);
            put(line, hex, 6);
            i++;
        } else {
            put(line, s.p + i, length);
            i += length;
        }
    }
    put_text(line, "\"");
}

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

    put_escaped(line, or_dash(weir_get(req, WEIR_GET_CLIENT_ADDR)));
    put_text(line, " - - [");
    put_escaped(line, eval(req, conf->time_local));
    put_text(line, "] \"");
    put_escaped(line, eval(req, conf->request));
    snprintf(status, sizeof(status), "\" %03u ", weir_status(req));
    put_text(line, status);
    put_escaped(line, eval(req, conf->bytes));
    put_text(line, " \"");
    put_escaped(line, or_dash(field(req, WEIR_F_REFERER)));
    put_text(line, "\" \"");
    put_escaped(line, or_dash(field(req, WEIR_F_USER_AGENT)));
    put_text(line, "\"");
}

static void put_json_line(struct line *line, weir_req *req, const struct conf *conf)
{
    char status[16];

    put_json(line, "time", eval(req, conf->time_iso));
    put_json(line, "remote_addr", weir_get(req, WEIR_GET_CLIENT_ADDR));
    put_json(line, "host", weir_get(req, WEIR_GET_HOST));
    put_json(line, "method", weir_get(req, WEIR_GET_METHOD));
    put_json(line, "uri", weir_get(req, WEIR_GET_TARGET));
    put_json(line, "protocol", weir_get(req, WEIR_GET_PROTOCOL));
    snprintf(status, sizeof(status), ",\"status\":%u", weir_status(req));
    put_text(line, status);
    put_text(line, ",\"bytes_sent\":");
    put_escaped(line, eval(req, conf->bytes));
    put_text(line, ",\"request_time\":");
    put_escaped(line, eval(req, conf->request_time));
    put_json(line, "referer", field(req, WEIR_F_REFERER));
    put_json(line, "user_agent", field(req, WEIR_F_USER_AGENT));
    put_json(line, "request_id", weir_get(req, WEIR_GET_ID));
    put_json(line, "upstream_addr", eval(req, conf->upstream_addr));
    put_json(line, "upstream_status", eval(req, conf->upstream_status));
    put_json(line, "reason", eval(req, conf->reason));
    put_text(line, "}");
}

/* What the admin wrote is taken as it is; only what a client may have sent is escaped. */
static void put_template(struct line *line, weir_req *req, const struct conf *conf)
{
    for (uint32_t i = 0; i < conf->part_n; i++) {
        const struct part *part = &conf->parts[i];

        if (part->variable) {
            put_escaped(line, or_dash(eval(req, part->variable)));
        } else {
            put(line, part->text.p, part->text.n);
        }
    }
}

static bool is_wanted(weir_req *req, const struct conf *conf)
{
    weir_str value;

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

    line.n = 0;
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
    line.text[line.n++] = '\n';
    put_line(conf->sink, line.text, line.n);
    return WEIR_NEXT;
}

/* ---- files ---- */

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
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

static struct sink *find_sink(const char *path)
{
    for (struct sink *sink = sinks; sink; sink = sink->next) {
        if (path ? sink->path && strcmp(sink->path, path) == 0 : !sink->path) {
            return sink;
        }
    }
    return NULL;
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
    const char *path = strcmp(conf->path.p, "stdout") == 0 ? NULL : conf->path.p;

    compile_parts(cfg, conf);
    if (conf->kind == FORMAT_TEMPLATE) {
        split_template(cfg, conf);
    }
    conf->sink = find_sink(path);
    if (conf->sink) {
        return;
    }
    struct sink *sink = weir_cfg_alloc(cfg, sizeof(*sink));
    sink->fd = path ? weir_cfg_open_log(cfg, "path", path) : STDOUT_FILENO;
    if (sink->fd < 0) {
        return;
    }
    sink->path = path ? strdup(path) : NULL;
    sink->size = conf->buffer > LINE_MAX_BYTES ? conf->buffer : LINE_MAX_BYTES;
    sink->buffer = weir_cfg_alloc(cfg, sink->size);
    sink->flush_ms = conf->flush_ms;
    sink->next = sinks;
    sinks = sink;
    conf->sink = sink;
}

static void worker_stop(void)
{
    for (struct sink *sink = sinks; sink; sink = sink->next) {
        flush(sink);
    }
}

static void reopen(void)
{
    for (struct sink *sink = sinks; sink; sink = sink->next) {
        if (!sink->path) {
            continue;
        }
        if (sink->used) {
            flush(sink);
        }
        int fd = open(sink->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0) {
            weir_log(WEIR_LOG_ERROR, NULL, "access_log %s cannot be opened again: %s; the old file "
                                           "goes on", sink->path, strerror(errno));
            continue;
        }
        dup3(fd, sink->fd, O_CLOEXEC);
        close(fd);
    }
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
    .worker_stop = worker_stop,
    .reopen = reopen,
};

WEIR_MODULE(access_log, 1, "", module)
