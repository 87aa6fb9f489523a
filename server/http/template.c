/* SPDX-License-Identifier: Apache-2.0 */
#include "http/template.h"

#include <stdio.h>

#include "base/str.h"

struct compiler {
    struct arena *arena;
    weir_str text;
    size_t at;
    weir_phase phase;
    template_lookup *lookup;
    void *arg;
    struct template_error *error;
    struct weir_template *out;
    char *literal;   /* the literal under way, in the arena */
    size_t literal_n;
};

static bool is_name(char c)
{
    char lower = ascii_lower(c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool fail(struct compiler *c, size_t at, const char *what, weir_str name)
{
    c->error->column = at + 1;
    snprintf(c->error->text, sizeof(c->error->text), what, (int)name.n, name.p ? name.p : "");
    return false;
}

static void end_literal(struct compiler *c)
{
    if (c->literal_n) {
        c->out->parts[c->out->n++].text = (weir_str){c->literal, c->literal_n};
        c->literal += c->literal_n + 1;
        c->literal_n = 0;
    }
}

/* The name after a '$' at c->at; moves behind it. */
static bool read_name(struct compiler *c, weir_str *name)
{
    size_t dollar = c->at++;
    bool braces = c->at < c->text.n && c->text.p[c->at] == '{';
    size_t start = c->at + braces, end = start;

    while (end < c->text.n && is_name(c->text.p[end])) {
        end++;
    }
    *name = (weir_str){c->text.p + start, end - start};
    c->at = end + braces;
    if (braces && (end >= c->text.n || c->text.p[end] != '}')) {
        return fail(c, dollar, "\"${\" is not closed: expected \"${name}\"%.*s", (weir_str){0});
    }
    if (name->n == 0) {
        return fail(c, dollar, "a single '$': write \"$$\" for a dollar%.*s", (weir_str){0});
    }
    return true;
}

static bool add_variable(struct compiler *c)
{
    size_t dollar = c->at;
    weir_str name, suffix = {0};

    if (!read_name(c, &name)) {
        return false;
    }
    const struct variable *variable = c->lookup(c->arg, name, &suffix);
    if (!variable) {
        return fail(c, dollar, "there is no variable \"$%.*s\"", name);
    }
    if (variable->from > c->phase) {
        return fail(c, dollar,
                    "\"$%.*s\" has no value yet where this is evaluated: it is known only once "
                    "there is a response", name);
    }
    end_literal(c);
    struct template_part *part = &c->out->parts[c->out->n++];
    part->variable = variable;
    part->suffix = arena_dup(c->arena, suffix);
    return true;
}

const struct weir_template *template_compile(struct arena *arena, weir_str text, weir_phase phase,
                                             template_lookup *lookup, void *arg,
                                             struct template_error *error)
{
    size_t most = 1;

    for (size_t i = 0; i < text.n; i++) {
        most += text.p[i] == '$' ? 2 : 0;
    }
    struct compiler c = {.arena = arena,
                         .text = text,
                         .phase = phase,
                         .lookup = lookup,
                         .arg = arg,
                         .error = error,
                         .literal = arena_zalloc(arena, text.n * 2 + 2)};
    c.out = arena_zalloc(arena, sizeof(*c.out) + most * sizeof(c.out->parts[0]));
    c.out->source = arena_dup(arena, text);
    while (c.at < text.n) {
        if (text.p[c.at] != '$') {
            c.literal[c.literal_n++] = text.p[c.at++];
        } else if (c.at + 1 < text.n && text.p[c.at + 1] == '$') {
            c.literal[c.literal_n++] = '$';
            c.at += 2;
        } else if (!add_variable(&c)) {
            return NULL;
        }
    }
    if (c.out->n == 0) {
        c.out->constant = (weir_str){c.literal, c.literal_n};
    }
    end_literal(&c);
    return c.out;
}
