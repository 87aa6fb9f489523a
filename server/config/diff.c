/* SPDX-License-Identifier: Apache-2.0 */
/* config/diff.c - `weir diff`: what runs against what the files say now, option by option. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "config/config.h"

/* A line of config_print_flat(). */
struct fact {
    const char *path, *value, *place;
};

struct facts {
    struct fact *list;
    size_t n;
};

/* The next field of a line; it is ended in place. */
static char *cut(char **rest, char end)
{
    char *field = *rest, *at = strchr(field, end);

    if (!at) {
        *rest = field + strlen(field);
        return field;
    }
    *at = '\0';
    *rest = at + 1;
    return field;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct fact *)a)->path, ((const struct fact *)b)->path);
}

static struct facts read_facts(char *text)
{
    struct facts facts = {0};
    size_t cap = 0;

    while (*text) {
        char *line = cut(&text, '\n');

        if (facts.n == cap) {
            cap = cap ? cap * 2 : 256;
            facts.list = mem_realloc(facts.list, cap * sizeof(*facts.list));
        }
        struct fact *fact = &facts.list[facts.n++];
        fact->path = cut(&line, '\t');
        fact->value = cut(&line, '\t');
        fact->place = line;
    }
    if (facts.n) {
        qsort(facts.list, facts.n, sizeof(*facts.list), by_path);
    }
    return facts;
}

static void print_side(FILE *out, char sign, const struct fact *fact)
{
    if (fact) {
        fprintf(out, "%c %s = %s  # %s\n", sign, fact->path, fact->value, fact->place);
    }
}

static void print(FILE *out, bool as_json, const struct fact *was, const struct fact *is)
{
    struct json json = {.out = out};

    if (!as_json) {
        print_side(out, '-', was);
        print_side(out, '+', is);
        return;
    }
    json_open(&json, NULL, '{');
    json_text(&json, "option", was ? was->path : is->path);
    json_text(&json, "running", was ? was->value : NULL);
    json_text(&json, "running_at", was ? was->place : NULL);
    json_text(&json, "files", is ? is->value : NULL);
    json_text(&json, "files_at", is ? is->place : NULL);
    json_close(&json, '}');
    fputc('\n', out);
}

/* A group that comes or goes takes its defaults along: they say nothing. */
static bool is_news(const struct fact *was, const struct fact *is)
{
    const struct fact *one = was ? was : is;

    return was && is ? strcmp(was->value, is->value) != 0 : strcmp(one->place, "default") != 0;
}

unsigned config_diff(char *live, char *files, bool as_json, FILE *out)
{
    struct facts was = read_facts(live), is = read_facts(files);
    unsigned n = 0;

    for (size_t i = 0, k = 0; i < was.n || k < is.n;) {
        int order = i == was.n ? 1 : k == is.n ? -1 : by_path(&was.list[i], &is.list[k]);
        const struct fact *left = order <= 0 ? &was.list[i++] : NULL;
        const struct fact *right = order >= 0 ? &is.list[k++] : NULL;

        if (is_news(left, right)) {
            n++;
            if (out) {
                print(out, as_json, left, right);
            }
        }
    }
    free(was.list);
    free(is.list);
    return n;
}
