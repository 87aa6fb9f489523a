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
static uint64_t hash(weir_str value)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < value.n; i++) {
        h = (h ^ (unsigned char)lower(value.p[i])) * 0x100000001b3;
    }
    return h ^ h >> 32;
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

void table_add(weir_cfg *cfg, const char *opt, struct table *table, weir_str value,
               const weir_template *result)
{
    struct entry *entry = weir_cfg_alloc(cfg, sizeof(*entry));

    entry->result = result;
    if (!parse(cfg, opt, value, entry)) {
        return;
    }
    if (table->last) {
        table->last->next = entry;
    } else {
        table->first = entry;
    }
    table->last = entry;
    table->whole_n += entry->kind == ENTRY_WHOLE;
}

/* Behind all that are tried before it. */
static void insert(struct table *table, struct entry *entry)
{
    struct entry **at = &table->first;

    while (*at && ((*at)->kind < entry->kind ||
                   ((*at)->kind == entry->kind && (*at)->text.n >= entry->text.n))) {
        at = &(*at)->next;
    }
    entry->next = *at;
    *at = entry;
}

void table_finish(weir_cfg *cfg, struct table *table)
{
    struct entry *entry = table->first;

    table->first = table->last = NULL;
    if (table->whole_n) {
        for (table->bucket_n = 8; table->bucket_n < table->whole_n * 2;) {
            table->bucket_n *= 2;
        }
        table->buckets = weir_cfg_alloc(cfg, table->bucket_n * sizeof(*table->buckets));
    }
    while (entry) {
        struct entry *next = entry->next;

        if (entry->kind == ENTRY_WHOLE) {
            struct entry **bucket = &table->buckets[hash(entry->text) & (table->bucket_n - 1)];

            while (*bucket && !equals((*bucket)->text, entry->text)) {
                bucket = &(*bucket)->next;
            }
            if (!*bucket) { /* of two equal ones the first counts, as everywhere in the table */
                entry->next = NULL;
                *bucket = entry;
            }
        } else {
            insert(table, entry);
        }
        entry = next;
    }
}

/* ---- at work ---- */

static bool matches(weir_req *req, const struct entry *entry, weir_str value)
{
    size_t n = entry->text.n;
    weir_str groups[10] = {{NULL, 0}};

    switch (entry->kind) {
    case ENTRY_SUFFIX:
        return value.n > n && equals(entry->text, (weir_str){value.p + value.n - n, n});
    case ENTRY_PREFIX:
        return value.n >= n && equals(entry->text, (weir_str){value.p, n});
    case ENTRY_REGEX: {
        int count = weir_match(entry->regex, value, groups, 10);

        if (count > 0) {
            weir_set_groups(req, groups, count);
        }
        return count > 0;
    }
    default:
        return false;
    }
}

const weir_template *table_find(weir_req *req, const struct table *table, weir_str value)
{
    const struct entry *entry =
        table->bucket_n ? table->buckets[hash(value) & (table->bucket_n - 1)] : NULL;

    for (; entry; entry = entry->next) {
        if (equals(entry->text, value)) {
            return entry->result;
        }
    }
    for (entry = table->first; entry; entry = entry->next) {
        if (matches(req, entry, value)) {
            return entry->result;
        }
    }
    return NULL;
}
