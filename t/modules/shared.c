/* SPDX-License-Identifier: Apache-2.0 */
/* shared.c - memory that workers and generations share: counts requests in a zone under a lock, and
 * by path in a table; on request it dies with the lock. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/module.h>

struct counters {
    uint64_t fresh; /* how often it was initialised */
    uint64_t count, repairs;
};

struct conf {
    int64_t layout;
    weir_zone *zone, *table;
};

static const weir_opt options[] = {
    {.name = "layout", .type = WEIR_T_INT, .offset = offsetof(struct conf, layout), .dflt = "1"},
};

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    conf->zone = weir_cfg_zone(cfg, "counters", sizeof(struct counters), (uint32_t)conf->layout, 1);
    conf->table = weir_cfg_table(cfg, "paths", 64 * 1024);
    if (conf->zone && weir_zone_is_fresh(conf->zone)) {
        struct counters *counters = weir_zone_at(conf->zone);

        *counters = (struct counters){.fresh = 1};
    }
}

static weir_rc start(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    struct counters *counters = weir_zone_at(conf->zone);
    weir_str query = weir_get(req, WEIR_GET_QUERY);
    int64_t of_path = 0;
    char text[128];

    if (weir_zone_lock(conf->zone, 0) == WEIR_GONE) {
        counters->repairs++;
    }
    if (query.n == 3 && memcmp(query.p, "die", 3) == 0) {
        raise(SIGKILL);
    }
    uint64_t count = ++counters->count;
    weir_zone_unlock(conf->zone, 0);
    weir_table_add(conf->table, weir_get(req, WEIR_GET_PATH), 1, 0, &of_path);
    int n =
        snprintf(text, sizeof(text), "count %llu repairs %llu path %lld", (unsigned long long)count,
                 (unsigned long long)counters->repairs, (long long)of_path);
    weir_str body = {text, (size_t)n};
    return weir_reply(req, 200, WEIR_REASON_NONE, WEIR_STR("text/plain"), body, NULL);
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("shared", "1"),
    .doc = "Counts for all workers.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .commit = commit,
    .handler = &handler,
};

WEIR_MODULE(shared, 3, "handler", module)
