/* SPDX-License-Identifier: Apache-2.0 */
#include "config/source.h"

#include <dirent.h>
#include <errno.h>
#include <libconfig.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/str.h"
#include "config/syntax.h"

#define FILE_LIMIT (16u << 20) /* bytes */

/* ---- one file ---- */

static weir_str folder_of(weir_str file)
{
    while (file.n && file.p[file.n - 1] != '/') {
        file.n--;
    }
    return file;
}

weir_str source_path(struct arena *arena, const struct source *at, weir_str path)
{
    weir_str folder = folder_of(str_from(at->file));
    char *absolute;

    if ((path.n && path.p[0] == '/') || !at->file) {
        return path;
    }
    absolute = realpath(folder.n ? arena_dup(arena, folder).p : ".", NULL);
    if (!absolute) {
        return arena_printf(arena, "%.*s%.*s", (int)folder.n, folder.p, (int)path.n, path.p);
    }
    weir_str full = arena_printf(arena, "%s/%.*s", strcmp(absolute, "/") == 0 ? "" : absolute,
                                 (int)path.n, path.p);
    free(absolute);
    return full;
}

/* Reads a file whole. p NULL: errno says why. */
static weir_str read_file(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "re");
    struct stat info;
    weir_str text = {0};

    if (!file) {
        return text;
    }
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
    } else {
        size_t cap = 64 * 1024, n = 0, got;
        char *bytes = mem_alloc(cap);

        while ((got = fread(bytes + n, 1, cap - n, file)) > 0 && n + got < FILE_LIMIT) {
            n += got;
            if (n == cap) {
                cap *= 2;
                bytes = mem_realloc(bytes, cap);
            }
        }
        if (ferror(file) == 0 && got == 0) {
            text = arena_dup(arena, (weir_str){bytes, n});
        } else if (got > 0) {
            errno = EFBIG;
        }
        free(bytes);
    }
    fclose(file);
    return text;
}

/* The line, and a caret under the column; tabs are kept so that it stands right. */
static const char *show_line(struct arena *arena, weir_str text, unsigned line, unsigned column)
{
    weir_str source = syntax_line(text, line);
    char indent[201];
    size_t n = 0;

    if (!source.n) {
        return "";
    }
    if (source.n > 200) {
        source.n = 200;
    }
    for (; n + 1 < column && n < source.n; n++) {
        /* The bytes of a character after its first take no room of their own. */
        indent[n] = source.p[n] == '\t' ? '\t' : ' ';
    }
    if (column == 0 || column > source.n + 1) {
        return arena_printf(arena, "\n    %.*s", (int)source.n, source.p).p;
    }
    return arena_printf(arena, "\n    %.*s\n    %.*s^", (int)source.n, source.p, (int)n, indent).p;
}

static void explain_syntax(struct arena *arena, struct diag *diag, const char *file, weir_str text,
                           unsigned line, const char *said)
{
    struct syntax_mistake m;

    if (syntax_find_mistake(text, &m)) {
        diag_add(diag, DIAG_ERROR, file, m.line, "%s%s%s%s", m.text,
                 show_line(arena, text, m.line, m.column), m.hint[0] ? "\n    " : "", m.hint);
        return;
    }
    diag_add(diag, DIAG_ERROR, file, line, "%s%s", said ? said : "syntax error",
             show_line(arena, text, line, 0));
}

/* libconfig names an included file as the @include line does (1.5), or with the folder that it
 * looked in (1.7). */
static const char *included_name(struct arena *arena, const char *outer, const char *file)
{
    weir_str folder = folder_of(str_from(outer));
    weir_str joined = arena_printf(arena, "%.*s%s", (int)folder.n, folder.p, file);

    return file[0] != '/' && access(joined.p, F_OK) == 0 ? joined.p : arena_strdup(arena, file);
}

static void report(struct arena *arena, struct diag *diag, const char *file, weir_str text,
                   const config_t *parsed)
{
    const char *in = config_error_file(parsed);
    unsigned line = (unsigned)config_error_line(parsed);
    const char *said = config_error_text(parsed);

    if (in && strcmp(in, file) != 0) {
        file = included_name(arena, file, in);
        text = read_file(arena, file);
    }
    if (!text.p) {
        diag_add(diag, DIAG_ERROR, file, line, "cannot read it: %s", strerror(errno));
    } else if (said && strstr(said, "include")) {
        diag_add(diag, DIAG_ERROR, file, line, "%s%s", said, show_line(arena, text, line, 0));
    } else {
        explain_syntax(arena, diag, file, text, line, said);
    }
}

struct convert {
    struct arena *arena;
    struct diag *diag;
    const char *file;       /* of the text itself */
    const char *last, *dup; /* the latest name of an included file, and our copy */
};

static struct source place_of(struct convert *c, const config_setting_t *s, struct source parent)
{
    const char *file = config_setting_source_file(s);
    struct source at = {c->file, config_setting_source_line(s)};

    if (file) {
        if (c->last != file) {
            c->last = file;
            c->dup = included_name(c->arena, c->file, file);
        }
        at.file = c->dup;
    }
    return at.line ? at : parent;
}

static struct node *convert(struct convert *c, const config_setting_t *s, struct source parent)
{
    static const enum node_type types[] = {
        [CONFIG_TYPE_GROUP] = NODE_GROUP, [CONFIG_TYPE_INT] = NODE_INT,
        [CONFIG_TYPE_INT64] = NODE_INT,   [CONFIG_TYPE_FLOAT] = NODE_FLOAT,
        [CONFIG_TYPE_STRING] = NODE_STR,  [CONFIG_TYPE_BOOL] = NODE_BOOL,
        [CONFIG_TYPE_ARRAY] = NODE_LIST,  [CONFIG_TYPE_LIST] = NODE_LIST,
    };
    struct source at = place_of(c, s, parent);
    enum node_type type = types[config_setting_type(s)];
    struct node *node = node_create(c->arena, type, str_from(config_setting_name(s)), at);

    switch (type) {
    case NODE_INT:
        node->v.i = config_setting_get_int64(s);
        if (config_setting_type(s) == CONFIG_TYPE_INT) {
            node->v.i = config_setting_get_int(s);
        }
        break;
    case NODE_FLOAT:
        node->v.f = config_setting_get_float(s);
        if (!isfinite(node->v.f)) {
            diag_add(c->diag, DIAG_ERROR, at.file, at.line, "a number is too large");
            node->v.f = 0;
        }
        break;
    case NODE_BOOL:
        node->v.b = config_setting_get_bool(s);
        break;
    case NODE_STR:
        node->v.s = arena_dup(c->arena, str_from(config_setting_get_string(s)));
        break;
    default:
        for (int i = 0; i < config_setting_length(s); i++) {
            node_add(node, convert(c, config_setting_get_elem(s, (unsigned)i), at));
        }
    }
    return node;
}

/* What libconfig takes, but nobody means. */
static void check_slips(struct diag *diag, const char *file, weir_str text)
{
    struct syntax_mistake m;

    if (!syntax_find_mistake(text, &m)) {
        if (m.line) {
            diag_add(diag, DIAG_WARNING, file, m.line,
                     "two texts without a comma between them become one%s",
                     show_line(diag->arena, text, m.line, 0));
        }
    } else if (m.is_open_comment) {
        diag_add(diag, DIAG_ERROR, file, m.line, "%s%s", m.text,
                 show_line(diag->arena, text, m.line, m.column));
    }
}

struct node *source_parse(struct arena *arena, struct diag *diag, const char *file, weir_str text)
{
    struct convert c = {.arena = arena, .diag = diag, .file = file};
    struct source at = {file, 1};
    struct node *node = NULL;
    config_t parsed;

    if (memchr(text.p, '\0', text.n)) {
        diag_add(diag, DIAG_ERROR, file, 0, "is not a text file: it holds a NUL byte");
        return NULL;
    }
    if (str_starts_with(text, STR("\xef\xbb\xbf"))) {
        text = (weir_str){text.p + 3, text.n - 3}; /* a byte order mark */
    }
    text = arena_dup(arena, text); /* with a NUL behind it */
    config_init(&parsed);
    weir_str folder = folder_of(str_from(file));
    config_set_include_dir(&parsed, folder.n > 1
                                        ? arena_dup(arena, (weir_str){folder.p, folder.n - 1}).p
                                    : folder.n ? "/"
                                               : ".");
    if (config_read_string(&parsed, text.p) == CONFIG_TRUE) {
        node = convert(&c, config_root_setting(&parsed), at);
        check_slips(diag, file, text);
    } else {
        report(arena, diag, file, text, &parsed);
    }
    config_destroy(&parsed);
    return node;
}

/* ---- several files ---- */

/* `sites` of several files make one list. */
static void wrap_sites(struct arena *arena, struct node *root)
{
    struct node *sites = node_get(root, STR("sites"));

    if (sites && sites->type == NODE_GROUP) {
        struct node *only = node_copy(arena, sites);

        only->name = STR("");
        sites->type = NODE_LIST;
        sites->first = sites->last = NULL;
        sites->n = 0;
        node_add(sites, only);
    }
}

static void merge(struct arena *arena, struct diag *diag, struct node *into, struct node *from,
                  bool is_top)
{
    struct node *next;

    for (struct node *child = from->first; child; child = next) {
        struct node *known = node_get(into, child->name);

        next = child->next;
        if (!known) {
            node_add(into, child);
        } else if (known->type == NODE_GROUP && child->type == NODE_GROUP) {
            merge(arena, diag, known, child, false);
        } else if (is_top && str_eq(child->name, STR("sites")) && known->type == NODE_LIST &&
                   child->type == NODE_LIST) {
            for (struct node *site = child->first, *after; site; site = after) {
                after = site->next;
                node_add(known, site);
            }
        } else {
            diag_add(diag, DIAG_ERROR, child->at.file, child->at.line,
                     "\"%s\" is set already, at %s:%u", child->name.p, known->at.file,
                     known->at.line);
        }
    }
}

static void add_file(struct arena *arena, struct diag *diag, struct node *root, const char *path)
{
    weir_str text = read_file(arena, path);
    struct node *node;

    if (!text.p) {
        diag_add(diag, DIAG_ERROR, path, 0, "cannot read it: %s", strerror(errno));
        return;
    }
    node = source_parse(arena, diag, path, text);
    if (node) {
        wrap_sites(arena, node);
        merge(arena, diag, root, node, true);
    }
}

static int is_conf(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

/* Not alphasort(): that one asks the locale, and the order must not depend on it. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_folder(struct arena *arena, struct diag *diag, struct node *root, const char *path)
{
    struct dirent **entries = NULL;
    size_t length = strlen(path);
    int n = scandir(path, &entries, is_conf, by_bytes);

    if (n < 0) {
        diag_add(diag, DIAG_ERROR, path, 0, "cannot read the folder: %s", strerror(errno));
        return;
    }
    if (n == 0) {
        diag_add(diag, DIAG_ERROR, path, 0, "has no configuration: expected files *.conf in it");
    }
    for (int i = 0; i < n; i++) {
        weir_str file =
            arena_printf(arena, "%s%s%s", path, length && path[length - 1] == '/' ? "" : "/",
                         entries[i]->d_name);

        add_file(arena, diag, root, file.p);
        free(entries[i]);
    }
    free(entries);
}

struct node *source_load(struct arena *arena, struct diag *diag, const char *path)
{
    struct node *root =
        node_create(arena, NODE_GROUP, STR(""), (struct source){arena_strdup(arena, path), 0});
    struct stat info;

    if (stat(path, &info) != 0) {
        diag_add(diag, DIAG_ERROR, root->at.file, 0, "cannot read the configuration: %s",
                 strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        add_folder(arena, diag, root, root->at.file);
    } else {
        add_file(arena, diag, root, root->at.file);
    }
    return root;
}
