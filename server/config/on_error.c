/* SPDX-License-Identifier: Apache-2.0 */
/* config/on_error.c - the lists `on_error`. See build.h. */
#include "config/build.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "http/template.h"
#include "http/uri.h"

#define FILE_MAX (1024 * 1024)
#define FIRST_STATUS 300 /* a lower one is no error */

/* ---- one entry ---- */

static void read_statuses(struct config *config, const struct node *group, const weir_list *list,
                          struct on_error *out)
{
    const struct node *at = node_get(group, STR("status"));
    const weir_str *words = list->items;

    for (size_t i = 0; i < list->n; i++) {
        struct status_set low = {0};

        out->shown = arena_printf(&config->arena, "%.*s%s%.*s", (int)out->shown.n,
                                  out->shown.n ? out->shown.p : "", i ? ", " : "", (int)words[i].n,
                                  words[i].p);
        if (!status_set_add(&out->status, words[i])) {
            config_error(config, &at->at, "on_error.status: \"%s\": expected a status or some: 404, "
                     "\"500-504\", \"5xx\"", words[i].p);
            continue;
        }
        status_set_add(&low, words[i]);
        for (uint32_t status = 100; status < FIRST_STATUS; status++) {
            if (status_set_has(&low, status)) {
                config_error(config, &at->at, "on_error.status: \"%s\": %u is no error: expected statuses "
                         "from %u on", words[i].p, status, FIRST_STATUS);
                break;
            }
        }
    }
    if (list->n == 0 && at) {
        config_error(config, &at->at, "on_error.status: expected statuses, found an empty list");
    }
}

static void read_path(struct config *config, const struct node *group,
                      const struct on_error_settings *settings, struct on_error *out)
{
    const struct node *at = node_get(group, STR("path"));
    weir_str text = settings->path->source;
    struct uri_path uri;

    out->path = settings->path;
    if (text.n > 1 && text.p[0] == '@') {
        out->name = (weir_str){text.p + 1, text.n - 1};
        return;
    }
    if (text.n == 0 || (text.p[0] != '/' && text.p[0] != '$')) {
        config_error(config, &at->at, "on_error.path = \"%.*s\": expected a path of this site, which begins "
                 "with \"/\", or \"@NAME\", the name of one of its routes", (int)text.n, text.p);
    } else if (settings->path->constant.p &&
               uri_parse(settings->path->constant, &config->arena, &uri) != URI_OK) {
        config_error(config, &at->at, "on_error.path = \"%.*s\": expected a path, escaped as in URLs",
                 (int)text.n, text.p);
    }
}

static void read_answer(struct config *config, const struct node *group,
                        const struct on_error_settings *settings, struct on_error *out)
{
    uint64_t status;

    if (str_eq(settings->answer, STR("own"))) {
        out->answer = ON_ERROR_OWN;
    } else if (str_to_u64(settings->answer, &status) && status >= 200 && status <= 599) {
        out->answer = (uint32_t)status;
    } else if (!str_eq(settings->answer, STR("keep"))) {
        config_error(config, &node_get(group, STR("answer"))->at, "on_error.answer = \"%s\": expected \"keep\", "
                 "\"own\" or a status", settings->answer.p);
    }
}

static weir_str type_of(weir_str file)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".html", "text/html"},
                 {".htm", "text/html"},
                 {".json", "application/json"},
                 {".xml", "application/xml"}};

    for (size_t i = 0; i < WEIR_COUNT(types); i++) {
        if (str_ends_with(file, str_from(types[i].ending))) {
            return str_from(types[i].type);
        }
    }
    return STR("text/plain");
}

/* Into memory, once: what stands for a failure must not fail itself. */
static void read_file(struct config *config, const struct node *at, weir_str path,
                      struct on_error *out)
{
    struct stat info;
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &info) != 0) {
        config_error(config, &at->at, "on_error.respond.file = \"%s\": %s", path.p, strerror(errno));
    } else if (info.st_size == 0 || info.st_size > FILE_MAX) {
        config_error(config, &at->at, "on_error.respond.file = \"%s\": it has %lld bytes: expected 1 to %d",
                 path.p, (long long)info.st_size, FILE_MAX);
    } else {
        char *bytes = arena_alloc(&config->arena, (size_t)info.st_size);
        ssize_t n = read(fd, bytes, (size_t)info.st_size);

        if (n != info.st_size) {
            config_error(config, &at->at, "on_error.respond.file = \"%s\": cannot be read: %s", path.p,
                     n < 0 ? strerror(errno) : "it is shorter than it was");
        }
        out->file = (weir_str){bytes, n < 0 ? 0 : (size_t)n};
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void read_respond(struct config *config, const struct node *group,
                         const struct on_error_settings *settings, struct on_error *out)
{
    const struct node *at = node_get(group, STR("respond"));

    out->text = settings->text;
    out->answer = (uint32_t)settings->respond_status;
    out->type = settings->type.n ? settings->type
                : settings->file.n ? type_of(settings->file)
                                   : STR("text/plain");
    if (out->answer && out->answer < 200) {
        config_error(config, &at->at, "on_error.respond.status = %u: expected 200 to 599", out->answer);
    }
    if (!settings->text == !settings->file.n) {
        config_error(config, &at->at, "on_error.respond: expected text = \"...\"; or file = \"...\";%s",
                 settings->text ? ", found both" : "");
    } else if (settings->file.n) {
        read_file(config, node_get(at, STR("file")), settings->file, out);
    }
    for (size_t i = 0; i < out->type.n; i++) {
        if ((unsigned char)out->type.p[i] < ' ' || out->type.p[i] == 0x7f) {
            config_error(config, &at->at, "on_error.respond.type: a control character in a media type");
            return;
        }
    }
}

/* "404, 5xx -> /sorry.html" */
static void show(struct config *config, const struct on_error_settings *settings,
                 struct on_error *out)
{
    weir_str to = settings->path     ? settings->path->source
                  : settings->file.n ? settings->file
                                     : STR("a text");

    out->shown = arena_printf(&config->arena, "%.*s%s -> %.*s%s%.*s", (int)out->shown.n,
                              out->shown.n ? out->shown.p : "",
                              out->upstream ? ", backends' too" : "", (int)to.n, to.p,
                              settings->path ? ", status " : "",
                              settings->path ? (int)settings->answer.n : 0,
                              settings->path ? settings->answer.p : "");
}

static void read_entry(struct scope *scope, const struct node *group, struct on_error *out)
{
    struct config *config = scope->config;
    struct on_error_settings settings = {0};
    const struct node *respond = node_get(group, STR("respond"));

    out->source = group->at;
    if (!schema_fill(config, "on_error", on_error_rows(), scope->kind, true, group, &settings)) {
        return;
    }
    out->upstream = settings.upstream;
    read_statuses(config, group, &settings.status, out);
    if (!settings.path == !respond) {
        config_error(config, &group->at, "on_error: expected path = \"...\"; or respond = { ... };%s",
                 respond ? ", found both" : "");
        return;
    }
    if (respond) {
        read_respond(config, group, &settings, out);
    } else {
        read_path(config, group, &settings, out);
        read_answer(config, group, &settings, out);
    }
    show(config, &settings, out);
}

/* ---- scopes ---- */

void build_on_error(struct scope *scope, const struct on_errors *outer, struct on_errors *out)
{
    struct config *config = scope->config;
    const struct node *node = node_get(scope->node, STR("on_error"));
    bool is_list = node && node->type == NODE_LIST;
    const struct node *item = is_list ? node->first : node;
    uint32_t most = (outer ? outer->n : 0) + (is_list ? node->n : 1);

    *out = (struct on_errors){0};
    if (!node || node_is_false(node)) {
        if (!node && outer) {
            *out = *outer;
        }
        return;
    }
    out->list = arena_zalloc(&config->arena, most * sizeof(const struct on_error *) + 1);
    for (; item; item = is_list ? item->next : NULL) {
        struct on_error *entry = arena_zalloc(&config->arena, sizeof(*entry));

        if (item->type != NODE_GROUP) {
            config_error(config, &item->at, "on_error: expected a list of groups: on_error = ( { status = "
                     "[ 404 ]; path = \"/404.html\"; } );");
            continue;
        }
        read_entry(scope, item, entry);
        out->list[out->n++] = entry;
        out->upstream = out->upstream || entry->upstream;
    }
    for (uint32_t i = 0; outer && i < outer->n; i++) {
        out->list[out->n++] = outer->list[i];
        out->upstream = out->upstream || outer->list[i]->upstream;
    }
}

static bool has_route(const struct site *site, weir_str name)
{
    for (uint32_t i = 0; i < site->route_n; i++) {
        if (str_eq(site->routes[i]->name, name)) {
            return true;
        }
    }
    return false;
}

static void check_names(struct config *config, const struct site *site,
                        const struct on_errors *errors)
{
    for (uint32_t i = 0; i < errors->n; i++) {
        const struct on_error *entry = errors->list[i];

        if (entry->name.n && !has_route(site, entry->name)) {
            diag_add(&config->diag, DIAG_ERROR, entry->source.file, entry->source.line,
                     "on_error.path = \"@%.*s\": the site has no route with name = \"%.*s\"",
                     (int)entry->name.n, entry->name.p, (int)entry->name.n, entry->name.p);
        }
    }
}

void build_on_error_done(struct scope *site_scope)
{
    const struct site *site = site_scope->site;
    const struct on_errors *outer = &site->self->on_errors;

    check_names(site_scope->config, site, outer);
    for (uint32_t i = 0; i < site->route_n; i++) {
        const struct on_errors *own = &site->routes[i]->on_errors;

        if (own->list != outer->list && own->n > outer->n) { /* its own alone */
            const struct on_errors inner = {.list = own->list, .n = own->n - outer->n};

            check_names(site_scope->config, site, &inner);
        }
    }
}
