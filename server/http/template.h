/* SPDX-License-Identifier: Apache-2.0 */
/* http/template.h - text with $variables, compiled when the configuration is loaded.
 *
 * "$name" or "${name}"; "$$" is a dollar. A name is letters, digits and '_'; "$1" .. "$9" are a
 * regular expression's groups. */
#ifndef HTTP_TEMPLATE_H
#define HTTP_TEMPLATE_H

#include "base/arena.h"
#include "http/variable.h"

struct template_part {
    weir_str text;                   /* a literal, when variable is NULL */
    const struct variable *variable;
    weir_str suffix;                 /* what follows a prefix variable's prefix */
};

struct weir_template {
    weir_str source;                 /* as written */
    weir_str constant;               /* p not NULL: no variables, this is the value */
    uint16_t n;
    struct template_part parts[];
};

struct template_error {
    size_t column;                   /* from 1, in the text */
    char text[160];                  /* what is wrong, with the nearest name if there is one */
};

/* Finds a variable by name (see variable_find()); NULL: unknown. */
typedef const struct variable *template_lookup(void *arg, weir_str name, weir_str *suffix);

/* Compiles into `arena`. NULL: *error says why. `phase` is where the template is evaluated: a
 * variable that has its value only later is an error. */
const struct weir_template *template_compile(struct arena *arena, weir_str text, weir_phase phase,
                                             template_lookup *lookup, void *arg,
                                             struct template_error *error);

/* The text for one request, in its arena or older; template NULL: empty. Never p NULL. */
weir_str template_eval(weir_req *req, const weir_template *template_);

#endif
