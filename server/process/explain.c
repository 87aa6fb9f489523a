/* SPDX-License-Identifier: Apache-2.0 */
#include "process/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "http/fields.h"
#include "http/http1_parse.h"
#include "http/uri.h"

struct question {
    struct config *config;
    enum http1_method method;
    bool tls;
    weir_str host;
    uint16_t port;
    struct uri_path uri;
    struct fields fields; /* of -H */
};

static int refuse(const char *what, const char *text)
{
    fprintf(stderr, "weir: explain: %s: \"%s\"\n", what, text);
    return 2;
}

static weir_str lower(struct arena *arena, weir_str s)
{
    char *text = arena_alloc(arena, s.n + 1);

    for (size_t i = 0; i < s.n; i++) {
        text[i] = ascii_lower(s.p[i]);
    }
    return (weir_str){text, s.n};
}

static int parse_url(struct question *q, const char *url)
{
    weir_str rest = str_from(url), host;
    uint16_t port;

    q->tls = str_starts_with(rest, STR("https://"));
    if (!q->tls && !str_starts_with(rest, STR("http://"))) {
        return refuse("expected http://HOST/PATH or https://HOST/PATH", url);
    }
    size_t skip = q->tls ? 8 : 7;
    rest = (weir_str){rest.p + skip, rest.n - skip};
    const char *slash = memchr(rest.p, '/', rest.n);
    weir_str authority = {rest.p, slash ? (size_t)(slash - rest.p) : rest.n};
    if (!http1_split_authority(authority, &host, &port)) {
        return refuse("the host is not valid", url);
    }
    q->host = lower(&q->config->arena, host);
    q->port = port ? port : q->tls ? 443 : 80;
    weir_str target = slash ? (weir_str){slash, (size_t)(rest.p + rest.n - slash)} : STR("/");
    enum uri_result result = uri_parse(target, &q->config->arena, &q->uri);
    return result == URI_OK ? 0 : refuse(uri_error(result), url);
}

static void apply_headers(struct question *q, const char *const *headers)
{
    fields_init(&q->fields, &q->config->arena);
    for (; *headers; headers++) {
        weir_str value = str_from(*headers);
        weir_str name = str_trim(str_cut(&value, ':'));
        weir_str host;
        uint16_t port;

        if (value.p) {
            fields_add(&q->fields, field_id(name), name, str_trim(value), 0);
        }
        if (value.p && str_ieq(name, STR("Host")) &&
            http1_split_authority(str_trim(value), &host, &port)) {
            q->host = lower(&q->config->arena, host);
        }
    }
}

static const struct listener *find_listener(const struct question *q)
{
    for (uint32_t i = 0; i < q->config->listener_n; i++) {
        const struct listener *listener = q->config->listeners[i];

        if (addr_port(&listener->addr) == q->port && listener->tls == q->tls) {
            return listener;
        }
    }
    return NULL;
}

static void print_place(const struct source *source)
{
    if (source->file) {
        printf("   (%s:%u)", source->file, source->line);
    }
    putchar('\n');
}

static void print_option(void *arg, const char *option, const char *value,
                         const struct source *source)
{
    (void)arg;
    printf("    %-22s %s", option, value);
    if (source && source->file) {
        printf("   (%s:%u)", source->file, source->line);
    } else {
        printf("   (default)");
    }
    putchar('\n');
}

static const char *why(const struct route *route)
{
    switch (route->kind) {
    case ROUTE_EXACT:
        return "its exact path";
    case ROUTE_PREFIX:
        return route->final ? "the longest prefix, which is final"
                            : "the longest prefix; no regex matches";
    case ROUTE_REGEX:
        return "the first regex that matches";
    default:
        return "no route of the site matches: the site itself";
    }
}

static void print_module(struct question *q, const struct route *route,
                         const struct module *module)
{
    printf("  %.*s\n", (int)module->name.n, module->name.p);
    config_each_option(q->config, route, module, print_option, NULL);
}

/* Those that may take part: each decides when it sees the head. */
static void print_filters(const struct plan *plan, weir_side side, const char *label)
{
    for (uint32_t i = 0; i < plan->filter_n[side]; i++) {
        const struct module *module = plan->filters[side][i].module;

        printf("  %-10s %.*s: %s\n", label, (int)module->name.n, module->name.p,
               plan->filters[side][i].ops->name);
    }
}

static void print_hooks(const struct plan *plan)
{
    printf("hooks\n");
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        for (uint32_t i = 0; i < plan->hook_n[phase]; i++) {
            const struct module *module = plan->hooks[phase][i].module;

            printf("  %-10s %.*s\n", phase_name((enum phase)phase), (int)module->name.n,
                   module->name.p);
        }
        if (phase == PHASE_PREPARE) {
            print_filters(plan, WEIR_REQUEST, "upload");
        }
        if (phase == PHASE_RES_HEADERS) {
            print_filters(plan, WEIR_RESPONSE, "download");
        }
        if (phase == PHASE_LOOKUP) {
            printf("  %-10s %.*s\n", "content",
                   plan->handler ? (int)plan->handler->name.n : 11,
                   plan->handler ? plan->handler->name.p : "none: a 404");
        }
    }
}

struct seen {
    const struct module *modules[64];
    unsigned n;
};

static void print_once(struct question *q, const struct route *route, struct seen *seen,
                       const struct module *module)
{
    for (unsigned i = 0; i < seen->n; i++) {
        if (seen->modules[i] == module) {
            return;
        }
    }
    if (seen->n < WEIR_COUNT(seen->modules)) {
        seen->modules[seen->n++] = module;
        print_module(q, route, module);
    }
}

/* Each module once, the handler first, in the order in which hooks reach them. */
static void print_settings(struct question *q, const struct route *route)
{
    const struct plan *plan = &route->plan;
    struct seen seen = {0};

    printf("settings\n");
    if (plan->handler) {
        print_once(q, route, &seen, plan->handler);
    }
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        for (uint32_t i = 0; i < plan->hook_n[phase]; i++) {
            print_once(q, route, &seen, plan->hooks[phase][i].module);
        }
    }
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < plan->filter_n[side]; i++) {
            print_once(q, route, &seen, plan->filters[side][i].module);
        }
    }
}

static void print_on_errors(const struct on_errors *errors)
{
    if (errors->n) {
        printf("on_error\n");
    }
    for (uint32_t i = 0; i < errors->n; i++) {
        printf("  %.*s", (int)errors->list[i]->shown.n, errors->list[i]->shown.p);
        print_place(&errors->list[i]->source);
    }
}

static int explain_one(struct config *config, const char *method, const char *const *headers,
                       const char *url)
{
    struct question q = {.config = config, .method = http1_method_parse(str_from(method))};
    int rc = parse_url(&q, url);

    if (rc != 0) {
        return rc;
    }
    apply_headers(&q, headers);
    const struct listener *listener = find_listener(&q);
    if (!listener) {
        printf("listener  none: nothing listens on port %u for %s\n", q.port,
               q.tls ? "https" : "http");
        return 1;
    }
    printf("listener  %.*s", (int)listener->text.n, listener->text.p);
    print_place(&listener->source);
    const struct site *site = listener_find_site(listener, q.host);
    if (!site) {
        printf("site      none: \"%.*s\" is nobody's name here: 421\n", (int)q.host.n, q.host.p);
        return 1;
    }
    weir_str name = site->name_n ? site->names[0] : STR("(any host)");
    printf("site      %.*s", (int)name.n, name.p);
    print_place(&site->source);
    const struct routed by = {
        .path = q.uri.path, .method = q.method, .fields = &q.fields, .query = q.uri.query};
    const struct route *route = site_find_route(site, &by, NULL);
    printf("path      %.*s\n", (int)q.uri.path.n, q.uri.path.p);
    printf("route     %.*s: %s", (int)route->name.n, route->name.p, why(route));
    print_place(&route->source);
    if (route->internal) {
        printf("          it is internal: a client gets 404; on_error, rewriting, `try` and "
               "X-Accel-Redirect lead there\n");
    }
    print_hooks(&route->plan);
    print_settings(&q, route);
    print_on_errors(&route->on_errors);
    return 0;
}

int explain_main(struct config *config, const char *method, const char *const *headers,
                 const char *const *urls, unsigned n)
{
    int worst = 0;

    for (unsigned i = 0; i < n; i++) {
        if (i) {
            putchar('\n');
        }
        int rc = explain_one(config, method, headers, urls[i]);
        worst = rc > worst ? rc : worst;
    }
    return worst;
}
