/* SPDX-License-Identifier: Apache-2.0 */
/* map - variables whose value a table gives for the value of a template. table.c has the look-up,
 * this file the options. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/module.h>

#include "table.h"

#define MISTAKES 20 /* of a file, that are told */

struct row {
    weir_str value, result;
};

struct map {
    const weir_template *source;
    weir_list rows; /* of struct row */
    weir_str file;
    const weir_template *dflt;
    struct table table; /* made by check */
};

struct conf {
    weir_map maps; /* of struct map */
};

static const weir_opt row_opts[] = {
    {.name = "value",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct row, value),
     .doc = "The source's value: the whole, \"*.example.com\", \"/images/*\", \"~regex\", or "
            "\"~*regex\" in any case.",
     .example = "value = \"mobile\";"},
    {.name = "result",
     .type = WEIR_T_STR,
     .offset = offsetof(struct row, result),
     .doc = "What the variable is then; may have variables, and $1 to $9 of the regex."},
};

static const weir_opt map_opts[] = {
    {.name = "source",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_REQUIRED | WEIR_OPT_RESPONSE,
     .offset = offsetof(struct map, source),
     .doc = "What is looked up.",
     .example = "source = \"$host\";"},
    {.name = "table",
     .type = WEIR_T_LIST | WEIR_T_GROUP,
     .offset = offsetof(struct map, rows),
     .sub = row_opts,
     .sub_n = WEIR_COUNT(row_opts),
     .item_size = sizeof(struct row),
     .doc = "Pairs: [ \"value\", \"result\" ]. A whole value wins, then the longest \"*.suffix\", "
            "then the longest \"prefix*\", then the first regex.",
     .example = "table = ( [ \"*.example.org\", \"org\" ] );"},
    {.name = "file",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_FILE,
     .offset = offsetof(struct map, file),
     .doc = "More pairs: a line each, value and result with a space between; \"#\" begins a "
            "comment."},
    {.name = "default",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_RESPONSE,
     .offset = offsetof(struct map, dflt),
     .doc = "The variable when nothing matches; without it, empty."},
};

static const weir_opt opts[] = {
    {.name = "*",
     .type = WEIR_T_GROUP,
     .flags = WEIR_OPT_VARIABLES,
     .offset = offsetof(struct conf, maps),
     .sub = map_opts,
     .sub_n = WEIR_COUNT(map_opts),
     .item_size = sizeof(struct map),
     .doc = "A variable: its name, and the table that gives it."},
};

static const struct conf *current; /* of this generation: a module has one top-level group */

/* ---- loading ---- */

/* The template of a result; a run of equal ones, as in lists of networks or names, shares one. */
static const weir_template *compile(weir_cfg *cfg, const char *opt, const weir_template *before,
                                    weir_str text)
{
    bool is_constant = false;
    weir_str same = before ? weir_template_text(before, &is_constant) : text;

    if (is_constant && same.n == text.n && memcmp(same.p, text.p, text.n) == 0 &&
        !memchr(text.p, '$', text.n)) {
        return before;
    }
    return weir_cfg_template(cfg, opt, text);
}

/* "value result" of a line, blanks around removed; false: there is nothing on it. */
static bool split_line(char *line, struct row *row)
{
    char *p = line + strspn(line, " \t\r\n");
    size_t n = strcspn(p, " \t\r\n");

    if (n == 0 || p[0] == '#') {
        return false;
    }
    char *rest = p + n + strspn(p + n, " \t\r\n");
    size_t rest_n = strlen(rest);
    while (rest_n && strchr(" \t\r\n", rest[rest_n - 1])) {
        rest_n--;
    }
    *row = (struct row){{p, n}, {rest, rest_n}};
    return true;
}

/* Of what is read from a file. */
struct reader {
    weir_cfg *cfg;
    const char *opt;
    struct map *map;
    const weir_template *result; /* of the line before */
    int errors, warnings;
};

static void read_line(struct reader *reader, char *line, size_t n)
{
    struct row row;

    if (strlen(line) != n) {
        weir_cfg_error(reader->cfg, reader->opt, "a NUL byte: expected text, a value and a result");
        reader->errors++;
        return;
    }
    if (!split_line(line, &row)) {
        return;
    }
    row.value = copy_text(reader->cfg, row.value);
    reader->result = compile(reader->cfg, reader->opt, reader->result, row.result);
    enum added added = reader->result ? table_add(reader->cfg, reader->opt, &reader->map->table,
                                                  row.value, reader->result)
                                      : REFUSED;
    reader->errors += added == REFUSED;
    if (added == PRESENT && reader->warnings++ < MISTAKES) {
        weir_cfg_warn(reader->cfg, reader->opt, "\"%s\" is there already: the first one counts",
                      row.value.p);
    }
}

static void read_file(weir_cfg *cfg, const char *opt, struct map *map)
{
    struct reader reader = {.cfg = cfg, .opt = opt, .map = map};
    FILE *file = fopen(map->file.p, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    if (!file) {
        weir_cfg_error(cfg, opt, "%s cannot be read: %s", map->file.p, strerror(errno));
        return;
    }
    for (uint32_t at = 1; reader.errors < MISTAKES && (n = getline(&line, &size, file)) >= 0; at++) {
        weir_cfg_at(cfg, map->file.p, at);
        read_line(&reader, line, (size_t)n);
    }
    weir_cfg_at(cfg, NULL, 0);
    if (ferror(file)) {
        weir_cfg_error(cfg, opt, "%s cannot be read: %s", map->file.p, strerror(errno));
    }
    free(line);
    fclose(file);
}

static void read_rows(weir_cfg *cfg, const char *opt, struct map *map)
{
    const struct row *rows = map->rows.items;

    for (size_t i = 0; i < map->rows.n; i++) {
        const weir_template *result = weir_cfg_template(cfg, opt, rows[i].result);

        if (result) {
            table_add(cfg, opt, &map->table, rows[i].value, result);
        }
    }
}

static void check(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;
    struct map *maps = (struct map *)(uintptr_t)conf->maps.items;
    char opt[300];

    current = conf;
    for (size_t i = 0; i < conf->maps.n; i++) {
        snprintf(opt, sizeof(opt), "%.200s.table", conf->maps.keys[i].p);
        read_rows(cfg, opt, &maps[i]);
        snprintf(opt, sizeof(opt), "%.200s.file", conf->maps.keys[i].p);
        if (maps[i].file.n) {
            read_file(cfg, opt, &maps[i]);
        }
    }
}

/* ---- at work ---- */

static weir_rc get(weir_req *req, weir_str name, weir_str *out)
{
    const struct map *maps = current ? current->maps.items : NULL;
    size_t n = current ? current->maps.n : 0;

    for (size_t i = 0; i < n; i++) {
        if (current->maps.keys[i].n != name.n ||
            memcmp(current->maps.keys[i].p, name.p, name.n) != 0) {
            continue;
        }
        weir_str value;

        weir_eval(req, maps[i].source, &value);
        const weir_template *result = table_find(req, &maps[i].table, value);
        return weir_eval(req, result ? result : maps[i].dflt, out);
    }
    return WEIR_NOTFOUND;
}

static const weir_var vars[] = {
    {.name = "*", .from = WEIR_REQ_START, .get = get, .doc = "a map's result"},
};

static const weir_module module = {
    WEIR_MODULE_HEAD("map", "1.0"),
    .doc = "Variables that a table gives: other values for the values of a template.",
    .scopes = WEIR_S_TOP,
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .vars = vars,
    .var_n = WEIR_COUNT(vars),
    .conf_size = sizeof(struct conf),
    .check = check,
};

WEIR_MODULE(map, 3, "", module)
