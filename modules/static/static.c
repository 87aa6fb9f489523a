/* SPDX-License-Identifier: Apache-2.0 */
/* static - answers with files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "conf.h"
#include "file_cache.h"
#include "listing.h"
#include "variant.h"

/* What `root` or `mount` leads to. A link may be switched to another folder (a new release). */
struct folder {
    const char *path;
    int fd;            /* -1: could not be opened */
    int old_fd;        /* the one before: the cache knows its entries by the number */
    uint64_t looked_ms;
};

#define LOOK_MS 1000

static const char *const symlink_policies[] = {"beneath", "never", NULL};
static const char *const etag_kinds[] = {"strong", "weak", "off", NULL};

static const weir_opt opts[] = {
    {.name = "root",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_DIR,
     .offset = offsetof(struct conf, root),
     .doc = "The folder; the whole path of the request is looked up below it.",
     .example = "\"/var/www/example.com\""},
    {.name = "mount",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_DIR,
     .offset = offsetof(struct conf, mount),
     .doc = "The folder that takes the place of the route's path."},
    {.name = "index",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, index),
     .dflt = "index.html",
     .doc = "Names looked for when a folder is asked for."},
    {.name = "try",
     .type = WEIR_T_LIST | WEIR_T_TEMPLATE,
     .offset = offsetof(struct conf, try_),
     .doc = "Paths looked for one after another; the last may be \"=404\", or a path that is routed "
            "anew, such as \"/index.php\"."},
    {.name = "symlinks",
     .type = WEIR_T_ENUM,
     .offset = offsetof(struct conf, symlinks),
     .names = symlink_policies,
     .dflt = "beneath",
     .doc = "\"beneath\": links are followed as long as they stay below the folder; \"never\": "
            "what is behind one is not there."},
    {.name = "hidden",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct conf, hidden),
     .dflt = "false",
     .doc = "Serves files and folders whose names begin with a dot."},
    {.name = "autoindex",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct conf, autoindex),
     .dflt = "false",
     .doc = "Shows what is in a folder that has none of the index names, as a page or, for who "
            "accepts application/json rather, as JSON."},
    {.name = "precompressed",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, precompressed),
     .dflt = "br zstd gzip",
     .doc = "Codings for which a file named like this one with .br, .zst or .gz behind it is sent, "
            "if it is not older; the best liked first among those that a client likes equally."},
    {.name = "images",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, images),
     .doc = "\"avif\" and \"webp\": for an image, a file named like it with .avif or .webp behind "
            "it is sent to clients that name that type in Accept.",
     .example = "[ \"avif\", \"webp\" ]"},
    {.name = "etag",
     .type = WEIR_T_ENUM,
     .offset = offsetof(struct conf, etag),
     .names = etag_kinds,
     .dflt = "strong",
     .doc = "Entity tags are made of time and size; \"weak\" is for file systems whose times are "
            "coarse."},
};

/* ---- finding ---- */

static weir_str join(weir_req *req, weir_str a, weir_str b)
{
    char *text = weir_alloc(req, a.n + b.n + 1);

    memcpy(text, a.p, a.n);
    if (b.n) {
        memcpy(text + a.n, b.p, b.n);
    }
    return (weir_str){text, a.n + b.n};
}

/* A relative redirect: it cannot name an inner host or port. */
static weir_rc redirect_to_folder(weir_req *req)
{
    weir_str raw = weir_get(req, WEIR_GET_RAW_PATH);
    weir_str query = weir_get(req, WEIR_GET_QUERY);
    weir_str to;

    while (raw.n > 1 && raw.p[1] == '/') { /* "//host" would be another host's address */
        raw.p++;
        raw.n--;
    }
    to = join(req, raw, WEIR_STR("/"));
    if (query.n) {
        to = join(req, join(req, to, WEIR_STR("?")), query);
    }
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_LOCATION, to);
    return weir_reply(req, 301, WEIR_REASON_CONFIGURED, WEIR_STR("text/plain"),
                      WEIR_STR("moved permanently\n"), NULL);
}

/* The folder's descriptor; once a second it is looked whether the path leads elsewhere now. */
static int folder_fd(struct folder *folder)
{
    struct stat now, before;

    if (weir_now_ms() - folder->looked_ms < LOOK_MS) {
        return folder->fd;
    }
    folder->looked_ms = weir_now_ms();
    if (stat(folder->path, &now) != 0 || fstat(folder->fd, &before) != 0 ||
        (now.st_dev == before.st_dev && now.st_ino == before.st_ino)) {
        return folder->fd;
    }
    int fd = open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        if (folder->old_fd >= 0) {
            close(folder->old_fd);
        }
        folder->old_fd = folder->fd;
        folder->fd = fd;
    }
    return folder->fd;
}

/* NULL with errno: none of the index names is there. */
static struct file *find_index(weir_req *req, const struct conf *conf, weir_str folder)
{
    const weir_str *names = conf->index.items;
    int error = ENOENT;

    for (size_t i = 0; i < conf->index.n; i++) {
        struct file *file = file_get(folder_fd(conf->folder), join(req, folder, names[i]),
                                     file_resolve_flags(conf->symlinks));

        if (file && !file->is_folder) {
            return file;
        }
        if (file) {
            file_release(file);
        } else if (errno != ENOENT) {
            error = errno; /* one that may not be read is not one that is not there */
        }
    }
    errno = error;
    return NULL;
}

/* Where certificates are proved and clients find metadata (RFC 8615). */
#define WELL_KNOWN "/.well-known/"

static bool has_hidden_part(weir_str path)
{
    size_t n = sizeof(WELL_KNOWN) - 1;
    bool is_well_known = path.n >= n && memcmp(path.p, WELL_KNOWN, n) == 0;

    for (size_t i = is_well_known ? n - 1 : 0; i + 1 < path.n; i++) {
        if (path.p[i] == '/' && path.p[i + 1] == '.') {
            return true;
        }
    }
    return false;
}

/* NULL with errno; EISDIR: a folder that was named without its slash. */
static struct file *look_up(weir_req *req, const struct conf *conf, weir_str path)
{
    if (path.n && path.p[path.n - 1] == '/') {
        return find_index(req, conf, path);
    }
    struct file *file = file_get(folder_fd(conf->folder), path,
                                 file_resolve_flags(conf->symlinks));
    if (file && file->is_folder) {
        file_release(file);
        errno = EISDIR;
        return NULL;
    }
    return file;
}

/* The path below the folder: with `mount` without the route's prefix. */
static weir_str path_below(weir_req *req, const struct conf *conf, weir_str path)
{
    weir_str prefix = weir_get(req, WEIR_GET_ROUTE_PREFIX);

    if (conf->mount.n == 0) {
        return path;
    }
    while (prefix.n && prefix.p[prefix.n - 1] == '/') {
        prefix.n--;
    }
    if (path.n >= prefix.n && memcmp(path.p, prefix.p, prefix.n) == 0) {
        path.p += prefix.n;
        path.n -= prefix.n;
    }
    return path.n ? path : WEIR_STR("/");
}

static bool str_is(weir_str a, weir_str b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* "=404": the status; 0: it is a path. */
static uint32_t status_in(weir_str text)
{
    if (text.n != 4 || text.p[0] != '=') {
        return 0;
    }
    return (uint32_t)((text.p[1] - '0') * 100 + (text.p[2] - '0') * 10 + (text.p[3] - '0'));
}

/* A path as a request would have it: `path` may hold what only its decoded form can. A '?' that
 * the admin wrote begins the query. */
static weir_str as_target(weir_req *req, weir_str path)
{
    static const char digits[] = "0123456789ABCDEF";
    weir_str query = weir_get(req, WEIR_GET_QUERY);
    char *text = weir_alloc(req, 3 * path.n + query.n + 2);
    size_t n = 0;
    bool has_query = false;

    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];

        has_query = has_query || c == '?';
        if (c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}%#", c)) {
            text[n++] = (char)c;
            continue;
        }
        text[n++] = '%';
        text[n++] = digits[c >> 4];
        text[n++] = digits[c & 15];
    }
    if (!has_query && query.n) {
        text[n++] = '?';
        memcpy(text + n, query.p, query.n);
        n += query.n;
    }
    return (weir_str){text, n};
}

/* WEIR_NEXT with errno: it is no folder, or shall not be shown. */
static weir_rc list_folder(weir_req *req, const struct conf *conf, weir_str path)
{
    if (!conf->autoindex || path.p[path.n - 1] != '/') {
        return WEIR_NEXT;
    }
    return listing_send(req, conf, folder_fd(conf->folder), path_below(req, conf, path));
}

/* One path of `try`. WEIR_NEXT: it is not there. */
static weir_rc try_one(weir_req *req, const struct conf *conf, weir_str path)
{
    weir_str asked = weir_get(req, WEIR_GET_PATH);

    if (path.n == 0 || path.p[0] != '/' || (!conf->hidden && has_hidden_part(path))) {
        return WEIR_NEXT;
    }
    struct file *file = look_up(req, conf, path_below(req, conf, path));
    if (!file) {
        return list_folder(req, conf, path);
    }
    if (path.n == asked.n + 1 && path.p[asked.n] == '/' && memcmp(path.p, asked.p, asked.n) == 0) {
        file_release(file);
        return redirect_to_folder(req);
    }
    return answer_with_file(req, conf, file);
}

/* The last of `try` is where the request goes when nothing was there: a status, or another path,
 * which is routed anew, since it may be another route's. */
static weir_rc try_all(weir_req *req, const struct conf *conf)
{
    const weir_template *const *templates = conf->try_.items;
    weir_str asked = weir_get(req, WEIR_GET_PATH);
    weir_str path = asked;

    for (size_t i = 0; i < conf->try_.n; i++) {
        weir_eval(req, templates[i], &path);
        uint32_t status = status_in(path);
        if (status) {
            return answer_refusal(req, status, WEIR_REASON_FILE_NOT_FOUND, "nothing in `try` is there",
                          asked);
        }
        bool is_constant;
        weir_template_text(templates[i], &is_constant);
        if (i + 1 == conf->try_.n && is_constant && !str_is(path, asked)) {
            return weir_rewrite(req, as_target(req, path)) == WEIR_OK ? WEIR_NEXT : WEIR_ERROR;
        }
        weir_rc rc = try_one(req, conf, path);
        if (rc != WEIR_NEXT) {
            return rc;
        }
    }
    return answer_refusal(req, 404, WEIR_REASON_FILE_NOT_FOUND, "nothing in `try` is there", path);
}

static weir_rc start(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    weir_str method = weir_get(req, WEIR_GET_METHOD);
    weir_str path = weir_get(req, WEIR_GET_PATH);

    if (!(method.n == 3 && memcmp(method.p, "GET", 3) == 0) &&
        !(method.n == 4 && memcmp(method.p, "HEAD", 4) == 0)) {
        weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_ALLOW, WEIR_STR("GET, HEAD"));
        return answer_refusal(req, 405, WEIR_REASON_METHOD_NOT_ALLOWED, "files take GET and HEAD only",
                      method);
    }
    if (path.n == 0 || path.p[0] != '/') {
        return answer_refusal(req, 404, WEIR_REASON_FILE_NOT_FOUND, "not a path", path);
    }
    if (!conf->hidden && has_hidden_part(path)) {
        return answer_refusal(req, 404, WEIR_REASON_FILE_NOT_FOUND,
                      "names that begin with a dot are served only with `hidden = true`", path);
    }
    if (conf->try_.n) {
        return try_all(req, conf);
    }
    if (conf->mount.n && path.p[path.n - 1] != '/' &&
        str_is(path_below(req, conf, path), WEIR_STR("/"))) {
        return redirect_to_folder(req);
    }
    struct file *file = look_up(req, conf, path_below(req, conf, path));
    if (file) {
        return answer_with_file(req, conf, file);
    }
    if (errno == EISDIR) {
        return redirect_to_folder(req);
    }
    weir_rc rc = list_folder(req, conf, path);
    if (rc != WEIR_NEXT) {
        return rc;
    }
    return answer_errno(req, errno, path);
}

/* ---- configuration ---- */

/* `root` and `mount` say the same thing in two ways: the inner scope's word counts. */
static void check_folder(weir_cfg *cfg, struct conf *conf)
{
    bool own_root = weir_cfg_is_own(cfg, "root"), own_mount = weir_cfg_is_own(cfg, "mount");

    if (conf->root.n && conf->mount.n && own_root == own_mount) {
        weir_cfg_error(cfg, "mount", "`root` and `mount` exclude each other: `root` appends the "
                                     "whole path, `mount` takes the place of the route's");
    } else if (conf->root.n && conf->mount.n) {
        *(own_mount ? &conf->root : &conf->mount) = (weir_str){NULL, 0};
    } else if (conf->root.n == 0 && conf->mount.n == 0) {
        weir_cfg_error(cfg, NULL, "expected `root` or `mount`: the folder with the files");
    }
}

static void check_try(weir_cfg *cfg, const struct conf *conf)
{
    const weir_template *const *templates = conf->try_.items;

    for (size_t i = 0; i < conf->try_.n; i++) {
        bool is_constant;
        weir_str text = weir_template_text(templates[i], &is_constant);
        uint32_t status = status_in(text);

        if (text.n && text.p[0] != '/' && text.p[0] != '$' && (status < 200 || status > 599)) {
            weir_cfg_error(cfg, "try", "\"%.*s\": expected a path such as \"$uri\" or "
                           "\"/index.html\", or a status such as \"=404\"", (int)text.n, text.p);
        } else if (status && i + 1 < conf->try_.n) {
            weir_cfg_error(cfg, "try", "\"%.*s\" has to be the last: nothing behind it is tried",
                           (int)text.n, text.p);
        }
    }
}

static void check(weir_cfg *cfg, void *conf_)
{
    check_folder(cfg, conf_);
    check_try(cfg, conf_);
    variants_check(cfg, conf_);
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    const char *path = conf->mount.n ? conf->mount.p : conf->root.p;

    conf->folder = weir_cfg_alloc(cfg, sizeof(*conf->folder));
    *conf->folder = (struct folder){
        .path = path, .fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), .old_fd = -1};
    if (conf->folder->fd < 0) {
        weir_cfg_error(cfg, conf->mount.n ? "mount" : "root", "%s: %s", path, strerror(errno));
    }
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("static", "0.1"),
    .doc = "Answers with files.",
    .flags = WEIR_MODULE_DECODED_PATH,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .check = check,
    .commit = commit,
    .handler = &handler,
};

WEIR_MODULE(static, 2, "handler", module)
