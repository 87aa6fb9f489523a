/* SPDX-License-Identifier: Apache-2.0 */
/* purge.c - rules that make objects unusable. A rule holds from the moment it is given: each object
 * that is older is held against it when it is used, until a round through the index has applied it to
 * all. Rules are kept in a file, too, so that what a rule has hit does not come back with a
 * restart. See store.h and shared.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared.h"
#include "words.h"

#define FILE_NAME "purges"

static struct purge *rule_at(struct store *store, uint64_t number)
{
    return &store->shared->purges[number % PURGES];
}

bool purge_may_apply(const struct store *store, uint64_t serial)
{
    const struct shared *shared = store->shared;

    return shared->purge_n > shared->purge_first &&
           shared->purges[(shared->purge_n - 1) % PURGES].serial > serial;
}

static bool has_tag(weir_str tags, weir_str tag)
{
    while (tags.n) {
        const char *space = memchr(tags.p, ' ', tags.n);
        size_t n = space ? (size_t)(space - tags.p) : tags.n;

        if (word_is((weir_str){tags.p, n}, tag)) {
            return true;
        }
        tags.p += n + (space != NULL);
        tags.n -= n + (space != NULL);
    }
    return false;
}

static bool matches(weir_str text, weir_str pattern)
{
    size_t t = 0, p = 0, star = SIZE_MAX, from = 0; /* the last star, and where its text began */

    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') {
        p++;
    }
    return p == pattern.n;
}

enum purge_kind purge_kind_of(weir_str *url)
{
    const char *star = url->n ? memchr(url->p, '*', url->n) : NULL;

    if (!star) {
        return PURGE_URL;
    }
    if (star != url->p + url->n - 1) {
        return PURGE_WILDCARD;
    }
    url->n--;
    return PURGE_PREFIX;
}

static bool fits(const struct purge *rule, struct id primary, const struct object *object)
{
    weir_str text = {rule->text, rule->n};
    char digits[ID_TEXT];

    switch (rule->kind) {
    case PURGE_URL:
        return word_is(object->url, text);
    case PURGE_PREFIX:
        return word_starts_with(object->url, text);
    case PURGE_TAG:
        return has_tag(object->tags, text);
    case PURGE_WILDCARD:
        return matches(object->url, text);
    default:
        id_format(primary, digits);
        return word_is((weir_str){digits, 16}, text);
    }
}

enum purged purge_applies(struct store *store, uint64_t serial, struct id primary,
                          const struct object *object)
{
    const struct shared *shared = store->shared;
    enum purged purged = PURGED_NOT;

    for (uint64_t i = shared->purge_n; i > shared->purge_first; i--) {
        const struct purge *rule = rule_at(store, i - 1);

        if (rule->serial <= serial) {
            break;
        }
        /* What was validated since is as good as new. */
        bool is_past =
            rule->is_soft && (int64_t)(rule->serial / 1000) <= object->freshness.response_ms;
        if (!is_past && fits(rule, primary, object)) {
            if (!rule->is_soft) {
                return PURGED_HARD;
            }
            purged = PURGED_SOFT;
        }
    }
    return purged;
}

/* ---- the file: "SERIAL KIND SOFT TEXT" per line ---- */

static void append(struct store *store, const struct purge *rule)
{
    char line[PURGE_TEXT + 64];
    int n = snprintf(line, sizeof(line), "%llu %u %u %.*s\n", (unsigned long long)rule->serial,
                     rule->kind, rule->is_soft, (int)rule->n, rule->text);
    int fd = store->dir_fd < 0 ? -1
                               : openat(store->dir_fd, FILE_NAME,
                                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0) {
        return;
    }
    if (write(fd, line, (size_t)n) != n) {
        weir_log(WEIR_LOG_ERROR, NULL,
                 "cache %s: a purge could not be written to its file: it will not survive a restart",
                 store->conf.name.p);
    }
    close(fd);
}

static void add(struct store *store, const struct purge *rule)
{
    struct shared *shared = store->shared;

    if (shared->purge_n - shared->purge_first == PURGES) {
        /* Rules come faster than rounds: the oldest two become one that hits all of both, and more.
         * What is fetched again was not needed to be, that is all. */
        struct purge *oldest = rule_at(store, shared->purge_first++);
        struct purge *second = rule_at(store, shared->purge_first);

        second->kind = PURGE_PREFIX;
        second->n = 0;
        second->is_soft = second->is_soft && oldest->is_soft;
    }
    *rule_at(store, shared->purge_n++) = *rule;
    shared->sweep_at = 0;
}

void store_purge(struct store *store, enum purge_kind kind, weir_str text, bool is_soft)
{
    struct purge rule = {.kind = (uint8_t)kind, .is_soft = is_soft};

    /* Of what is too long the beginning: that hits more, not less. */
    if (text.n > PURGE_TEXT && (kind == PURGE_URL || kind == PURGE_WILDCARD)) {
        const char *star = memchr(text.p, '*', PURGE_TEXT);

        rule.kind = PURGE_PREFIX;
        text.n = star && kind == PURGE_WILDCARD ? (size_t)(star - text.p) : text.n;
    }
    rule.n = (uint16_t)(text.n < PURGE_TEXT ? text.n : PURGE_TEXT);
    memcpy(rule.text, text.p, rule.n);
    rule.serial = store_serial(store);
    store_lock(store);
    add(store, &rule);
    store_unlock(store);
    append(store, &rule);
}

void purge_load(struct store *store)
{
    int fd = store->dir_fd < 0 ? -1 : openat(store->dir_fd, FILE_NAME, O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char line[PURGE_TEXT + 64];

    while (file && fgets(line, sizeof(line), file)) {
        struct purge rule = {0};
        unsigned long long serial;
        unsigned kind, soft;
        int at = 0;

        if (sscanf(line, "%llu %u %u %n", &serial, &kind, &soft, &at) != 3 || at == 0) {
            continue;
        }
        size_t n = strcspn(line + at, "\n");
        rule.serial = serial;
        rule.kind = (uint8_t)kind;
        rule.is_soft = soft != 0;
        rule.n = (uint16_t)(n < PURGE_TEXT ? n : PURGE_TEXT);
        memcpy(rule.text, line + at, rule.n);
        add(store, &rule);
    }
    if (file) {
        fclose(file);
    }
}

/* A round has held everything against all rules that there were when it began. */
void purge_swept(struct store *store)
{
    struct shared *shared = store->shared;

    shared->purge_first = shared->purge_n;
    if (store->dir_fd >= 0) {
        int fd = openat(store->dir_fd, FILE_NAME, O_WRONLY | O_TRUNC | O_CLOEXEC);

        if (fd >= 0) {
            close(fd);
        }
    }
}
