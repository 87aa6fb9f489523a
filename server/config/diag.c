/* SPDX-License-Identifier: Apache-2.0 */
#include "config/diag.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"

void diag_init(struct diag *diag, struct arena *arena)
{
    *diag = (struct diag){.arena = arena};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* A site's settings are read anew for each of its routes: a mistake is still told only once. */
static bool is_known(const struct diag *diag, const struct diag_entry *entry)
{
    for (const struct diag_entry *e = diag->first; e; e = e->next) {
        if (e->line == entry->line && e->level == entry->level && same_text(e->file, entry->file) &&
            strcmp(e->text, entry->text) == 0) {
            return true;
        }
    }
    return false;
}

void diag_vadd(struct diag *diag, enum diag_level level, const char *file, unsigned line,
               const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) {
        return;
    }
    struct diag_entry *entry = arena_zalloc(diag->arena, sizeof(*entry));
    char *text = arena_alloc(diag->arena, (size_t)n + 1);

    vsnprintf(text, (size_t)n + 1, fmt, args);
    *entry = (struct diag_entry){.level = level, .file = file, .line = line, .text = text};
    if (is_known(diag, entry)) {
        return;
    }
    if (diag->last) {
        diag->last->next = entry;
    } else {
        diag->first = entry;
    }
    diag->last = entry;
    if (level == DIAG_ERROR) {
        diag->errors++;
    } else {
        diag->warnings++;
    }
}

void diag_add(struct diag *diag, enum diag_level level, const char *file, unsigned line,
              const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_vadd(diag, level, file, line, fmt, args);
    va_end(args);
}

struct ranked {
    const struct diag_entry *entry;
    size_t rank;
};

static int compare_entries(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    const char *file_x = x->entry->file ? x->entry->file : "";
    const char *file_y = y->entry->file ? y->entry->file : "";
    int by_file = strcmp(file_x, file_y);

    if (by_file) {
        return by_file;
    }
    if (x->entry->line != y->entry->line) {
        return x->entry->line < y->entry->line ? -1 : 1;
    }
    return x->rank < y->rank ? -1 : 1;
}

/* All of them in order; to be freed. */
static struct ranked *sort(const struct diag *diag, size_t *n)
{
    struct ranked *sorted = mem_alloc((diag->errors + diag->warnings + 1) * sizeof(*sorted));

    *n = 0;
    for (const struct diag_entry *e = diag->first; e; e = e->next, (*n)++) {
        sorted[*n] = (struct ranked){e, *n};
    }
    qsort(sorted, *n, sizeof(*sorted), compare_entries);
    return sorted;
}

static const char *level_name(const struct diag_entry *entry)
{
    return entry->level == DIAG_ERROR ? "error" : "warning";
}

void diag_print(const struct diag *diag, FILE *out)
{
    size_t n;
    struct ranked *sorted = sort(diag, &n);

    for (size_t i = 0; i < n; i++) {
        const struct diag_entry *e = sorted[i].entry;

        if (e->file && e->line) {
            fprintf(out, "%s:%u: ", e->file, e->line);
        } else if (e->file) {
            fprintf(out, "%s: ", e->file);
        }
        fprintf(out, "%s: %s\n", level_name(e), e->text);
    }
    free(sorted);
}

void diag_print_json(const struct diag *diag, FILE *out)
{
    struct json json = {.out = out};
    size_t n;
    struct ranked *sorted = sort(diag, &n);

    json_open(&json, NULL, '{');
    json_bool(&json, "ok", diag->errors == 0);
    json_open(&json, "messages", '[');
    for (size_t i = 0; i < n; i++) {
        const struct diag_entry *e = sorted[i].entry;

        json_open(&json, NULL, '{');
        json_text(&json, "level", level_name(e));
        json_text(&json, "file", e->file);
        json_int(&json, "line", e->line);
        json_text(&json, "text", e->text);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    fputc('\n', out);
    free(sorted);
}

/* How many edits still look like a slip of the finger. */
static unsigned slip_limit(size_t n)
{
    return n <= 5 ? 1 : n <= 8 ? 2 : 3;
}

weir_str diag_nearest(weir_str word, const weir_str *words, size_t n)
{
    weir_str best = {0};
    unsigned best_distance = slip_limit(word.n) + 1;

    for (size_t i = 0; i < n; i++) {
        unsigned distance = str_distance(word, words[i]);

        /* A distance of the whole length means that nothing is alike. */
        if (distance < best_distance && distance < words[i].n) {
            best = words[i];
            best_distance = distance;
        }
    }
    for (size_t i = 0; i < n && !best.p && word.n >= 3; i++) {
        if (words[i].n > word.n && str_ieq(word, (weir_str){words[i].p, word.n})) {
            best = words[i];
        }
    }
    return best;
}
