/* SPDX-License-Identifier: Apache-2.0 */
#include "search.h"

#include <string.h>

void search_init(struct search *search, const weir_str *texts, size_t n)
{
    *search = (struct search){.texts = texts, .n = n};
    for (size_t i = 0; i < n; i++) {
        search->begins[(unsigned char)texts[i].p[0]] = true;
    }
}

/* What begins right at the front of `rest`. */
static struct search_result look(const struct search *search, weir_str rest, const bool *skip,
                                 bool is_end)
{
    for (size_t i = 0; i < search->n; i++) {
        weir_str text = search->texts[i];
        size_t n = text.n < rest.n ? text.n : rest.n;

        if ((skip && skip[i]) || memcmp(text.p, rest.p, n) != 0) {
            continue;
        }
        if (n == text.n) {
            return (struct search_result){SEARCH_FOUND, 0, i};
        }
        if (!is_end) {
            return (struct search_result){SEARCH_MAYBE, 0, i};
        }
    }
    return (struct search_result){SEARCH_NONE, 0, 0};
}

struct search_result search_run(const struct search *search, weir_str bytes, const bool *skip,
                                bool is_end)
{
    for (size_t at = 0; at < bytes.n; at++) {
        if (!search->begins[(unsigned char)bytes.p[at]]) {
            continue;
        }
        struct search_result found =
            look(search, (weir_str){bytes.p + at, bytes.n - at}, skip, is_end);
        if (found.kind != SEARCH_NONE) {
            found.at = at;
            return found;
        }
    }
    return (struct search_result){SEARCH_NONE, bytes.n, 0};
}
