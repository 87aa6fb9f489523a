/* SPDX-License-Identifier: Apache-2.0 */
/* search.h - where in a stream of bytes is one of several texts? No I/O. */
#ifndef SUB_SEARCH_H
#define SUB_SEARCH_H

#include <weir/types.h>

#define SEARCH_TEXT_MAX 256

enum search_kind {
    SEARCH_NONE,  /* none of the texts is in it */
    SEARCH_FOUND, /* texts[which] is at `at` */
    SEARCH_MAYBE /* one may begin at `at`: fewer than SEARCH_TEXT_MAX bytes tell, more are needed */
};

struct search_result {
    enum search_kind kind;
    size_t at, which;
};

/* Set once, read only afterwards. */
struct search {
    const weir_str *texts; /* of 1 .. SEARCH_TEXT_MAX bytes */
    size_t n;
    bool begins[256]; /* by the first byte of a text */
};

void search_init(struct search *search, const weir_str *texts, size_t n);

/* The leftmost text in `bytes`; where several begin, the first of the list. `skip[i]`: not texts[i]
 * (may be NULL). `is_end`: nothing follows, so nothing is MAYBE. */
struct search_result search_run(const struct search *search, weir_str bytes, const bool *skip,
                                bool is_end);

#endif
