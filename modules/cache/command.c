/* SPDX-License-Identifier: Apache-2.0 */
/* command.c - weir cache stat, ls, purge. It runs in a process of its own that shares the zones with the
 * workers: it borrows nothing, and copies what it shows. See store.h and shared.h. */
#include "command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "shared.h"
#include "words.h"

#define ENTRIES_AT_A_TIME 256
#define USAGE                                                                                      \
    "usage: weir cache stat [--json] [ZONE]\n"                                                     \
    "       weir cache ls [--json] [ZONE]\n"                                                       \
    "       weir cache purge [--soft] URL | 'URL-PREFIX*' | --tag TAG\n"

struct options {
    bool json, soft, tag;
    weir_str word; /* empty: none */
    uint32_t n;    /* words that are no options */
};

static bool read_options(weir_answer *answer, const weir_str *words, uint32_t n, struct options *o)
{
    *o = (struct options){.n = 0};
    for (uint32_t i = 2; i < n; i++) {
        if (word_is(words[i], WEIR_STR("--json"))) {
            o->json = true;
        } else if (word_is(words[i], WEIR_STR("--soft"))) {
            o->soft = true;
        } else if (word_is(words[i], WEIR_STR("--tag"))) {
            o->tag = true;
        } else if (words[i].n && words[i].p[0] == '-') {
            weir_say(answer, "\"%.*s\" is no option of weir cache\n" USAGE, (int)words[i].n,
                     words[i].p);
            return false;
        } else {
            o->word = words[i];
            o->n++;
        }
    }
    return true;
}

static void say_json(weir_answer *answer, weir_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '"' || c == '\\') {
            weir_say(answer, "\\%c", c);
        } else if (c < ' ' || c >= 0x7f) {
            weir_say(answer, "\\u%04x", c);
        } else {
            weir_say(answer, "%c", c);
        }
    }
}

/* The zone of that name; all of them when there is no name. */
static bool is_meant(const struct store *store, const struct options *o)
{
    return o->n == 0 || word_is(store->conf.name, o->word);
}

static bool has_meant(weir_answer *answer, const struct options *o)
{
    for (const struct store *store = conf_stores; store; store = store->next) {
        if (is_meant(store, o)) {
            return true;
        }
    }
    if (o->n) {
        weir_say(answer, "\"%.*s\" is no zone of the cache; there are:", (int)o->word.n, o->word.p);
        for (const struct store *store = conf_stores; store; store = store->next) {
            weir_say(answer, " %s", store->conf.name.p);
        }
        weir_say(answer, "\n");
    } else {
        weir_say(answer, "the configuration has no zone of the cache\n");
    }
    return false;
}

/* ---- stat ---- */

static void say_stat(weir_answer *answer, struct store *store, bool json)
{
    struct store_stat stat;

    store_stat(store, &stat);
    const unsigned long long n[] = {stat.objects, stat.bytes,   stat.memory_all - stat.memory_free,
                                    stat.memory_all, stat.hits, stat.misses,
                                    stat.evicted,    stat.refused};
    if (json) {
        weir_say(answer, "{\"zone\":\"");
        say_json(answer, store->conf.name);
        weir_say(answer,
                 "\",\"objects\":%llu,\"bytes\":%llu,\"max_size\":%llu,\"memory_used\":%llu,"
                 "\"memory\":%llu,\"hits\":%llu,\"misses\":%llu,\"evicted\":%llu,\"refused\":%llu,"
                 "\"loading\":%s}\n",
                 n[0], n[1], (unsigned long long)store->conf.max_size, n[2], n[3], n[4], n[5], n[6],
                 n[7], stat.is_loading ? "true" : "false");
        return;
    }
    weir_say(answer, "zone %s (%s)%s\n", store->conf.name.p,
             store->conf.path.n ? store->conf.path.p : "memory only",
             stat.is_loading ? ", still looking through its files" : "");
    weir_say(answer, "  objects  %llu, %llu bytes", n[0], n[1]);
    if (store->conf.max_size) {
        weir_say(answer, " of %llu", (unsigned long long)store->conf.max_size);
    }
    weir_say(answer, "\n  memory   %llu of %llu bytes\n  hits     %llu\n  misses   %llu\n", n[2], n[3],
             n[4], n[5]);
    weir_say(answer, "  evicted  %llu\n  refused  %llu damaged files\n", n[6], n[7]);
}

/* ---- ls ---- */

static void say_object(weir_answer *answer, const struct store *store, const struct object *object,
                       bool in_memory, bool json)
{
    const struct cache_control none = {.max_age = -1, .min_fresh = -1, .max_stale = -1};
    struct reuse reuse = reuse_decide(&object->freshness, &none, weir_wall_ms());

    if (!json) {
        weir_say(answer, "%-6s %3u %10llu %8lld  %.*s\n", in_memory ? "memory" : "file",
                 object->status, (unsigned long long)object->body_n, (long long)reuse.ttl_s,
                 (int)object->url.n, object->url.p);
        return;
    }
    weir_say(answer, "{\"zone\":\"");
    say_json(answer, store->conf.name);
    weir_say(answer, "\",\"in\":\"%s\",\"status\":%u,\"bytes\":%llu,\"ttl\":%lld,\"url\":\"",
             in_memory ? "memory" : "file", object->status, (unsigned long long)object->body_n,
             (long long)reuse.ttl_s);
    say_json(answer, object->url);
    weir_say(answer, "\",\"tags\":\"");
    say_json(answer, object->tags);
    weir_say(answer, "\"}\n");
}

static void say_file(weir_answer *answer, struct store *store, struct id id, bool json)
{
    int fd = disk_open_object(store, id);
    struct object object;
    uint64_t size;
    int64_t changed;
    char *record = fd < 0 ? NULL : disk_read_record(fd, &object, &size, &changed);

    if (record) {
        say_object(answer, store, &object, false, json);
    }
    free(record);
    if (fd >= 0) {
        close(fd);
    }
}

static void say_objects(weir_answer *answer, struct store *store, bool json)
{
    struct id unread[ENTRIES_AT_A_TIME];
    struct entry *entry = NULL;
    uint32_t at = 0;

    do {
        size_t n = 0;

        store_lock(store);
        for (int i = 0; i < ENTRIES_AT_A_TIME && (entry = index_next(store->index, &at)); i++) {
            struct object object;

            if (entry->serial && entry->hot) {
                object_view(hot_record(hot_at(store, entry->hot)), &object);
                say_object(answer, store, &object, true, json);
            } else if (entry->serial && entry->flags & ENTRY_ON_DISK) {
                unread[n++] = entry->id;
            }
        }
        store_unlock(store);
        for (size_t i = 0; i < n; i++) {
            say_file(answer, store, unread[i], json);
        }
    } while (entry);
}

/* ---- purge ---- */

static weir_rc purge(weir_answer *answer, const struct options *o)
{
    weir_str text = o->word;
    enum purge_kind kind = PURGE_TAG;

    if (o->n != 1) {
        weir_say(answer, "weir cache purge: expected one URL, prefix or tag\n" USAGE);
        return WEIR_ERROR;
    }
    if (!o->tag) {
        const char *host = memmem(text.p, text.n, "://", 3);

        if (!host) {
            weir_say(answer, "\"%.*s\": expected an URL as clients ask for it, such as "
                     "\"http://example.com/a\" or \"http://example.com/news/*\"\n",
                     (int)text.n, text.p);
            return WEIR_ERROR;
        }
        kind = purge_kind_of(&text);
        if (kind == PURGE_URL && !memchr(host + 3, '/', text.n - (size_t)(host + 3 - text.p))) {
            char *longer = malloc(text.n + 1);

            if (!longer) {
                return WEIR_ERROR;
            }
            memcpy(longer, text.p, text.n);
            longer[text.n] = '/';
            text = (weir_str){longer, text.n + 1}; /* the process ends with the command */
        }
    }
    for (struct store *store = conf_stores; store; store = store->next) {
        store_purge(store, kind, text, o->soft);
        weir_say(answer, "purged from %s%s\n", store->conf.name.p,
                 o->soft ? ": what fits is validated before it is used again" : "");
    }
    return WEIR_OK;
}

/* ---- the command ---- */

static weir_rc run(weir_answer *answer, const weir_str *words, uint32_t n)
{
    weir_str what = n > 1 ? words[1] : WEIR_STR("");
    bool is_ls = word_is(what, WEIR_STR("ls"));
    struct options o;

    if (!read_options(answer, words, n, &o)) {
        return WEIR_ERROR;
    }
    if (word_is(what, WEIR_STR("purge"))) {
        return purge(answer, &o);
    }
    if (!is_ls && !word_is(what, WEIR_STR("stat"))) {
        weir_say(answer, "weir cache: expected stat, ls or purge, found \"%.*s\"\n" USAGE,
                 (int)what.n, what.p);
        return WEIR_ERROR;
    }
    if (!has_meant(answer, &o)) {
        return WEIR_ERROR;
    }
    for (struct store *store = conf_stores; store; store = store->next) {
        if (is_meant(store, &o) && is_ls) {
            say_objects(answer, store, o.json);
        } else if (is_meant(store, &o)) {
            say_stat(answer, store, o.json);
        }
    }
    return WEIR_OK;
}

static const weir_command command = {.size = sizeof(command), .name = "cache", .run = run};

const weir_command *const cache_commands[] = {&command, NULL};
