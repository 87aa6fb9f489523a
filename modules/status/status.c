/* SPDX-License-Identifier: Apache-2.0 */
/* status - what is counted, for monitoring (Prometheus' text format), for programs (JSON), and for
 * people: a page that shows the JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/module.h>

/* The page as it is in the source, part of this module. */
__asm__(".pushsection .rodata\n"
        "status_page: .incbin \"" DASHBOARD "\"\n"
        "status_page_end: .byte 0\n"
        ".popsection\n");
extern const char status_page[] __attribute__((visibility("hidden")));
extern const char status_page_end[] __attribute__((visibility("hidden")));

struct conf {
    bool dashboard;
    weir_str metrics, json;
};

static const weir_opt opts[] = {
    {
        .name = "dashboard",
        .type = WEIR_T_BOOL,
        .offset = offsetof(struct conf, dashboard),
        .dflt = "true",
        .doc = "Answers the route's own path with a page for people.",
    },
    {
        .name = "metrics",
        .type = WEIR_T_STR,
        .offset = offsetof(struct conf, metrics),
        .dflt = "/metrics",
        .doc = "The path below the route for Prometheus; \"\": none.",
        .example = "/prometheus",
    },
    {
        .name = "json",
        .type = WEIR_T_STR,
        .offset = offsetof(struct conf, json),
        .dflt = "/status.json",
        .doc = "The path below the route for the same as JSON, which the page needs; \"\": none.",
        .example = "/status.json",
    },
};

static void check_path(weir_cfg *cfg, const char *opt, weir_str path)
{
    if (path.n && path.p[0] != '/') {
        weir_cfg_error(cfg, opt, "\"%s\": expected a path below the route's, such as \"/%s\"",
                       path.p, path.p);
    }
}

static void check(weir_cfg *cfg, void *arg)
{
    const struct conf *conf = arg;

    check_path(cfg, "metrics", conf->metrics);
    check_path(cfg, "json", conf->json);
    if (conf->dashboard && strcmp(conf->json.p ? conf->json.p : "", "/status.json") != 0) {
        weir_cfg_warn(cfg, "json",
                      "the dashboard reads \"/status.json\" and stays empty: leave "
                      "`json` as it is, or say dashboard = false");
    }
}

/* ---- Prometheus' text format, version 0.0.4 ---- */

struct text {
    FILE *out;
    char name[100]; /* the last one: its lines stay together */
};

static void put_head(struct text *text, const weir_metric_view *metric)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    if (strcmp(text->name, metric->name) != 0) {
        snprintf(text->name, sizeof(text->name), "%s", metric->name);
        fprintf(text->out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->doc, metric->name,
                kinds[metric->kind]);
    }
}

static void put_histogram(FILE *out, const weir_metric_view *metric)
{
    const char *comma = metric->labels[0] ? "," : "";
    const char *open = metric->labels[0] ? "{" : "", *close = metric->labels[0] ? "}" : "";
    int64_t count = 0;

    for (uint32_t i = 0; i + 1 < WEIR_METRIC_BUCKETS; i++) {
        count += metric->buckets[i];
        fprintf(out, "%s_bucket{%s%sle=\"%.6f\"} %" PRId64 "\n", metric->name, metric->labels,
                comma, (double)weir_host_->metric->bucket_limit(i) / 1e6, count);
    }
    /* Of the buckets as they were read, so that they add up while others count. */
    count += metric->buckets[WEIR_METRIC_BUCKETS - 1];
    fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", metric->name, metric->labels, comma,
            count);
    fprintf(out, "%s_sum%s%s%s %.6f\n%s_count%s%s%s %" PRId64 "\n", metric->name, open,
            metric->labels, close, (double)metric->sum / 1e6, metric->name, open, metric->labels,
            close, count);
}

static void put_text(struct text *text, const weir_metric_view *metric)
{
    put_head(text, metric);
    if (metric->kind == WEIR_METRIC_HISTOGRAM) {
        put_histogram(text->out, metric);
    } else if (metric->labels[0]) {
        fprintf(text->out, "%s{%s} %" PRId64 "\n", metric->name, metric->labels, metric->value);
    } else {
        fprintf(text->out, "%s %" PRId64 "\n", metric->name, metric->value);
    }
}

/* ---- JSON ---- */

/* key="value",... as members: the escapes in the values are JSON's, too. */
static void put_labels(FILE *out, const char *labels)
{
    bool in_value = false, in_key = false;

    for (const char *p = labels; *p; p++) {
        if (!in_value && !in_key && *p != '=' && *p != ',' && *p != '"') {
            fputc('"', out);
            in_key = true;
        }
        if (in_key && *p == '=') {
            fputs("\":", out);
            in_key = false;
            continue;
        }
        if (in_value && *p == '\\' && p[1]) {
            fputc(*p++, out);
        } else if (!in_key && *p == '"') {
            in_value = !in_value;
        }
        fputc((unsigned char)*p < 0x20 ? ' ' : *p, out);
    }
}

static void put_json(FILE *out, const weir_metric_view *metric)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    fprintf(out, "{\"name\":\"%s\",\"kind\":\"%s\",\"labels\":{", metric->name,
            kinds[metric->kind]);
    put_labels(out, metric->labels);
    fprintf(out, "},\"value\":%" PRId64, metric->value);
    if (metric->kind == WEIR_METRIC_HISTOGRAM) {
        fprintf(out, ",\"sum_us\":%" PRId64 ",\"buckets\":[", metric->sum);
        for (uint32_t i = 0; i < WEIR_METRIC_BUCKETS; i++) {
            fprintf(out, "%s%" PRId64, i ? "," : "", metric->buckets[i]);
        }
        fputc(']', out);
    }
    fputc('}', out);
}

/* ---- all of it, one family after the other ---- */

/* Metrics come in the order in which they were defined: site by site. */
struct collected {
    struct metric {
        weir_metric_view view;
        uint32_t order;
        int64_t buckets[WEIR_METRIC_BUCKETS];
    } * list;
    uint32_t n, room;
};

static void collect(void *arg, const weir_metric_view *view)
{
    struct collected *all = arg;

    if (all->n == all->room) {
        uint32_t room = all->room ? 2 * all->room : 256;
        struct metric *list = realloc(all->list, room * sizeof(*list));

        if (!list) {
            return;
        }
        all->list = list;
        all->room = room;
    }
    struct metric *metric = &all->list[all->n];
    *metric = (struct metric){.view = *view, .order = all->n};
    if (view->buckets) {
        memcpy(metric->buckets, view->buckets, sizeof(metric->buckets));
    }
    all->n++;
}

static int by_family(const void *a_, const void *b_)
{
    const struct metric *a = a_, *b = b_;
    int order = strcmp(a->view.name, b->view.name);

    return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

static void write_all(FILE *out, bool as_json)
{
    struct collected all = {0};
    struct text text = {.out = out};

    weir_host_->metric->each(collect, &all);
    if (all.n) {
        qsort(all.list, all.n, sizeof(*all.list), by_family);
    }
    for (uint32_t i = 0; i < all.n; i++) {
        all.list[i].view.buckets = all.list[i].buckets;
        if (as_json) {
            fputs(i ? ",\n" : "", out);
            put_json(out, &all.list[i].view);
        } else {
            put_text(&text, &all.list[i].view);
        }
    }
    free(all.list);
}

static void write_json(FILE *out)
{
    fprintf(out, "{\"version\":\"%s\",\"time_ms\":%" PRId64 ",\"limits_us\":[", weir_host_->version,
            weir_wall_ms());
    for (uint32_t i = 0; i + 1 < WEIR_METRIC_BUCKETS; i++) {
        fprintf(out, "%s%" PRIu64, i ? "," : "", weir_host_->metric->bucket_limit(i));
    }
    fputs("],\"metrics\":[\n", out);
    write_all(out, true);
    fputs("\n]}\n", out);
}

/* ---- answers ---- */

static void set(weir_req *req, const char *name, const char *value)
{
    weir_edit(req, WEIR_RESPONSE, WEIR_SET, (weir_str){name, strlen(name)},
              (weir_str){value, strlen(value)});
}

static weir_rc answer_numbers(weir_req *req, bool as_json)
{
    char *body = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&body, &n);

    if (!out) {
        return WEIR_ERROR;
    }
    if (as_json) {
        write_json(out);
    } else {
        write_all(out, false);
    }
    if (fclose(out) != 0) {
        free(body);
        return WEIR_ERROR;
    }
    set(req, "Content-Type",
        as_json ? "application/json" : "text/plain; version=0.0.4; charset=utf-8");
    set(req, "Cache-Control", "no-store");
    if (weir_chain_add_ref(weir_body(req), body, n, free, body) != WEIR_OK) {
        return WEIR_ERROR;
    }
    return weir_respond(req, 200, (int64_t)n);
}

static weir_rc answer_page(weir_req *req)
{
    size_t n = (size_t)(status_page_end - status_page);

    set(req, "Content-Type", "text/html; charset=utf-8");
    set(req, "Cache-Control", "no-cache");
    set(req, "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'");
    set(req, "X-Content-Type-Options", "nosniff");
    weir_chain_add_ref(weir_body(req), status_page, n, NULL, NULL);
    return weir_respond(req, 200, (int64_t)n);
}

static bool is(weir_str path, weir_str wanted)
{
    return wanted.n && path.n == wanted.n && memcmp(path.p, wanted.p, path.n) == 0;
}

/* The page finds the JSON beside itself, so that it has to end with a slash. */
static weir_rc answer_redirect(weir_req *req)
{
    weir_str raw = weir_get(req, WEIR_GET_RAW_PATH);
    char *with_slash = weir_alloc(req, raw.n + 1);

    memcpy(with_slash, raw.p, raw.n);
    with_slash[raw.n] = '/';
    weir_edit(req, WEIR_RESPONSE, WEIR_SET, WEIR_STR("Location"),
              (weir_str){with_slash, raw.n + 1});
    return weir_reply(req, 308, WEIR_REASON_CONFIGURED, WEIR_STR(""), WEIR_STR(""), NULL);
}

static weir_rc start(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str method = weir_get(req, WEIR_GET_METHOD);
    weir_str path = weir_get(req, WEIR_GET_PATH);
    weir_str prefix = weir_get(req, WEIR_GET_ROUTE_PREFIX);
    size_t cut = prefix.n && prefix.p[prefix.n - 1] == '/' ? prefix.n - 1 : prefix.n;
    weir_str below = {path.p + (cut < path.n ? cut : path.n), cut < path.n ? path.n - cut : 0};

    if (!is(method, WEIR_STR("GET")) && !is(method, WEIR_STR("HEAD"))) {
        set(req, "Allow", "GET, HEAD");
        return weir_reply(req, 405, WEIR_REASON_METHOD_NOT_ALLOWED, WEIR_STR(""), WEIR_STR(""),
                          "the status can only be read");
    }
    if (is(below, conf->metrics) || is(below, conf->json)) {
        return answer_numbers(req, is(below, conf->json));
    }
    if (conf->dashboard && below.n == 0) {
        return answer_redirect(req);
    }
    if (conf->dashboard && is(below, WEIR_STR("/"))) {
        return answer_page(req);
    }
    return WEIR_NEXT;
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("status", "1.0"),
    .doc = "Serves what is counted: for Prometheus, as JSON, and as a page.",
    .flags = WEIR_MODULE_ESSENTIAL,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .check = check,
    .handler = &handler,
};

WEIR_MODULE(status, 3, "handler", module)
