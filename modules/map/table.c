/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

weir_str copy_text(weir_cfg *cfg, weir_str text)
{
    char *p = weir_cfg_alloc(cfg, text.n + 1);

    if (text.n) {
        memcpy(p, text.p, text.n);
    }
    return (weir_str){p, text.n};
}

static bool equals(weir_str lowered, weir_str value)
{
    if (lowered.n != value.n) {
        return false;
    }
    for (size_t i = 0; i < value.n; i++) {
        if (lowered.p[i] != lower(value.p[i])) {
            return false;
        }
    }
    return true;
}

/* FNV-1a: the keys are the admin's, not a client's, so nobody can choose them to collide. */
static uint64_t hash(enum entry_kind kind, weir_str value)
{
    uint64_t h = 0xcbf29ce484222325 + kind;

    for (size_t i = 0; i < value.n; i++) {
        h = (h ^ (unsigned char)lower(value.p[i])) * 0x100000001b3;
    }
    return h ^ h >> 32;
}

static struct entry **bucket_of(const struct table *table, enum entry_kind kind, weir_str text)
{
    return &table->buckets[hash(kind, text) & (table->bucket_n - 1)];
}

static const struct entry *find(const struct table *table, enum entry_kind kind, weir_str text)
{
    const struct entry *entry = table->bucket_n ? *bucket_of(table, kind, text) : NULL;

    while (entry && (entry->kind != kind || !equals(entry->text, text))) {
        entry = entry->next;
    }
    return entry;
}

/* ---- loading ---- */

static bool parse(weir_cfg *cfg, const char *opt, weir_str value, struct entry *entry)
{
    weir_str text = value;

    if (text.n && text.p[0] == '~') {
        bool any_case = text.n > 1 && text.p[1] == '*';
        weir_str pattern = {text.p + 1 + any_case, text.n - 1 - any_case};
        const char *flags = any_case ? "(?i)" : "";
        char *p = weir_cfg_alloc(cfg, pattern.n + strlen(flags) + 1);

        memcpy(p, flags, strlen(flags));
        memcpy(p + strlen(flags), pattern.p, pattern.n);
        entry->kind = ENTRY_REGEX;
        entry->regex = weir_cfg_regex(cfg, opt, (weir_str){p, pattern.n + strlen(flags)});
        return entry->regex != NULL;
    }
    if (text.n > 2 && text.p[0] == '*' && text.p[1] == '.') {
        entry->kind = ENTRY_SUFFIX;
        text.p++;
        text.n--;
    } else if (text.n > 1 && text.p[text.n - 1] == '*') {
        entry->kind = ENTRY_PREFIX;
        text.n--;
    } else if (text.n > 1 && text.p[0] == '\\') {
        text.p++; /* "\~" and "\*": the character itself */
        text.n--;
    }
    char *p = weir_cfg_alloc(cfg, text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        p[i] = lower(text.p[i]);
    }
    entry->text = (weir_str){p, text.n};
    return true;
}

static void insert(struct table *table, struct entry *entry)
{
    struct entry **bucket = bucket_of(table, entry->kind, entry->text);

    entry->next = *bucket;
    *bucket = entry;
}

/* Twice the buckets. What they were in stays behind: it is no more than what they are in now. */
static void grow(weir_cfg *cfg, struct table *table)
{
    struct entry **old = table->buckets;
    size_t old_n = table->bucket_n;

    table->bucket_n = old_n ? old_n * 2 : 8;
    table->buckets = weir_cfg_alloc(cfg, table->bucket_n * sizeof(*table->buckets));
    for (size_t i = 0; i < old_n; i++) {
        for (struct entry *entry = old[i], *next; entry; entry = next) {
            next = entry->next;
            insert(table, entry);
        }
    }
}

static void add_length(weir_cfg *cfg, struct table *table, size_t n)
{
    struct length **at = &table->lengths;

    while (*at && (*at)->n > n) {
        at = &(*at)->next;
    }
    if (!*at || (*at)->n != n) {
        struct length *length = weir_cfg_alloc(cfg, sizeof(*length));

        *length = (struct length){*at, n};
        *at = length;
    }
}

static void add_regex(struct table *table, struct entry *entry)
{
    if (!table->last) {
        table->last = &table->first;
    }
    *table->last = entry;
    table->last = &entry->next;
}

enum added table_add(weir_cfg *cfg, const char *opt, struct table *table, weir_str value,
                     const weir_template *result)
{
    struct entry *entry = weir_cfg_alloc(cfg, sizeof(*entry));

    entry->result = result;
    if (!parse(cfg, opt, value, entry)) {
        return REFUSED;
    }
    if (entry->kind == ENTRY_REGEX) {
        add_regex(table, entry);
        return ADDED;
    }
    if (find(table, entry->kind, entry->text)) {
        return PRESENT;
    }
    if (table->n++ == table->bucket_n) {
        grow(cfg, table);
    }
    insert(table, entry);
    table->has_suffixes |= entry->kind == ENTRY_SUFFIX;
    if (entry->kind == ENTRY_PREFIX) {
        add_length(cfg, table, entry->text.n);
    }
    return ADDED;
}

/* ---- at work ---- */

static const struct entry *find_suffix(const struct table *table, weir_str value)
{
    const struct entry *found = NULL;

    for (size_t i = 1; table->has_suffixes && i < value.n && !found; i++) {
        if (value.p[i] == '.') {
            found = find(table, ENTRY_SUFFIX, (weir_str){value.p + i, value.n - i});
        }
    }
    return found;
}

static const struct entry *find_prefix(const struct table *table, weir_str value)
{
    const struct entry *found = NULL;

    for (const struct length *at = table->lengths; at && !found; at = at->next) {
        if (at->n <= value.n) {
            found = find(table, ENTRY_PREFIX, (weir_str){value.p, at->n});
        }
    }
    return found;
}

static const struct entry *find_regex(weir_req *req, const struct table *table, weir_str value)
{
    weir_str groups[10] = {{NULL, 0}};

    for (const struct entry *entry = table->first; entry; entry = entry->next) {
        int count = weir_match(entry->regex, value, groups, 10);

        if (count > 0) {
            weir_set_groups(req, groups, count);
            return entry;
        }
    }
    return NULL;
}

const weir_template *table_find(weir_req *req, const struct table *table, weir_str value)
{
    const struct entry *entry = find(table, ENTRY_WHOLE, value);

    if (!entry) {
        entry = find_suffix(table, value);
    }
    if (!entry) {
        entry = find_prefix(table, value);
    }
    if (!entry) {
        entry = find_regex(req, table, value);
    }
    return entry ? entry->result : NULL;
}
