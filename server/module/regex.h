/* SPDX-License-Identifier: Apache-2.0 */
/* module/regex.h - compiled regular expressions, whichever module provides them. */
#ifndef MODULE_REGEX_H
#define MODULE_REGEX_H

#include <weir/module.h>

#include "base/arena.h"

struct weir_regex {
    const weir_regex_ops *ops;
    void *compiled;
    weir_str pattern;
};

/* Compiles into `arena`, which also frees it. NULL: `error` says why. */
const weir_regex *regex_compile(struct arena *arena, const weir_regex_ops *ops, weir_str pattern,
                                char *error, size_t error_size);

/* As weir_regex_ops.match. */
int regex_match(const weir_regex *regex, weir_str subject, weir_str *groups, int group_max);

#endif
