/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/log_file.h"
#include "config/source.h"
#include "config/unit.h"
#include "config/variables.h"
#include "http/template.h"
#include "module/regex.h"

#define VALUE_TEXT_MAX 60 /* of what was found, in messages */

/* Where the value at hand stands. */
struct reader {
    struct config *config;
    const char *name; /* "proxy.read_timeout" */
    const struct node *group;
    uint32_t scope;
    bool complete;
};

/* ---- rows ---- */

bool row_is_star(const weir_opt *row)
{
    return row->name[0] == '*' && row->name[1] == '\0';
}

const weir_opt *schema_row(struct rows rows, weir_str name, uint32_t scope)
{
    const weir_opt *star = NULL;

    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);

        if (!row_stands_in(row, scope)) {
            continue;
        }
        if (row_is_star(row)) {
            star = row;
        } else if (str_eq(str_from(row->name), name)) {
            return row;
        }
    }
    return star;
}

static struct node *default_value(struct arena *arena, const weir_opt *row, weir_str text)
{
    struct node *node = node_create(arena, NODE_STR, STR(""), (struct source){0});

    if ((row->type & WEIR_T_KIND) == WEIR_T_BOOL) {
        node->type = NODE_BOOL;
        node->v.b = str_eq(text, STR("true"));
    } else if ((row->type & WEIR_T_KIND) == WEIR_T_INT && unit_int(text, &node->v.i) == UNIT_OK) {
        node->type = NODE_INT;
    } else {
        node->v.s = arena_dup(arena, text);
    }
    return node;
}

struct node *schema_default(struct arena *arena, const weir_opt *row)
{
    if (!row->dflt || (row->type & WEIR_T_MAP) || (row->type & WEIR_T_KIND) == WEIR_T_GROUP) {
        return NULL;
    }
    if (!(row->type & WEIR_T_LIST)) {
        return default_value(arena, row, str_from(row->dflt));
    }
    struct node *list = node_create(arena, NODE_LIST, STR(""), (struct source){0});
    weir_str rest = str_from(row->dflt);
    while (rest.p) {
        weir_str item = str_cut(&rest, ' ');

        if (item.n) {
            node_add(list, default_value(arena, row, item));
        }
    }
    return list;
}

const struct node *schema_item(struct arena *arena, struct rows sub, const weir_opt *row,
                               const struct node *item)
{
    struct node *group;
    uint32_t i = 0;

    if (item->type == NODE_GROUP) {
        return item;
    }
    bool is_true = item->type == NODE_BOOL && item->v.b && (row->type & WEIR_T_MAP);
    bool is_first = (row->flags & SCHEMA_FIRST) && item->type != NODE_BOOL;
    if (!is_true && !is_first && (item->type != NODE_LIST || item->n > sub.n)) {
        return NULL;
    }
    group = node_create(arena, NODE_GROUP, item->name, item->at);
    if (item->type == NODE_LIST) {
        for (const struct node *value = item->first; value; value = value->next) {
            struct node *copy = node_copy(arena, value);

            copy->name = str_from(row_at(sub, i++)->name);
            node_add(group, copy);
        }
    } else if (is_first && sub.n) {
        struct node *copy = node_copy(arena, item);

        copy->name = str_from(row_at(sub, 0)->name);
        node_add(group, copy);
    }
    return group;
}

static size_t kind_size(const weir_opt *row)
{
    switch (row->type & WEIR_T_KIND) {
    case WEIR_T_BOOL:
        return sizeof(bool);
    case WEIR_T_INT:
        return sizeof(int64_t);
    case WEIR_T_SIZE:
    case WEIR_T_DURATION:
        return sizeof(uint64_t);
    case WEIR_T_STR:
    case WEIR_T_PATH:
        return sizeof(weir_str);
    case WEIR_T_ENUM:
        return sizeof(uint32_t);
    case WEIR_T_TEMPLATE:
    case WEIR_T_REGEX:
        return sizeof(void *);
    default:
        return row->item_size;
    }
}

/* ---- messages ---- */

static const char *join_name(struct config *config, const char *what, weir_str name)
{
    if (!what[0]) {
        return arena_dup(&config->arena, name).p;
    }
    return arena_printf(&config->arena, "%s.%.*s", what, (int)name.n, name.p).p;
}

__attribute__((format(printf, 3, 4))) static bool
wrong(const struct reader *r, const struct node *node, const char *fmt, ...)
{
    char why[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    weir_str text = node->type == NODE_GROUP && node->n
                        ? STR("{ ... }")
                        : node_text(&r->config->arena, node, VALUE_TEXT_MAX);
    diag_add(&r->config->diag, DIAG_ERROR, node->at.file, node->at.line, "%s = %.*s: %s", r->name,
             (int)text.n, text.p, why);
    return false;
}

static bool wrong_unit(const struct reader *r, const struct node *node, enum unit_result result,
                       const char *form)
{
    if (result == UNIT_TOO_LARGE) {
        return wrong(r, node, "the number is too large");
    }
    return wrong(r, node, "expected %s", form);
}

/* Between row->min and row->max? `print` writes a bound. */
static bool in_range(const struct reader *r, const weir_opt *row, const struct node *node,
                     int64_t value, char *print(uint64_t, char[32]))
{
    char low[32], high[32];

    if (value >= row->min && (row->max == 0 || value <= row->max)) {
        return true;
    }
    if (print) {
        print((uint64_t)row->min, low);
        print((uint64_t)row->max, high);
    } else {
        snprintf(low, sizeof(low), "%" PRId64, row->min);
        snprintf(high, sizeof(high), "%" PRId64, row->max);
    }
    if (row->max == 0) {
        return wrong(r, node, "expected %s or more", low);
    }
    return wrong(r, node, "expected a value from %s to %s", low, high);
}

/* ---- one value ---- */

typedef bool read_fn(struct reader *r, const weir_opt *row, const struct node *node, void *out);

static bool read_bool(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    (void)row;
    if (node->type != NODE_BOOL) {
        return wrong(r, node, "expected true or false%s",
                     node->type == NODE_STR ? ", without quotes" : "");
    }
    *(bool *)out = node->v.b;
    return true;
}

static bool read_int(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    int64_t ignored;

    if ((row->flags & SCHEMA_AUTO) && node->type == NODE_STR && str_eq(node->v.s, STR("auto"))) {
        *(int64_t *)out = 0;
        return true;
    }
    if (node->type != NODE_INT) {
        bool is_quoted = node->type == NODE_STR && unit_int(node->v.s, &ignored) == UNIT_OK;

        return wrong(r, node, "expected a whole number%s%s",
                     row->flags & SCHEMA_AUTO ? " or \"auto\"" : "",
                     is_quoted ? ", without quotes" : "");
    }
    *(int64_t *)out = node->v.i;
    return in_range(r, row, node, node->v.i, NULL);
}

static bool read_size(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    uint64_t value = 0;

    if (node->type == NODE_INT && node->v.i >= 0) {
        value = (uint64_t)node->v.i;
    } else if (node->type == NODE_STR) {
        enum unit_result result = unit_size(node->v.s, &value);

        if (result != UNIT_OK) {
            return wrong_unit(r, node, result, unit_size_form);
        }
    } else {
        return wrong(r, node, "expected %s", unit_size_form);
    }
    *(uint64_t *)out = value;
    return in_range(r, row, node, (int64_t)value, unit_print_size);
}

static bool read_duration(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    uint64_t ms = 0;

    if (node->type == NODE_INT && node->v.i >= 0 && node->v.i <= INT64_MAX / 1000) {
        ms = (uint64_t)node->v.i * 1000;
    } else if (node->type == NODE_FLOAT && node->v.f >= 0 && node->v.f < 1e15) {
        ms = (uint64_t)(node->v.f * 1000 + 0.5);
    } else if (node->type == NODE_STR) {
        enum unit_result result = unit_duration(node->v.s, &ms);

        if (result != UNIT_OK) {
            return wrong_unit(r, node, result, unit_duration_form);
        }
    } else {
        return wrong(r, node, "expected %s", unit_duration_form);
    }
    *(uint64_t *)out = ms;
    return in_range(r, row, node, (int64_t)ms, unit_print_duration);
}

static bool need_text(const struct reader *r, const struct node *node)
{
    if (node->type == NODE_STR) {
        return true;
    }
    if (node->type == NODE_GROUP || node->type == NODE_LIST) {
        return wrong(r, node, "expected text in quotes, found %s", node_kind(node));
    }
    weir_str text = node_text(&r->config->arena, node, 0);
    return wrong(r, node, "expected text: write it in quotes, \"%s\"", text.p);
}

static bool read_str(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    if ((row->flags & SCHEMA_WORD) && node->type == NODE_INT) {
        *(weir_str *)out = node_text(&r->config->arena, node, 0);
        return true;
    }
    if (!need_text(r, node)) {
        return false;
    }
    *(weir_str *)out = node->v.s;
    return true;
}

/* Words that stand for something else than a file where weir writes. */
static bool is_special_path(const weir_opt *row, weir_str path)
{
    return (row->flags & WEIR_OPT_WRITTEN) &&
           (path.n == 0 || str_eq(path, STR("stderr")) || str_eq(path, STR("stdout")) ||
            str_starts_with(path, STR("syslog:")));
}

static weir_str full_path(struct arena *arena, const weir_opt *row, const struct node *node)
{
    return is_special_path(row, node->v.s) ? node->v.s : source_path(arena, &node->at, node->v.s);
}

static bool check_file(const struct reader *r, const weir_opt *row, const struct node *node,
                       weir_str path)
{
    struct stat info;
    bool want_folder = row->flags & WEIR_OPT_DIR;
    const char *expected = want_folder ? "a folder" : "a file that can be read";
    bool is_relative = !str_eq(path, node->v.s);
    const char *looked = is_relative ? path.p : "";

    if (stat(path.p, &info) != 0) {
        return wrong(r, node, "expected %s: %s%s%s", expected, looked, is_relative ? ": " : "",
                     strerror(errno));
    }
    if (want_folder != (bool)S_ISDIR(info.st_mode)) {
        return wrong(r, node, "expected %s, found %s", expected,
                     want_folder ? "a file" : "a folder");
    }
    if (access(path.p, R_OK) != 0) {
        return wrong(r, node, "cannot be read: %s", strerror(errno));
    }
    return true;
}

/* Workers may touch what the configuration names, and nothing else: see process/file_rules.h. */
static void note_path(struct config *config, weir_str path, uint32_t flags)
{
    for (const struct config_path *at = config->paths; at; at = at->next) {
        if (at->flags == flags && str_eq(at->path, path)) {
            return;
        }
    }
    struct config_path *noted = arena_zalloc(&config->arena, sizeof(*noted));
    *noted = (struct config_path){config->paths, path, flags};
    config->paths = noted;
}

static bool read_path(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    if (!need_text(r, node)) {
        return false;
    }
    if (node->v.s.n == 0 && !is_special_path(row, node->v.s)) {
        return wrong(r, node, "expected a path");
    }
    weir_str path = full_path(&r->config->arena, row, node);
    bool is_private = config_private && row->flags & WEIR_OPT_WRITTEN && path.n;
    if (is_private) {
        path = log_file_private(&r->config->arena, path);
    }
    *(weir_str *)out = path;
    if (is_private || !is_special_path(row, node->v.s)) {
        note_path(r->config, path, row->flags);
    }
    return !(row->flags & (WEIR_OPT_FILE | WEIR_OPT_DIR)) || check_file(r, row, node, path);
}

static bool read_enum(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    struct arena *arena = &r->config->arena;
    weir_str words[64], list = STR(""), text;
    size_t n = 0;

    /* `autoindex = true` may be one of the words. */
    text = node->type == NODE_STR ? node->v.s : node_text(arena, node, VALUE_TEXT_MAX);
    for (; n < 64 && row->names[n]; n++) {
        words[n] = str_from(row->names[n]);
        if (str_eq(words[n], text)) {
            *(uint32_t *)out = (uint32_t)n;
            return true;
        }
        list = arena_printf(arena, "%s%s\"%s\"", list.p,
                            n == 0              ? ""
                            : row->names[n + 1] ? ", "
                                                : " or ",
                            row->names[n]);
    }
    weir_str near = diag_nearest(text, words, n);
    return wrong(r, node, "expected %s%s%.*s%s", list.p, near.n ? ": did you mean \"" : "",
                 (int)near.n, near.n ? near.p : "", near.n ? "\"?" : "");
}

/* The variable's name at `column` of a template. */
static weir_str name_at(weir_str text, size_t column)
{
    size_t start = column, end;

    if (start < text.n && text.p[start] == '{') {
        start++;
    }
    for (end = start; end < text.n && (text.p[end] == '_' || isalnum((unsigned char)text.p[end]));
         end++) {
    }
    return start < end ? (weir_str){text.p + start, end - start} : (weir_str){0};
}

/* The caret goes below the dollar. */
static void wrong_template(const struct reader *r, const struct node *node,
                           const struct template_error *error)
{
    struct config *config = r->config;
    weir_str text = node->v.s, near = {0}, suffix;
    weir_str name = name_at(text, error->column);
    weir_str shown = node_text(&config->arena, node, 0);
    size_t indent = error->column + 1;

    if (name.n && !variables_lookup(config, name, &suffix)) {
        near = variables_nearest(config, name);
    }
    if (memchr(text.p, '\\', text.n) || memchr(text.p, '"', text.n) || error->column == 0) {
        /* Escapes move what follows; where the caret belongs is then not worth the trouble. */
        diag_add(&config->diag, DIAG_ERROR, node->at.file, node->at.line, "%s = %s: %s%s%s%s",
                 r->name, shown.p, error->text, near.n ? ": did you mean \"$" : "",
                 near.n ? arena_dup(&config->arena, near).p : "", near.n ? "\"?" : "");
        return;
    }
    diag_add(&config->diag, DIAG_ERROR, node->at.file, node->at.line,
             "%s: %s%s%.*s%s\n    %s\n    %*s", r->name, error->text,
             near.n ? ": did you mean \"$" : "", (int)near.n, near.n ? near.p : "",
             near.n ? "\"?" : "", shown.p, (int)indent, "^");
}

static bool read_template(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    struct config *config = r->config;
    struct template_error error = {0};
    weir_phase phase = row->flags & WEIR_OPT_RESPONSE ? WEIR_LOG : WEIR_REQ_PREPARE;

    if (!need_text(r, node)) {
        return false;
    }
    const weir_template *t =
        template_compile(&config->arena, node->v.s, phase, variables_lookup, config, &error);
    if (!t) {
        wrong_template(r, node, &error);
        return false;
    }
    *(const weir_template **)out = t;
    return true;
}

static bool read_regex(struct reader *r, const weir_opt *row, const struct node *node, void *out)
{
    char error[256] = "";

    (void)row;
    if (!need_text(r, node)) {
        return false;
    }
    const weir_regex_ops *ops = keys_regex(r->config, &node->at);
    if (!ops) {
        return false;
    }
    *(const weir_regex **)out =
        regex_compile(&r->config->arena, ops, node->v.s, error, sizeof(error));
    return *(const weir_regex **)out || wrong(r, node, "%s", error);
}

static read_fn *const readers[] = {
    [WEIR_T_BOOL] = read_bool,   [WEIR_T_INT] = read_int,
    [WEIR_T_SIZE] = read_size,   [WEIR_T_DURATION] = read_duration,
    [WEIR_T_STR] = read_str,     [WEIR_T_PATH] = read_path,
    [WEIR_T_ENUM] = read_enum,   [WEIR_T_TEMPLATE] = read_template,
    [WEIR_T_REGEX] = read_regex,
};

/* ---- lists, maps, groups ---- */

static bool fill(struct reader *r, struct rows rows, const struct node *group, void *conf);

static bool read_item(struct reader *r, struct rows rows, const weir_opt *row,
                      const struct node *node, void *out)
{
    if ((row->type & WEIR_T_KIND) != WEIR_T_GROUP) {
        return readers[row->type & WEIR_T_KIND](r, row, node, out);
    }
    struct rows sub = row_sub(rows, row);
    const struct node *group = schema_item(&r->config->arena, sub, row, node);
    if (!group) {
        if (node->type == NODE_LIST) {
            return wrong(r, node, "expected a group { ... }, or a list of at most %u values",
                         sub.n);
        }
        return wrong(r, node, "expected a group { ... }");
    }
    struct reader inner = *r;

    /* Named groups and items are whole in themselves. */
    inner.complete = true;
    return fill(&inner, sub, group, out);
}

static bool read_list(struct reader *r, struct rows rows, const weir_opt *row,
                      const struct node *node, void *out)
{
    size_t size = kind_size(row), n = 0;
    bool ok = true, is_list = node->type == NODE_LIST;
    const struct node *item = is_list ? node->first : node;
    const char *name = r->name;
    char *items = arena_zalloc(&r->config->arena, (is_list ? node->n : 1) * size + 1);

    for (; item; item = is_list ? item->next : NULL, n++) {
        if (is_list && node->n > 1) {
            r->name = arena_printf(&r->config->arena, "%s[%zu]", name, n + 1).p;
        }
        ok = read_item(r, rows, row, item, items + n * size) && ok;
    }
    r->name = name;
    *(weir_list *)out = (weir_list){items, n};
    return ok;
}

static bool read_map(struct reader *r, struct rows rows, const weir_opt *row,
                     const struct node *node, void *out)
{
    size_t size = kind_size(row), n = 0;
    const char *name = r->name;
    bool ok = true;

    if (node->type != NODE_GROUP) {
        return wrong(r, node, "expected a group { NAME = value; }, found %s", node_kind(node));
    }
    weir_str *keys = arena_zalloc(&r->config->arena, node->n * sizeof(*keys) + 1);
    char *items = arena_zalloc(&r->config->arena, node->n * size + 1);
    for (const struct node *item = node->first; item; item = item->next) {
        if ((row->type & WEIR_T_KIND) == WEIR_T_GROUP && node_is_false(item)) {
            continue;
        }
        r->name = join_name(r->config, name, item->name);
        ok = read_item(r, rows, row, item, items + n * size) && ok;
        keys[n++] = item->name;
    }
    r->name = name;
    *(weir_map *)out = (weir_map){keys, items, n};
    return ok;
}

/* What a "*" row catches, as a group of its own. */
static const struct node *star_group(struct arena *arena, struct rows rows, uint32_t scope,
                                     const struct node *group)
{
    struct node *rest = node_create(arena, NODE_GROUP, STR(""), group->at);

    for (const struct node *child = group->first; child; child = child->next) {
        const weir_opt *row = schema_row(rows, child->name, scope);

        if (!row || row_is_star(row)) {
            node_add(rest, node_copy(arena, child));
        }
    }
    return rest;
}

static bool fill_group(struct reader *r, struct rows rows, const weir_opt *row,
                       const struct node *node, void *out)
{
    const struct node *group = node && node->type == NODE_GROUP ? node : NULL;

    if (node && !group && node->type != NODE_BOOL) {
        return wrong(r, node, "expected a group { ... }, true or false");
    }
    return fill(r, row_sub(rows, row), group, out);
}

static bool fill_row(struct reader *r, struct rows rows, const weir_opt *row,
                     const struct node *group, void *out)
{
    const struct node *node = node_get(group, str_from(row->name));

    if (row_is_star(row)) {
        weir_opt map = *row;
        const char *name = r->name;

        map.type |= WEIR_T_MAP;
        /* The names of the groups follow the outer name directly. */
        r->name = strlen(name) > 2
                      ? arena_dup(&r->config->arena, (weir_str){name, strlen(name) - 2}).p
                      : "";
        return !group ||
               read_map(r, rows, &map, star_group(&r->config->arena, rows, r->scope, group), out);
    }
    if (row_is_group(row)) {
        return fill_group(r, rows, row, node, out);
    }
    if (!node) {
        node = schema_default(&r->config->arena, row);
    }
    if (!node) {
        if (!(row->flags & WEIR_OPT_REQUIRED) || !r->complete || !row_stands_in(row, r->scope)) {
            return true;
        }
        const struct source at = r->group ? r->group->at : (struct source){0};

        diag_add(&r->config->diag, DIAG_ERROR, at.file, at.line, "%s is missing%s%s", r->name,
                 row->example ? ", for example: " : "", row->example ? row->example : "");
        return false;
    }
    if (row->type & WEIR_T_LIST) {
        return read_list(r, rows, row, node, out);
    }
    return row->type & WEIR_T_MAP ? read_map(r, rows, row, node, out)
                                  : read_item(r, rows, row, node, out);
}

static bool fill(struct reader *r, struct rows rows, const struct node *group, void *conf)
{
    struct reader inner = *r;
    bool ok = true;

    if (group) {
        inner.group = group;
    }
    for (uint32_t i = 0; i < rows.n; i++) {
        const weir_opt *row = row_at(rows, i);

        if (row->flags & SCHEMA_APART) {
            continue;
        }
        inner.name = join_name(r->config, r->name, str_from(row->name));
        ok = fill_row(&inner, rows, row, group, (char *)conf + row->offset) && ok;
    }
    return ok;
}

bool schema_fill(struct config *config, const char *what, struct rows rows, uint32_t scope,
                 bool complete, const struct node *group, void *conf)
{
    struct reader r = {config, what, group, scope, complete};

    return fill(&r, rows, group, conf);
}

/* ---- keys ---- */

static void check_item_keys(struct config *config, const char *what, struct rows rows,
                            const weir_opt *row, uint32_t scope, const struct node *item)
{
    struct rows sub = row_sub(rows, row);
    const struct node *group = schema_item(&config->arena, sub, row, item);

    if (group) {
        schema_check_keys(config, what, sub, scope, group);
    }
}

/* The keys further in. */
static void check_inner_keys(struct config *config, const char *what, struct rows rows,
                             const weir_opt *row, uint32_t scope, const struct node *node)
{
    if ((row->type & WEIR_T_KIND) != WEIR_T_GROUP) {
        return;
    }
    if (row_is_group(row) && !row_is_star(row)) {
        if (node->type == NODE_GROUP) {
            schema_check_keys(config, what, row_sub(rows, row), scope, node);
        }
    } else if (row_is_star(row) || (row->type & WEIR_T_LIST && node->type != NODE_LIST)) {
        check_item_keys(config, what, rows, row, scope, node);
    } else if (node->type == NODE_LIST || node->type == NODE_GROUP) {
        for (const struct node *item = node->first; item; item = item->next) {
            check_item_keys(config, what, rows, row, scope, item);
        }
    }
}

void schema_check_key(struct config *config, const char *what, struct rows rows,
                      const weir_opt *row, uint32_t scope, const struct node *child)
{
    const char *name = join_name(config, what, child->name);

    check_inner_keys(config, name, rows, row, scope, child);
}

void schema_check_keys(struct config *config, const char *what, struct rows rows, uint32_t scope,
                       const struct node *group)
{
    for (const struct node *child = group->first; child; child = child->next) {
        const weir_opt *row = schema_row(rows, child->name, scope);

        if (row) {
            schema_check_key(config, what, rows, row, scope, child);
        } else {
            keys_unknown_option(config, what, rows, scope, child);
        }
    }
}

weir_str schema_text(struct arena *arena, const weir_opt *row, const struct node *node)
{
    if ((row->type & WEIR_T_KIND) != WEIR_T_PATH) {
        return node_text(arena, node, 0);
    }
    struct node *copy = node_copy(arena, node);
    if (node->type == NODE_STR) {
        copy->v.s = full_path(arena, row, node);
    } else if (node->type == NODE_LIST || node->type == NODE_GROUP) {
        copy->first = copy->last = NULL;
        copy->n = 0;
        for (const struct node *item = node->first; item; item = item->next) {
            struct node *inner = node_copy(arena, item);

            if (inner->type == NODE_STR) {
                inner->v.s = full_path(arena, row, item);
            }
            node_add(copy, inner);
        }
    }
    return node_text(arena, copy, 0);
}
