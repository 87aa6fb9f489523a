/* SPDX-License-Identifier: Apache-2.0 */
/* fastcgi.c - hands requests to PHP-FPM and its like: which script, and how. The wire is codec.c's;
 * connections, retries and bodies are the host's. */
#include "fastcgi.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#define OPT(name_, type_, default_, doc_)                                                          \
    {.name = #name_, .type = (type_), .offset = offsetof(struct fastcgi_conf, name_),              \
     .dflt = (default_), .doc = (doc_)}
#define OPT_MS(name_, default_, doc_)                                                              \
    {.name = #name_, .type = WEIR_T_DURATION, .offset = offsetof(struct fastcgi_conf, name_##_ms), \
     .dflt = (default_), .doc = (doc_)}

static const weir_opt options[] = {
    {.name = "to",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct fastcgi_conf, to),
     .doc = "Where the application listens: a unix socket, an address, an upstream.",
     .example = "\"unix:/run/php/php-fpm.sock\""},
    {.name = "root",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct fastcgi_conf, root),
     .doc = "The folder that holds the scripts, as the application sees it."},
    OPT(index, WEIR_T_STR, "index.php", "The script of a path that ends with '/'."),
    {.name = "params",
     .type = WEIR_T_MAP | WEIR_T_TEMPLATE,
     .inherit = WEIR_INHERIT_MERGE,
     .offset = offsetof(struct fastcgi_conf, params),
     .doc = "More variables for the application; those of the usual names replace them.",
     .example = "{ APP_ENV = \"production\"; }"},
    OPT(split_path, WEIR_T_REGEX, "^(.+?\\.php)(/.*)$",
        "The script and what follows it, as two groups; a path that does not match is all script."),
    OPT(keepalive, WEIR_T_INT, "0",
        "1 or more: connections are kept; 0: one per request, since each that php-fpm keeps holds one "
        "of its processes."),
    OPT(check_script, WEIR_T_BOOL, "true",
        "Asks only for scripts that are files beneath root; false where only the application has "
        "them."),
    OPT_MS(connect_timeout, "10s", "Time for a connection."),
    OPT_MS(send_timeout, "60s", "Time between two writes."),
    OPT_MS(read_timeout, "60s", "Time between two reads."),
    OPT_MS(deadline, NULL, "Time for the whole exchange; absent: none."),
    OPT(buffering, WEIR_T_BOOL, "true",
        "Takes a response off the application as fast as it comes, even if the client is slower."),
    OPT(request_buffering, WEIR_T_BOOL, "true",
        "Takes the whole request body before the application is asked."),
    OPT(retry, WEIR_T_BOOL, "true", "Tries the next peer when one gave no answer."),
    OPT(accel_redirect, WEIR_T_BOOL, "false",
        "An answer with X-Accel-Redirect leads to an `internal` route, which makes the answer."),
    OPT(buffer_head, WEIR_T_SIZE, "64k", "Largest head of a response."),
    OPT(buffer_body, WEIR_T_SIZE, "256k", "Bytes of a response held in memory for a slow client."),
    OPT(buffer_file, WEIR_T_SIZE, "1g", "Further bytes held in a temporary file."),
};

/* ---- the script ---- */

static weir_str join(weir_req *req, weir_str a, weir_str b)
{
    char *text = (char *)weir_alloc(req, a.n + b.n + 1);

    memcpy(text, a.p, a.n);
    if (b.n) {
        memcpy(text + a.n, b.p, b.n);
    }
    text[a.n + b.n] = '\0';
    return (weir_str){text, a.n + b.n};
}

static void find_script(weir_req *req, const struct fastcgi_conf *conf, struct script *script)
{
    weir_str path = weir_get(req, WEIR_GET_PATH), groups[3];

    *script = (struct script){.name = path};
    if (conf->split_path && weir_match(conf->split_path, path, groups, 3) >= 3) {
        script->name = groups[1];
        script->path_info = groups[2];
    } else if (path.n && path.p[path.n - 1] == '/') {
        script->name = join(req, path, conf->index);
    }
    script->filename = join(req, conf->root, script->name);
}

/* ---- is it there? ----
 *
 * Is it a file beneath the root? Otherwise "/upload/image.png/x.php" might have the application look
 * for a script in what a client has sent. The path has no dot segments, the host saw to that; links
 * lead where the admin wants them to.
 *
 * A look at a file system may block, so it is a thread's. Nearly all requests are for a few scripts:
 * what was there a moment ago need not be looked at again. What is not there is not remembered. */

#define KNOWN 256            /* scripts that are remembered */
#define KNOWN_MS 1000
#define KNOWN_PATH 240       /* longer ones are not */
#define LOOK_MAX_MS 30000

static struct known {
    char path[KNOWN_PATH];
    uint64_t until_ms;
} known_scripts[KNOWN];

struct look {
    weir_req *req;           /* NULL: it is gone */
    weir_token token;
    bool is_script;
    size_t n;
    char path[];
};

/* Of a request, on its way through the thread. */
struct context {
    const char *found;       /* the script that was looked for, and is there */
};

static struct known *known_place(weir_str path)
{
    uint32_t hash = 2166136261u; /* FNV-1a; paths are compared whole */

    for (size_t i = 0; i < path.n; i++) {
        hash = (hash ^ (unsigned char)path.p[i]) * 16777619u;
    }
    return &known_scripts[hash % KNOWN];
}

static bool is_known(weir_str path)
{
    const struct known *known = known_place(path);

    return known->until_ms > weir_now_ms() && strcmp(known->path, path.p) == 0;
}

static void remember(weir_str path)
{
    struct known *known = known_place(path);

    if (path.n < KNOWN_PATH) {
        memcpy(known->path, path.p, path.n + 1);
        known->until_ms = weir_now_ms() + KNOWN_MS;
    }
}

static void work(void *arg)
{
    struct look *look = arg;
    struct stat info;

    look->is_script = stat(look->path, &info) == 0 && S_ISREG(info.st_mode);
}

static weir_rc refuse(weir_req *req)
{
    return weir_reply(req, 404, WEIR_REASON_FILE_NOT_FOUND, WEIR_STR(""), WEIR_STR(""),
                      "there is no such script beneath fastcgi.root");
}

static void done(void *arg)
{
    struct look *look = arg;
    weir_str path = {look->path, look->n};

    if (look->is_script) {
        remember(path);
    }
    if (look->req && look->is_script) {
        struct context *context = (struct context *)weir_ctx(look->req);
        char *copy = (char *)weir_alloc(look->req, look->n + 1);

        context->found = memcpy(copy, look->path, look->n + 1);
        weir_resume(look->token, WEIR_NEXT);
    } else if (look->req) {
        weir_resume(look->token, refuse(look->req));
    }
    free(look);
}

static void on_cancel(void *arg)
{
    ((struct look *)arg)->req = NULL;
}

static weir_rc look_for(weir_req *req, weir_str path)
{
    struct look *look = calloc(1, sizeof(*look) + path.n + 1);

    if (!look) {
        return WEIR_ERROR;
    }
    look->req = req;
    look->n = path.n;
    memcpy(look->path, path.p, path.n + 1);
    look->token = weir_suspend(req, LOOK_MAX_MS, on_cancel, look);
    if (!look->token || weir_offload(work, done, look) != WEIR_OK) {
        free(look);
        return WEIR_ERROR;
    }
    return WEIR_AGAIN;
}

static bool is_found(weir_req *req, weir_str path)
{
    const struct context *context = (const struct context *)weir_ctx(req);

    return context->found && strcmp(context->found, path.p) == 0;
}

/* ---- a request ---- */

static bool has_chunked_body(const weir_req *req)
{
    weir_str coding;

    return weir_field_get(req, WEIR_REQUEST, WEIR_F_TRANSFER_ENCODING, &coding) == WEIR_OK;
}

static weir_rc start(weir_req *req, const void *conf_)
{
    const struct fastcgi_conf *conf = (const struct fastcgi_conf *)conf_;
    struct script script;

    find_script(req, conf, &script);
    if (conf->check_script && !is_known(script.filename) && !is_found(req, script.filename)) {
        return look_for(req, script.filename);
    }
    struct fastcgi_request *request =
        (struct fastcgi_request *)weir_alloc(req, sizeof(*request));
    weir_forward_conf *forward = (weir_forward_conf *)weir_alloc(req, sizeof(*forward));
    *request = (struct fastcgi_request){.req = req, .keep = conf->keepalive > 0};
    params_make(req, conf, &script, request);
    *forward = (weir_forward_conf){
        .size = sizeof(*forward),
        .upstream = conf->upstream,
        .buffering = conf->buffering,
        /* The application is told the length before it gets the first byte. */
        .request_buffering = conf->request_buffering || has_chunked_body(req),
        .retry = conf->retry,
        .accel_redirect = conf->accel_redirect,
        .connect_timeout_ms = conf->connect_timeout_ms,
        .send_timeout_ms = conf->send_timeout_ms,
        .read_timeout_ms = conf->read_timeout_ms,
        .deadline_ms = conf->deadline_ms,
        .buffer_head = conf->buffer_head,
        .buffer_body = conf->buffer_body,
        .buffer_file = conf->buffer_file,
        .own_codec = true,
        .request = request,
    };
    return weir_forward(req, forward);
}

/* ---- configuration ---- */

/* "php8.2-fpm.sock, other.sock": what there is in the socket's folder. */
static void list_sockets(const char *path, char *out, size_t size)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    const char *slash = strrchr(path, '/');
    struct dirent *entry;
    size_t n = 0;

    out[0] = '\0';
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_type == DT_SOCK && n + strlen(entry->d_name) + 3 < size) {
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* It may come later, so this is no error. */
static void warn_of_socket(weir_cfg *cfg, weir_str to)
{
    char found[512];
    struct stat info;

    if (to.n < 6 || memcmp(to.p, "unix:", 5) != 0) {
        return;
    }
    const char *path = to.p + 5;
    int rc = stat(path, &info);
    if (rc == 0 && S_ISSOCK(info.st_mode)) {
        return;
    }
    list_sockets(path, found, sizeof(found));
    weir_cfg_warn(cfg, "to", "%s: %s; %s%s", path, rc ? strerror(errno) : "it is no socket",
                  found[0] ? "sockets in its folder: "
                           : "is the application running? There is no socket in its folder",
                  found);
}

static void check(weir_cfg *cfg, void *conf_)
{
    struct fastcgi_conf *conf = (struct fastcgi_conf *)conf_;

    if (conf->to.p) {
        warn_of_socket(cfg, conf->to);
    }
    while (conf->root.n > 1 && conf->root.p[conf->root.n - 1] == '/') {
        conf->root.n--;
    }
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct fastcgi_conf *conf = (struct fastcgi_conf *)conf_;
    weir_str url = conf->to;

    /* "127.0.0.1:9000" is what other servers call it, too. */
    if (url.n && memcmp(url.p, "unix:", url.n < 5 ? url.n : 5) != 0 && !memmem(url.p, url.n, "://", 3)) {
        char *text = (char *)weir_cfg_alloc(cfg, url.n + 8);

        memcpy(text, "http://", 7);
        memcpy(text + 7, url.p, url.n);
        url = (weir_str){text, url.n + 7};
    }
    conf->upstream = weir_cfg_upstream(cfg, "to", url, NULL);
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("fastcgi", "0.1"),
    .doc = "Hands requests to PHP-FPM and other FastCGI applications.",
    .flags = WEIR_MODULE_FAIL_CLOSED | WEIR_MODULE_DECODED_PATH,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct fastcgi_conf),
    .ctx_size = sizeof(struct context),
    .check = check,
    .commit = commit,
    .handler = &handler,
    .codec = &fastcgi_codec,
};

WEIR_MODULE(fastcgi, 3, "handler", module)
