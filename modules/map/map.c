/* SPDX-License-Identifier: Apache-2.0 */
/* map - variables whose value a table gives for the value of a template. table.c has the look-up,
 * this file the options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/module.h>

#include "table.h"

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

static void add_row(weir_cfg *cfg, const char *opt, struct map *map, const struct row *row)
{
    const weir_template *result = weir_cfg_template(cfg, opt, row->result);

    if (result) {
        table_add(cfg, opt, &map->table, row->value, result);
    }
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

static void read_file(weir_cfg *cfg, const char *opt, struct map *map)
{
    FILE *file = fopen(map->file.p, "re");
    char *line = NULL;
    size_t size = 0;
    struct row row;

    if (!file) {
        weir_cfg_error(cfg, opt, "%s cannot be read", map->file.p);
        return;
    }
    while (getline(&line, &size, file) >= 0) {
        if (split_line(line, &row)) {
            row.value = copy_text(cfg, row.value);
            add_row(cfg, opt, map, &row);
        }
    }
    free(line);
    fclose(file);
}

static void check(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;
    struct map *maps = (struct map *)(uintptr_t)conf->maps.items;
    char opt[300];

    current = conf;
    for (size_t i = 0; i < conf->maps.n; i++) {
        struct map *map = &maps[i];
        const struct row *rows = map->rows.items;

        snprintf(opt, sizeof(opt), "%.200s.table", conf->maps.keys[i].p);
        for (size_t k = 0; k < map->rows.n; k++) {
            add_row(cfg, opt, map, &rows[k]);
        }
        snprintf(opt, sizeof(opt), "%.200s.file", conf->maps.keys[i].p);
        if (map->file.n) {
            read_file(cfg, opt, map);
        }
        table_finish(cfg, &map->table);
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
