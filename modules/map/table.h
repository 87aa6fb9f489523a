/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - values and patterns, and what each stands for: a whole value wins, then the longest
 * "*.suffix", then the longest "prefix*", then the first regex. Values and patterns are compared in
 * any case; a "~regex" is not. All but regexes are found by their hash, however many there are. */
#ifndef MAP_TABLE_H
#define MAP_TABLE_H

#include <weir/module.h>

enum entry_kind {
    ENTRY_WHOLE,
    ENTRY_SUFFIX,
    ENTRY_PREFIX,
    ENTRY_REGEX
};

struct entry {
    struct entry *next; /* of the bucket, or the next regex */
    enum entry_kind kind;
    weir_str text; /* without the '*', lower case */
    const weir_regex *regex;
    const weir_template *result;
};

/* One that prefixes have. */
struct length {
    struct length *next;
    size_t n;
};

struct table {
    struct entry **buckets; /* of all kinds but REGEX */
    size_t bucket_n;        /* a power of two, or 0 */
    size_t n;
    bool has_suffixes;
    struct length *lengths;      /* the longest first */
    struct entry *first, **last; /* REGEX, in the order in which they came */
};

enum added {
    ADDED,
    PRESENT, /* that value is there already, and stays as it is */
    REFUSED  /* a pattern that cannot be: it was reported in option `opt` */
};

/* Adds a pair when the configuration is loaded; `value` and `result` live as long as it. */
enum added table_add(weir_cfg *cfg, const char *opt, struct table *table, weir_str value,
                     const weir_template *result);

/* What `value` stands for; NULL: nothing. Sets the request's groups when a regex matched. */
const weir_template *table_find(weir_req *req, const struct table *table, weir_str value);

/* A copy that lives as long as the configuration, with a NUL behind it. */
weir_str copy_text(weir_cfg *cfg, weir_str text);

#endif
