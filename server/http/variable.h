/* SPDX-License-Identifier: Apache-2.0 */
/* http/variable.h - the variables that templates may use. */
#ifndef HTTP_VARIABLE_H
#define HTTP_VARIABLE_H

#include <weir/module.h>

/* One variable, the host's own or a module's. */
struct variable {
    weir_str name;        /* without the trailing "*"; empty: found by other ways only */
    bool is_prefix;       /* "http_*": the name's rest is handed to get() as suffix */
    weir_phase from;      /* the first phase in which it has a value */
    weir_var_fn *get;
    const struct module *module; /* NULL: the host's */
    const char *doc;
};

/* The host's variables, n of them. */
const struct variable *host_variables(size_t *n);

/* "1" .. "9": the one that gives a regular expression's groups, with the name as its suffix; NULL
 * for any other name. */
const struct variable *host_group_variable(weir_str name);

/* Among `n` variables the one called `name`: an exact name first, then the longest prefix, whose
 * rest *suffix gets. NULL: none. */
const struct variable *variable_find(const struct variable *variables, size_t n, weir_str name,
                                     weir_str *suffix);

#endif
