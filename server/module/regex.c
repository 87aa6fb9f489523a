/* SPDX-License-Identifier: Apache-2.0 */
#include "module/regex.h"

static void regex_free(void *arg)
{
    struct weir_regex *regex = arg;

    regex->ops->free(regex->compiled);
}

const weir_regex *regex_compile(struct arena *arena, const weir_regex_ops *ops, weir_str pattern,
                                char *error, size_t error_size)
{
    struct weir_regex *regex = arena_alloc(arena, sizeof(*regex));

    *regex = (struct weir_regex){.ops = ops, .pattern = arena_dup(arena, pattern)};
    regex->compiled = ops->compile(regex->pattern.p, error, error_size);
    if (!regex->compiled) {
        return NULL;
    }
    arena_on_fini(arena, regex_free, regex);
    return regex;
}

int regex_match(const weir_regex *regex, weir_str subject, weir_str *groups, int group_max)
{
    return regex->ops->match(regex->compiled, subject, groups, group_max);
}
