/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"

#include <stdio.h>
#include <unistd.h>
#include <string.h>

#include "words.h"

#define MEMORY_MIN (1u << 20)

struct store *conf_stores;

/* ---- the tables ---- */

#define ZONE(name_, type_, member, default_, doc_)                                                 \
    {.name = (name_), .type = (type_), .offset = offsetof(struct zone_options, member),            \
     .dflt = (default_), .doc = (doc_)}

static const weir_opt zone_rows[] = {
    {.name = "path",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_WRITTEN,
     .offset = offsetof(struct zone_options, path),
     .doc = "The folder of its files; absent: memory only."},
    ZONE("levels", WEIR_T_STR, levels, "1:2", "Characters of the names of folders in it."),
    {.name = "memory",
     .type = WEIR_T_SIZE,
     .offset = offsetof(struct zone_options, memory),
     .dflt = "32m",
     .min = MEMORY_MIN,
     .doc = "Shared memory: the index, and what is small and asked for."},
    ZONE("max_size", WEIR_T_SIZE, max_size, NULL, "Bytes of its files; absent: no limit."),
    ZONE("min_free", WEIR_T_SIZE, min_free, NULL, "Bytes of the disk that are left to others."),
    ZONE("inactive", WEIR_T_DURATION, inactive_ms, "1h", "What nobody asked for so long goes."),
    ZONE("sync", WEIR_T_BOOL, sync, "false", "Waits until each file is on the disk."),
};

static const weir_opt purge_rows[] = {
    {.name = "from",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct purge_options, from),
     .doc = "Addresses and networks that may purge.",
     .example = "[ \"127.0.0.1\", \"10.0.0.0/8\" ]"},
    {.name = "method",
     .type = WEIR_T_STR,
     .offset = offsetof(struct purge_options, method),
     .dflt = "PURGE",
     .doc = "The method that does."},
};

#define USE (WEIR_S_SITE | WEIR_S_ROUTE)
#define OPT(name_, type_, member, default_, doc_)                                                  \
    {.name = (name_), .type = (type_), .scopes = USE,                                              \
     .offset = offsetof(struct cache_conf, member), .dflt = (default_), .doc = (doc_)}

const weir_opt cache_options[CACHE_OPTIONS] = {
    {.name = "*",
     .type = WEIR_T_MAP | WEIR_T_GROUP,
     .scopes = WEIR_S_TOP,
     .offset = offsetof(struct cache_conf, zones),
     .sub = zone_rows,
     .sub_n = WEIR_COUNT(zone_rows),
     .item_size = sizeof(struct zone_options),
     .doc = "A zone: where responses are stored."},
    {.name = "zone",
     .type = WEIR_T_STR,
     .scopes = USE,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct cache_conf, zone),
     .doc = "The zone to use.",
     .example = "\"app_cache\""},
    OPT("key", WEIR_T_TEMPLATE, key, "$scheme$host$request_uri",
        "What makes two requests the same; $request_method reads GET in it."),
    OPT("valid", WEIR_T_LIST | WEIR_T_STR, valid, NULL,
        "\"STATUS... DURATION\": lifetimes of responses that say none; \"any\" is all statuses."),
    OPT("bypass", WEIR_T_LIST | WEIR_T_TEMPLATE, bypass, NULL,
        "If one of them is neither empty nor 0, the backend is asked."),
    {.name = "no_store",
     .type = WEIR_T_LIST | WEIR_T_TEMPLATE,
     .scopes = USE,
     .flags = WEIR_OPT_RESPONSE,
     .offset = offsetof(struct cache_conf, no_store),
     .doc = "If one of them is neither empty nor 0, the response is not stored."},
    OPT("methods", WEIR_T_LIST | WEIR_T_STR, methods, "GET HEAD", "Methods that are looked up."),
    {.name = "min_uses",
     .type = WEIR_T_INT,
     .scopes = USE,
     .offset = offsetof(struct cache_conf, min_uses),
     .dflt = "1",
     .min = 1,
     .max = 1000000,
     .doc = "What is asked for less often is not stored."},
    OPT("lock", WEIR_T_BOOL, lock, "true", "Of requests for the same only one asks the backend."),
    OPT("lock_timeout", WEIR_T_DURATION, lock_timeout_ms, "5s",
        "How long the others wait for its response to begin."),
    OPT("background", WEIR_T_BOOL, background, "true",
        "What may be used while it is validated is validated in the background."),
    OPT("stale", WEIR_T_LIST | WEIR_T_STR, stale, NULL,
        "When stale responses may be used: error, timeout, updating, invalid, http_500 ... http_599, http_403, "
        "http_404, http_429."),
    OPT("max_object", WEIR_T_SIZE, max_object, NULL, "Larger bodies are not stored; absent: no limit."),
    OPT("ignore", WEIR_T_LIST | WEIR_T_STR, ignore, NULL,
        "Fields of responses that are not looked at: Cache-Control, Expires, Set-Cookie, Vary, "
        "CDN-Cache-Control, Surrogate-Control."),
    OPT("honour_client", WEIR_T_LIST | WEIR_T_STR, honour_client, "no-store only-if-cached max-stale",
        "Directives of requests that count: max-age, max-stale, min-fresh, no-cache, no-store, "
        "only-if-cached."),
    {.name = "heuristic",
     .type = WEIR_T_INT,
     .scopes = USE,
     .offset = offsetof(struct cache_conf, heuristic),
     .dflt = "0",
     .max = 100,
     .doc = "Lifetime of responses that say none, in per cent of the time since Last-Modified."},
    OPT("heuristic_max", WEIR_T_DURATION, heuristic_max_ms, "1d", "And at most so long."),
    OPT("status_header", WEIR_T_STR, status_header, "Cache-Status",
        "The field that tells what the cache did; \"off\": none."),
    {.name = "purge",
     .type = WEIR_T_GROUP,
     .scopes = USE,
     .offset = offsetof(struct cache_conf, purge),
     .sub = purge_rows,
     .sub_n = WEIR_COUNT(purge_rows),
     .doc = "Who may purge by requests."},
};

/* ---- check ---- */

static void check_zones(weir_cfg *cfg, const struct cache_conf *conf)
{
    const struct zone_options *zones = conf->zones.items;

    for (size_t i = 0; i < conf->zones.n; i++) {
        if (zones[i].path.n == 0 && zones[i].max_size) {
            weir_cfg_error(cfg, conf->zones.keys[i].p,
                           "zone \"%s\" has max_size but no path: `memory` is the size of a zone "
                           "without files", conf->zones.keys[i].p);
        }
    }
}

/* "5m", "1h30m" is not taken: one number and one unit, as everywhere. */
static bool read_duration(weir_str text, int64_t *seconds)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}, {"y", 31536000}, {"", 1}};
    size_t digits = 0;
    int64_t number;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') {
        digits++;
    }
    if (!word_number((weir_str){text.p, digits}, INT64_C(1) << 32, &number)) {
        return false;
    }
    for (size_t i = 0; i < WEIR_COUNT(units); i++) {
        if (word_is((weir_str){text.p + digits, text.n - digits},
                    (weir_str){units[i].unit, strlen(units[i].unit)})) {
            *seconds = number * units[i].seconds;
            return true;
        }
    }
    return false;
}

static weir_str next_word(weir_str *rest)
{
    weir_str s = weir_trim(*rest);
    size_t n = 0;

    while (n < s.n && s.p[n] != ' ') {
        n++;
    }
    *rest = weir_trim((weir_str){s.p + n, s.n - n});
    return (weir_str){s.p, n};
}

static bool add_valid(struct cache_conf *conf, weir_str word, uint32_t from)
{
    struct valid valid = {.first = 100, .last = 999};
    int64_t status;

    if (!word_is(word, WEIR_STR("any"))) {
        if (!word_number(word, 1000, &status) || status < 100 || status > 599) {
            return false;
        }
        valid.first = valid.last = (uint16_t)status;
    }
    if (conf->valid_n == VALID_MAX) {
        return false;
    }
    (void)from;
    conf->valids[conf->valid_n++] = valid;
    return true;
}

/* "200 302 10m"; a duration alone is for 200, 301 and 302. */
static bool read_valid(struct cache_conf *conf, weir_str text)
{
    uint32_t from = conf->valid_n;
    weir_str rest = text, word = next_word(&rest);
    int64_t seconds;

    while (rest.n) {
        if (!add_valid(conf, word, from)) {
            return false;
        }
        word = next_word(&rest);
    }
    if (conf->valid_n == from && (!add_valid(conf, WEIR_STR("200"), from) ||
                                  !add_valid(conf, WEIR_STR("301"), from) ||
                                  !add_valid(conf, WEIR_STR("302"), from))) {
        return false;
    }
    if (!read_duration(word, &seconds)) {
        return false;
    }
    for (uint32_t i = from; i < conf->valid_n; i++) {
        conf->valids[i].seconds = seconds;
    }
    return true;
}

static void check_valid(weir_cfg *cfg, struct cache_conf *conf)
{
    const weir_str *items = conf->valid.items;

    for (size_t i = 0; i < conf->valid.n; i++) {
        if (!read_valid(conf, items[i])) {
            weir_cfg_error(cfg, "valid", "\"%.*s\": expected statuses and a duration, such as "
                           "\"200 302 10m\" or \"any 1m\" (at most %d statuses in all)",
                           (int)items[i].n, items[i].p, VALID_MAX);
        }
    }
}

static void check_methods(weir_cfg *cfg, struct cache_conf *conf)
{
    const weir_str *items = conf->methods.items;

    for (size_t i = 0; i < conf->methods.n; i++) {
        if (word_is(items[i], WEIR_STR("GET"))) {
            conf->get = true;
        } else if (word_is(items[i], WEIR_STR("HEAD"))) {
            conf->head = true;
        } else {
            weir_cfg_error(cfg, "methods", "\"%.*s\": only answers to GET and HEAD can be stored",
                           (int)items[i].n, items[i].p);
        }
    }
}

struct flag {
    const char *name;
    uint32_t flag;
};

static const struct flag ignore_names[] = {{"Cache-Control", IGNORE_CACHE_CONTROL},
                                           {"Expires", IGNORE_EXPIRES},
                                           {"Set-Cookie", IGNORE_SET_COOKIE},
                                           {"Vary", IGNORE_VARY},
                                           {"CDN-Cache-Control", IGNORE_TARGETED},
                                           {"Surrogate-Control", IGNORE_SURROGATE},
                                           {NULL, 0}};
static const struct flag honour_names[] = {{"max-age", HONOUR_MAX_AGE},
                                           {"max-stale", HONOUR_MAX_STALE},
                                           {"min-fresh", HONOUR_MIN_FRESH},
                                           {"no-cache", HONOUR_NO_CACHE},
                                           {"no-store", HONOUR_NO_STORE},
                                           {"only-if-cached", HONOUR_ONLY_IF_CACHED},
                                           {NULL, 0}};
static const struct flag stale_names[] = {{"error", STALE_ERROR},
                                          {"timeout", STALE_TIMEOUT},
                                          {"updating", STALE_UPDATING},
                                          {"invalid", STALE_INVALID},
                                          {"invalid_header", STALE_INVALID},
                                          {NULL, 0}};

static bool find_flag(const struct flag *flags, weir_str name, uint32_t *out)
{
    for (; flags->name; flags++) {
        if (word_iis((weir_str){flags->name, strlen(flags->name)}, name)) {
            *out |= flags->flag;
            return true;
        }
    }
    return false;
}

static void check_flags(weir_cfg *cfg, const char *opt, const weir_list *list,
                        const struct flag *flags, uint32_t *out)
{
    const weir_str *items = list->items;

    for (size_t i = 0; i < list->n; i++) {
        char known[256];
        size_t n = 0;

        if (word_iis(items[i], WEIR_STR("none")) || find_flag(flags, items[i], out)) {
            continue;
        }
        for (const struct flag *flag = flags; flag->name && n < sizeof(known); flag++) {
            n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "", flag->name);
        }
        weir_cfg_error(cfg, opt, "\"%.*s\": expected one of %s", (int)items[i].n, items[i].p,
                       known);
    }
}

static void check_stale(weir_cfg *cfg, struct cache_conf *conf)
{
    const weir_str *items = conf->stale.items;

    for (size_t i = 0; i < conf->stale.n; i++) {
        weir_str digits = {items[i].p + 5, items[i].n - 5};
        int64_t status = 0;

        if (find_flag(stale_names, items[i], &conf->stale_flags)) {
            continue;
        }
        if (items[i].n != 8 || memcmp(items[i].p, "http_", 5) != 0 ||
            !word_number(digits, 1000, &status) || status < 400 || status > 599 ||
            conf->stale_status_n == WEIR_COUNT(conf->stale_status)) {
            weir_cfg_error(cfg, "stale", "\"%.*s\": expected error, timeout, updating, invalid, or "
                           "http_ and a status such as http_500", (int)items[i].n, items[i].p);
            continue;
        }
        conf->stale_status[conf->stale_status_n++] = (uint16_t)status;
    }
}

static void check_purge(weir_cfg *cfg, struct cache_conf *conf)
{
    const weir_str *items = conf->purge.from.items;

    conf->networks = weir_cfg_alloc(cfg, (conf->purge.from.n + 1) * sizeof(*conf->networks));
    for (size_t i = 0; i < conf->purge.from.n; i++) {
        if (network_parse(items[i], &conf->networks[conf->network_n])) {
            conf->network_n++;
        } else {
            weir_cfg_error(cfg, "purge.from", "\"%.*s\": expected an address or a network such as "
                           "\"10.0.0.0/8\"", (int)items[i].n, items[i].p);
        }
    }
    if (word_is(conf->purge.method, WEIR_STR("GET")) || word_is(conf->purge.method, WEIR_STR("HEAD"))) {
        weir_cfg_error(cfg, "purge.method", "\"%.*s\" asks for content: expected another method",
                       (int)conf->purge.method.n, conf->purge.method.p);
    }
}

void conf_check(weir_cfg *cfg, void *conf_)
{
    struct cache_conf *conf = conf_;

    if (weir_cfg_scope(cfg) == WEIR_S_TOP) {
        check_zones(cfg, conf);
        return;
    }
    check_valid(cfg, conf);
    check_methods(cfg, conf);
    check_stale(cfg, conf);
    check_flags(cfg, "ignore", &conf->ignore, ignore_names, &conf->ignore_flags);
    check_flags(cfg, "honour_client", &conf->honour_client, honour_names, &conf->honour_flags);
    check_purge(cfg, conf);
}

/* ---- commit ---- */

/* The folder is made, and given to the workers' user, on the way to the file of rules in it. */
static bool make_folder(weir_cfg *cfg, weir_str path)
{
    char *file = weir_cfg_alloc(cfg, path.n + 10);

    memcpy(file, path.p, path.n);
    memcpy(file + path.n, "/purges", 8);
    int fd = weir_cfg_open_log(cfg, NULL, file);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static void define_results(weir_cfg *cfg, struct store *store)
{
    char labels[160];

    for (int word = CACHE_NONE + 1; word < CACHE_WORDS; word++) {
        snprintf(labels, sizeof(labels), "zone=\"%.*s\",status=\"%s\"",
                 (int)(store->conf.name.n < 100 ? store->conf.name.n : 100), store->conf.name.p,
                 cache_word_text((enum cache_word)word).p);
        store->results[word] = weir_cfg_metric(cfg, "requests_total", WEIR_METRIC_COUNTER, labels,
                                               "Requests by what the cache did for them.");
    }
}

static void commit_zone(weir_cfg *cfg, weir_str name, const struct zone_options *zone)
{
    struct store *store = weir_cfg_alloc(cfg, sizeof(*store));
    const char *opt;

    store->conf = (struct store_conf){.name = name,
                                      .path = zone->path,
                                      .levels = zone->levels,
                                      .memory = zone->memory,
                                      .max_size = zone->max_size,
                                      .min_free = zone->min_free,
                                      .inactive_ms = zone->inactive_ms,
                                      .sync = zone->sync};
    store->next = conf_stores;
    conf_stores = store;
    if (zone->path.n && !make_folder(cfg, zone->path)) {
        return;
    }
    const char *wrong = store_open(store, cfg, &opt);
    if (wrong && *wrong) {
        weir_cfg_error(cfg, name.p, "zone \"%s\": %s: %s", name.p, opt, wrong);
    }
    define_results(cfg, store);
}

/* $request_method reads GET in a key, so that HEAD is answered from a stored GET, and a method that
 * changes things finds what it changes: $cache_method stands for it. */
static const weir_template *make_key(weir_cfg *cfg, const weir_template *key)
{
    static const weir_str name = {"request_method", 14}, mine = {"cache_method", 12};
    weir_str text = weir_template_text(key, NULL);
    char *out = weir_cfg_alloc(cfg, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n;) {
        bool is_variable = i > 0 && (text.p[i - 1] == '$' || text.p[i - 1] == '{');

        if (is_variable && word_starts_with((weir_str){text.p + i, text.n - i}, name)) {
            memcpy(out + n, mine.p, mine.n);
            n += mine.n;
            i += name.n;
        } else {
            out[n++] = text.p[i++];
        }
    }
    return weir_cfg_template(cfg, "key", (weir_str){out, n});
}

void conf_commit(weir_cfg *cfg, void *conf_)
{
    struct cache_conf *conf = conf_;

    if (weir_cfg_scope(cfg) == WEIR_S_TOP) {
        for (size_t i = 0; i < conf->zones.n; i++) {
            commit_zone(cfg, conf->zones.keys[i], (const struct zone_options *)conf->zones.items + i);
        }
        return;
    }
    for (struct store *store = conf_stores; store; store = store->next) {
        if (word_is(store->conf.name, conf->zone)) {
            conf->store = store;
        }
    }
    if (!conf->store) {
        weir_cfg_error(cfg, "zone", "there is no zone \"%.*s\": add cache = { %.*s = { memory = "
                       "\"32m\"; }; }; at the top level", (int)conf->zone.n, conf->zone.p,
                       (int)conf->zone.n, conf->zone.p);
    }
    conf->real_key = make_key(cfg, conf->key);
}

/* ---- questions ---- */

int64_t conf_valid(const struct cache_conf *conf, uint32_t status)
{
    int64_t seconds = -1;

    for (uint32_t i = 0; i < conf->valid_n; i++) {
        const struct valid *valid = &conf->valids[i];

        if (valid->first == status && valid->last == status) {
            return valid->seconds;
        }
        if (valid->first <= status && status <= valid->last) {
            seconds = valid->seconds;
        }
    }
    return seconds;
}

bool conf_serves_stale(const struct cache_conf *conf, uint32_t status)
{
    for (uint32_t i = 0; i < conf->stale_status_n; i++) {
        if (conf->stale_status[i] == status) {
            return true;
        }
    }
    return false;
}
