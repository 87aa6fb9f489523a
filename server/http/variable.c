/* SPDX-License-Identifier: Apache-2.0 */
#include "http/variable.h"

#include "base/str.h"

const struct variable *variable_find(const struct variable *variables, size_t n, weir_str name,
                                     weir_str *suffix)
{
    const struct variable *best = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct variable *v = &variables[i];

        if (!v->is_prefix && str_eq(v->name, name)) {
            *suffix = (weir_str){0};
            return v;
        }
        if (v->is_prefix && v->name.n && name.n > v->name.n && str_starts_with(name, v->name) &&
            (!best || v->name.n > best->name.n)) {
            best = v;
        }
    }
    if (best) {
        *suffix = (weir_str){name.p + best->name.n, name.n - best->name.n};
    }
    return best;
}
