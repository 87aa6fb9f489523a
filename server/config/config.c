/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "config/build.h"
#include "config/host_schema.h"
#include "config/log_file.h"
#include "config/source.h"
#include "http/traffic.h"
#include "config/variables.h"

#ifndef WEIR_MODULESDIR
#define WEIR_MODULESDIR "/usr/lib/weir/modules"
#endif

struct config *config_current;
const char *config_private;

/* ---- where modules are ---- */

void config_error(struct config *config, const struct source *at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_vadd(&config->diag, DIAG_ERROR, at->file, at->line, fmt, args);
    va_end(args);
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* When weir runs from a build tree, its modules are taken from there. The binary is at the top, in
 * server/ or in server/.libs/. */
static const char *build_tree_modules(struct arena *arena)
{
    static const char *const ups[] = {"", "/..", "/../.."};
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    if (n <= 0) {
        return NULL;
    }
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    for (size_t i = 0; i < WEIR_COUNT(ups); i++) {
        weir_str base = arena_printf(arena, "%s%s", exe, ups[i]);
        weir_str modules = arena_printf(arena, "%s/modules", base.p);

        if (is_folder(modules.p) &&
            access(arena_printf(arena, "%s/Makefile", base.p).p, F_OK) == 0) {
            return modules.p;
        }
    }
    return NULL;
}

static void index_modules(struct config *config, const weir_host *host)
{
    const weir_str *set = config->server.modules_path.items;
    size_t n = config->server.modules_path.n;
    const char **folders = arena_zalloc(&config->arena, (n + 2) * sizeof(*folders));
    weir_str searched = STR("");
    uint32_t count = 0;

    for (size_t i = 0; i < n; i++) {
        if (set[i].p) { /* else it was no path, which has been said */
            folders[count++] = set[i].p;
        }
    }
    if (n == 0) {
        const char *tree = build_tree_modules(&config->arena);

        folders[count++] = tree ? tree : WEIR_MODULESDIR;
    }
    for (uint32_t i = 0; i < count; i++) {
        searched = arena_printf(&config->arena, "%s%s%s", searched.p, i ? ", " : "", folders[i]);
    }
    config->tree->searched = searched;
    registry_init(&config->registry, &config->arena, host, folders, count);
    config->registry.allowed = config->server.modules.items;
    config->registry.allowed_n = (uint32_t)config->server.modules.n;
}

/* ---- the top level ---- */

static int64_t cpu_count(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* Where `weir -s` looks when nothing is said. Without $XDG_RUNTIME_DIR an
 * ordinary user has no such place. */
static void set_default_control(struct config *config)
{
    const char *service = getenv("RUNTIME_DIRECTORY"); /* systemd's */
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (config->server.control.n) {
        return;
    }
    if (service && service[0] == '/') {
        config->server.control = arena_printf(&config->arena, "%.*s/control.sock",
                                              (int)strcspn(service, ":"), service);
    } else if (geteuid() == 0) {
        config->server.control = STR("/run/weir/control.sock");
    } else if (runtime && runtime[0] == '/') {
        config->server.control = arena_printf(&config->arena, "%s/weir.sock", runtime);
    }
}

static void read_server(struct config *config)
{
    const struct node *server = node_get(config->tree->root, STR("server"));

    if (server && server->type != NODE_GROUP) {
        diag_add(&config->diag, DIAG_ERROR, server->at.file, server->at.line,
                 "server: expected a group { ... }");
        server = NULL;
    }
    if (server) {
        schema_check_keys(config, "server", server_rows(), WEIR_S_TOP, server);
    }
    schema_fill(config, "server", server_rows(), WEIR_S_TOP, true, server, &config->server);
    set_default_control(config);
    if (config->server.workers == 0) {
        config->server.workers = cpu_count();
    }
}

static void read_top(struct config *config)
{
    struct scope *top = &config->tree->top;
    const struct client_conf none = {0};
    char error[512];
    uint32_t n;

    build_client(top, &none, &config->client);
    scope_read_uses(top);
    variables_check(config);
    build_on_error(top, NULL, &config->on_errors);
    scope_check(top);
    const struct plan_use *uses = scope_plan_uses(top, &n);
    if (!plan_build(&config->arena, uses, n, NULL, 0, &config->top_plan, error, sizeof(error))) {
        diag_add(&config->diag, DIAG_ERROR, config->path, 0, "%s", error);
    }
}

bool config_load(struct config *config, const char *path, const weir_host *host)
{
    struct config_tree *tree;

    *config = (struct config){0};
    arena_init(&config->arena);
    diag_init(&config->diag, &config->arena);
    config_current = config;
    config->path = arena_strdup(&config->arena, path);
    tree = config->tree = arena_zalloc(&config->arena, sizeof(*tree));
    tree->root = source_load(&config->arena, &config->diag, path);
    tree->incomplete = config->diag.errors > 0;
    tree->top = (struct scope){
        .config = config, .kind = WEIR_S_TOP, .node = tree->root, .label = "the top level"};
    read_server(config);
    index_modules(config, host);
    read_top(config);
    build_upstreams(config);
    build_sites(config);
    if (config->site_n == 0 && config->diag.errors == 0) {
        diag_add(&config->diag, DIAG_WARNING, config->path, 0,
                 "there are no sites: weir will listen nowhere");
    }
    return config->diag.errors == 0;
}

/* ---- commit ---- */

static struct log *open_log(struct config *config, const struct log_settings *settings,
                            const struct source *at)
{
    const char *path = settings->path.n ? settings->path.p
                       : config_private ? arena_printf(&config->arena, "%s/error.log", config_private).p
                                        : NULL;
    bool is_stderr = !path || strcmp(path, "stderr") == 0;
    struct log *log = NULL;

    if (is_stderr || log_file_make_folder(config, path)) {
        log = log_open(path, (weir_log_level)settings->level);
    }
    if (!log) {
        diag_add(&config->diag, DIAG_ERROR, at->file, at->line,
                 "error_log.path: cannot open %s: %s", path ? path : "standard error",
                 strerror(errno));
    }
    return log;
}

static void open_server_log(struct config *config)
{
    const struct node *server = node_get(config->tree->root, STR("server"));
    const struct node *group = node_get(server, STR("error_log"));
    const struct source at = group ? group->at : (struct source){0};
    struct log_settings settings = {config->server.error_log_path, config->server.error_log_level};
    struct log *log = open_log(config, &settings, &at);

    if (log) {
        log_default = log;
    }
}

static struct log *site_log(struct config *config, const struct scope *scope)
{
    struct log *log = scope->has_log ? open_log(config, &scope->log, &scope->log_at) : NULL;

    return log ? log : log_default;
}

static void commit_site(struct config *config, struct scope *scope)
{
    struct site *site = scope->site;

    site->self->error_log = site_log(config, scope);
    scope_commit(scope);
    for (uint32_t i = 0; i < site->route_n; i++) {
        site->routes[i]->error_log = site->self->error_log;
        scope_commit(scope->routes[i]);
    }
}

bool config_commit(struct config *config)
{
    open_server_log(config);
    scope_commit(&config->tree->top);
    upstreams_commit(config);
    for (uint32_t i = 0; i < config->site_n; i++) {
        commit_site(config, config->tree->sites[i]);
    }
    traffic_define(config);
    return config->diag.errors == 0;
}

void config_unload(struct config *config)
{
    for (uint32_t i = 0; i < config->site_n; i++) {
        table_fini(&config->sites[i]->exact);
    }
    for (uint32_t i = 0; i < config->listener_n; i++) {
        table_fini(&config->listeners[i]->hosts);
    }
    arena_fini(&config->arena);
    if (config_current == config) {
        config_current = NULL;
    }
}
