/* SPDX-License-Identifier: Apache-2.0 */
#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/accept.h>
#include <weir/utf8.h>

#include "file_cache.h"

/* The worker reads a folder in one go, so there is an end to it. */
#define ENTRIES_MAX 10000

struct entry {
    char *name;
    bool is_folder;
    uint64_t size;
    time_t mtime;
};

struct listing {
    struct entry *entries;
    size_t n, room;
    bool is_cut;
};

enum sort { BY_NAME, BY_SIZE, BY_TIME };

static const char *const sort_names[] = {"name", "size", "time"};

struct order {
    enum sort by;
    bool descending;
};

/* ---- reading ---- */

/* A link counts as what it leads to, if that is below the root. */
static bool describe(int root_fd, uint64_t resolve, weir_str folder, const char *name,
                     struct entry *entry)
{
    char path[PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%.*s%s", (int)folder.n, folder.p, name);

    if (n < 0 || (size_t)n >= sizeof(path)) {
        return false;
    }
    int fd = file_open_beneath(root_fd, path, O_PATH | O_CLOEXEC, resolve);
    if (fd < 0) {
        return false;
    }
    bool is_shown = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
    close(fd);
    *entry = (struct entry){.is_folder = is_shown && S_ISDIR(st.st_mode),
                            .size = is_shown ? (uint64_t)st.st_size : 0,
                            .mtime = is_shown ? st.st_mtim.tv_sec : 0};
    return is_shown;
}

static bool add(struct listing *listing, struct entry entry, const char *name)
{
    if (listing->n == listing->room) {
        size_t room = listing->room ? 2 * listing->room : 64;
        struct entry *more = realloc(listing->entries, room * sizeof(*more));

        if (!more) {
            return false;
        }
        listing->entries = more;
        listing->room = room;
    }
    entry.name = strdup(name);
    if (entry.name) {
        listing->entries[listing->n++] = entry;
    }
    return entry.name != NULL;
}

static bool read_folder(const struct conf *conf, int root_fd, uint64_t resolve, weir_str path,
                        struct listing *listing)
{
    int fd = file_open_beneath(root_fd, path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC, resolve);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *found;
    struct entry entry;

    if (!dir) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    while (!listing->is_cut && (found = readdir(dir)) != NULL) {
        const char *name = found->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            (name[0] == '.' && !conf->hidden) || !describe(root_fd, resolve, path, name, &entry)) {
            continue;
        }
        listing->is_cut = listing->n == ENTRIES_MAX || !add(listing, entry, name);
    }
    closedir(dir);
    return true;
}

static int compare(const void *a_, const void *b_, void *order_)
{
    const struct entry *a = a_, *b = b_;
    const struct order *order = order_;
    int rc = 0;

    if (a->is_folder != b->is_folder) {
        return a->is_folder ? -1 : 1;
    }
    if (order->by == BY_SIZE) {
        rc = a->size < b->size ? -1 : a->size > b->size;
    } else if (order->by == BY_TIME) {
        rc = a->mtime < b->mtime ? -1 : a->mtime > b->mtime;
    }
    rc = rc ? rc : strverscmp(a->name, b->name);
    return order->descending ? -rc : rc;
}

/* "?sort=size&order=desc" */
static struct order wanted_order(weir_req *req)
{
    weir_str query = weir_get(req, WEIR_GET_QUERY);
    struct order order = {BY_NAME, false};

    while (query.n && query.p) {
        weir_str value = weir_list_cut(&query, '&');
        weir_str key = weir_list_cut(&value, '=');

        if (key.n == 5 && memcmp(key.p, "order", 5) == 0) {
            order.descending = value.n == 4 && memcmp(value.p, "desc", 4) == 0;
        }
        for (size_t i = 0; key.n == 4 && memcmp(key.p, "sort", 4) == 0 && i < 3; i++) {
            if (value.n == 4 && memcmp(value.p, sort_names[i], 4) == 0) {
                order.by = (enum sort)i;
            }
        }
    }
    return order;
}

/* ---- writing ---- */

static void put_url(FILE *out, const char *name)
{
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-._~", c)) {
            fputc(c, out);
        } else {
            fprintf(out, "%%%02X", c);
        }
    }
}

static void put_html(FILE *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (p[i]) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(p[i], out);
        }
    }
}

/* Bytes that no JSON string may have become the replacement character; `href` has the true name. */
static void put_json(FILE *out, const char *p, size_t n)
{
    fputc('"', out);
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)p[i];
        size_t length = weir_utf8_length(p + i, n - i);

        if (length == 0) {
            fputs("\\ufffd", out);
            i++;
        } else if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
            fprintf(out, "\\u%04x", c);
            i++;
        } else {
            fwrite(p + i, 1, length, out);
            i += length;
        }
    }
    fputc('"', out);
}

static void put_time(FILE *out, time_t when, const char *format)
{
    char text[40];
    struct tm tm;

    gmtime_r(&when, &tm);
    fwrite(text, 1, strftime(text, sizeof(text), format, &tm), out);
}

static void put_size(FILE *out, uint64_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)size;
    size_t unit = 0;

    while (value >= 1000 && unit + 1 < WEIR_COUNT(units)) {
        value /= 1000;
        unit++;
    }
    fprintf(out, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void put_json_listing(FILE *out, const struct listing *listing, weir_str path)
{
    fputs("{\"path\":", out);
    put_json(out, path.p, path.n);
    fprintf(out, ",\"truncated\":%s,\"entries\":[", listing->is_cut ? "true" : "false");
    for (size_t i = 0; i < listing->n; i++) {
        const struct entry *entry = &listing->entries[i];

        fputs(i ? ",\n{\"name\":" : "\n{\"name\":", out);
        put_json(out, entry->name, strlen(entry->name));
        fputs(",\"href\":\"", out);
        put_url(out, entry->name);
        fprintf(out, "%s\",\"type\":\"%s\"", entry->is_folder ? "/" : "",
                entry->is_folder ? "folder" : "file");
        if (!entry->is_folder) {
            fprintf(out, ",\"size\":%llu", (unsigned long long)entry->size);
        }
        fputs(",\"modified\":\"", out);
        put_time(out, entry->mtime, "%Y-%m-%dT%H:%M:%SZ");
        fputs("\"}", out);
    }
    fputs("]}\n", out);
}

static const char style[] =
    "<style>:root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.3rem;font-weight:600;overflow-wrap:anywhere}a{text-decoration:none}"
    "a:hover{text-decoration:underline}table{width:100%;border-collapse:collapse}"
    "th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8883}"
    "td:first-child{overflow-wrap:anywhere}.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}tbody tr:hover{background:#8881}.d{font-weight:600}"
    "p{color:#888}</style>\n";

/* "/ docs / old /", each a link to itself, relative so that it works below any prefix. */
static void put_crumbs(FILE *out, weir_str path)
{
    size_t depth = 0;

    for (size_t i = 0; i < path.n; i++) {
        depth += path.p[i] == '/';
    }
    for (weir_str rest = path; rest.n;) {
        const char *slash = memchr(rest.p, '/', rest.n);
        size_t n = slash ? (size_t)(slash - rest.p) + 1 : rest.n;

        depth--;
        fputs("<a href=\"./", out);
        for (size_t i = 0; i < depth; i++) {
            fputs("../", out);
        }
        fputs("\">", out);
        put_html(out, rest.p, n);
        fputs("</a> ", out);
        rest.p += n;
        rest.n -= n;
    }
}

static void put_heading(FILE *out, const char *title, const char *class, enum sort sort,
                        struct order order)
{
    bool is_sorted = order.by == sort;

    fprintf(out, "<th%s><a href=\"?sort=%s%s\">%s%s</a>", class, sort_names[sort],
            is_sorted && !order.descending ? "&amp;order=desc" : "", title,
            !is_sorted         ? ""
            : order.descending ? " &darr;"
                               : " &uarr;");
}

static void put_row(FILE *out, const struct entry *entry)
{
    const char *slash = entry->is_folder ? "/" : "";

    fprintf(out, "<tr><td%s><a href=\"", entry->is_folder ? " class=d" : "");
    put_url(out, entry->name);
    fprintf(out, "%s\">", slash);
    put_html(out, entry->name, strlen(entry->name));
    fprintf(out, "%s</a>", slash);
    if (entry->is_folder) {
        fputs("<td class=n>", out);
    } else {
        fprintf(out, "<td class=n title=\"%llu bytes\">", (unsigned long long)entry->size);
        put_size(out, entry->size);
    }
    fputs("<td class=n>", out);
    put_time(out, entry->mtime, "%Y-%m-%d %H:%M");
    fputc('\n', out);
}

static void put_page(FILE *out, const struct listing *listing, weir_str path, struct order order)
{
    size_t files = 0;
    uint64_t bytes = 0;

    fputs("<!doctype html>\n<html lang=en><meta charset=utf-8>"
          "<meta name=viewport content=\"width=device-width\"><title>",
          out);
    put_html(out, path.p, path.n);
    fprintf(out, "</title>\n%s<h1>", style);
    put_crumbs(out, path);
    fputs("</h1>\n<table><thead><tr>", out);
    put_heading(out, "Name", "", BY_NAME, order);
    put_heading(out, "Size", " class=n", BY_SIZE, order);
    put_heading(out, "Changed (UTC)", " class=n", BY_TIME, order);
    fputs("\n<tbody>", out);
    if (path.n > 1) {
        fputs("<tr><td class=d><a href=\"../\">..</a><td><td>\n", out);
    }
    for (size_t i = 0; i < listing->n; i++) {
        put_row(out, &listing->entries[i]);
        files += !listing->entries[i].is_folder;
        bytes += listing->entries[i].is_folder ? 0 : listing->entries[i].size;
    }
    fprintf(out, "</table>\n<p>%zu folders, %zu files, ", listing->n - files, files);
    put_size(out, bytes);
    fputs(listing->is_cut ? "; there is more than is shown</p>\n" : "</p>\n", out);
}

static bool wants_json(weir_req *req)
{
    weir_str accept;

    return weir_field_get(req, WEIR_REQUEST, WEIR_F_ACCEPT, &accept) == WEIR_OK &&
           weir_quality_of(accept, "application/json") > 0 &&
           weir_quality_of(accept, "application/json") > weir_quality_of(accept, "text/html");
}

static void free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->n; i++) {
        free(listing->entries[i].name);
    }
    free(listing->entries);
}

/* malloc'd; NULL when there is no memory. */
static char *write_text(struct listing *listing, weir_str path, struct order order, bool is_json,
                        size_t *n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);

    if (!out) {
        return NULL;
    }
    if (listing->n > 0) {
        qsort_r(listing->entries, listing->n, sizeof(*listing->entries), compare, &order);
    }
    if (is_json) {
        put_json_listing(out, listing, path);
    } else {
        put_page(out, listing, path, order);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

weir_rc listing_send(weir_req *req, const struct conf *conf, int root_fd, weir_str path)
{
    struct listing listing = {0};
    bool is_json = wants_json(req);
    char *copy = weir_alloc(req, path.n + 1);
    size_t n = 0;

    memcpy(copy, path.p, path.n);
    copy[path.n] = '\0';
    path.p = copy;
    if (!read_folder(conf, root_fd, file_resolve_flags(conf->symlinks), path, &listing)) {
        return WEIR_NEXT;
    }
    char *text = write_text(&listing, weir_get(req, WEIR_GET_PATH), wanted_order(req), is_json, &n);
    free_listing(&listing);
    if (!text) {
        errno = ENOMEM;
        return WEIR_NEXT;
    }
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_CONTENT_TYPE,
                    is_json ? WEIR_STR("application/json") : WEIR_STR("text/html; charset=utf-8"));
    weir_edit_known(req, WEIR_RESPONSE, WEIR_ADD, WEIR_F_VARY, WEIR_STR("Accept"));
    weir_chain_add_ref(weir_body(req), text, n, free, text);
    return weir_respond(req, 200, (int64_t)n);
}
