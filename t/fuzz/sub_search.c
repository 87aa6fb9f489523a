/* SPDX-License-Identifier: Apache-2.0 */
/* Searching: what is found is there, nothing before it is, and a MAYBE is where the bytes end in
 * the beginning of a text. The input: up to three texts, each after its length, then the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Does one of the texts, or with `partly` the beginning of one, stand at `at`? */
static bool is_at(const struct search *search, weir_str bytes, size_t at, bool partly)
{
    for (size_t i = 0; i < search->n; i++) {
        weir_str text = search->texts[i];
        size_t left = bytes.n - at, n = text.n < left ? text.n : left;

        if ((n == text.n || partly) && memcmp(text.p, bytes.p + at, n) == 0) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str texts[3];
    size_t n = 0, at = 0;
    struct search search;

    for (; n < 3 && at < size && data[at] > 0 && at + 1 + data[at] <= size; n++) {
        texts[n] = (weir_str){(const char *)data + at + 1, data[at]};
        at += 1u + data[at];
    }
    weir_str bytes = {(const char *)data + at, size - at};
    search_init(&search, texts, n);
    for (int is_end = 0; is_end < 2; is_end++) {
        struct search_result found = search_run(&search, bytes, NULL, is_end);

        if (found.at > bytes.n || (found.kind == SEARCH_MAYBE && is_end) ||
            (found.kind == SEARCH_NONE ? found.at != bytes.n
                                       : !is_at(&search, bytes, found.at, !is_end))) {
            abort();
        }
        for (size_t i = 0; i < found.at; i++) {
            if (is_at(&search, bytes, i, !is_end)) {
                abort();
            }
        }
    }
    return 0;
}
