/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - values and patterns, and what each stands for: a whole value wins, then the longest
 * "*.suffix", then the longest "prefix*", then the first regex. Values and patterns are compared in
 * any case; a "~regex" is not. */
#ifndef MAP_TABLE_H
#define MAP_TABLE_H

#include <weir/module.h>

enum entry_kind { ENTRY_WHOLE, ENTRY_SUFFIX, ENTRY_PREFIX, ENTRY_REGEX };

struct entry {
    struct entry *next; /* in the order of the file; of a bucket: the next one there */
    enum entry_kind kind;
    weir_str text; /* without the '*', lower case */
    const weir_regex *regex;
    const weir_template *result;
};

struct table {
    struct entry *first, *last; /* until table_finish(): all; then SUFFIX, PREFIX, REGEX in the
                                   order in which they are tried */
    size_t whole_n;
    struct entry **buckets; /* WHOLE */
    size_t bucket_n;        /* a power of two; 0: none */
};

/* Adds a pair, when the configuration is loaded; `value` and `result` live as long as it. A pattern
 * that cannot be, or a value that is there already, is reported in option `opt`. */
void table_add(weir_cfg *cfg, const char *opt, struct table *table, weir_str value,
               const weir_template *result);
/* Makes it ready for table_find(). */
void table_finish(weir_cfg *cfg, struct table *table);

/* What `value` stands for; NULL: nothing. Sets the request's groups when a regex matched. */
const weir_template *table_find(weir_req *req, const struct table *table, weir_str value);

/* A copy that lives as long as the configuration, with a NUL behind it. */
weir_str copy_text(weir_cfg *cfg, weir_str text);

#endif
