/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h - the module's settings, as the host fills them in and commit() completes them. */
#ifndef CACHE_CONF_H
#define CACHE_CONF_H

#include <weir/module.h>

#include "freshness.h"
#include "network.h"
#include "store.h"

#define VALID_MAX 16

/* A zone: cache = { NAME = { ... }; } at the top level. */
struct zone_options {
    weir_str path, levels;
    uint64_t memory, max_size, min_free, inactive_ms;
    bool sync;
};

struct purge_options {
    weir_list from; /* of weir_str */
    weir_str method;
};

/* "STATUS... DURATION" */
struct valid {
    uint16_t first, last; /* a single status, or 100..999 for "any" */
    int64_t seconds;
};

/* What serves stale responses, as bits; besides them statuses. */
enum {
    STALE_ERROR = 1,
    STALE_TIMEOUT = 2,
    STALE_UPDATING = 4,
    STALE_INVALID = 8
};

enum {
    HONOUR_MAX_AGE = 1,
    HONOUR_MAX_STALE = 2,
    HONOUR_MIN_FRESH = 4,
    HONOUR_NO_CACHE = 8,
    HONOUR_NO_STORE = 16,
    HONOUR_ONLY_IF_CACHED = 32
};

struct cache_conf {
    weir_map zones;          /* struct zone_options; top level only */
    weir_str zone;
    const weir_template *key;
    weir_list valid;         /* weir_str */
    weir_list bypass, no_store; /* templates */
    weir_list methods;       /* weir_str */
    int64_t min_uses;
    bool lock, background;
    uint64_t lock_timeout_ms;
    weir_list stale, ignore, honour_client; /* weir_str */
    uint64_t max_object;
    int64_t heuristic;       /* per cent */
    uint64_t heuristic_max_ms;
    weir_str status_header;
    struct purge_options purge;
    /* made by check() and commit() */
    struct store *store;
    const weir_template *real_key; /* with GET for the method */
    struct valid valids[VALID_MAX];
    uint32_t valid_n;
    bool get, head;          /* methods that are looked up */
    uint32_t stale_flags, ignore_flags, honour_flags;
    uint16_t stale_status[16];
    uint32_t stale_status_n;
    struct network *networks; /* that may purge */
    uint32_t network_n;
};

enum {
    CACHE_OPTIONS = 19
};
extern const weir_opt cache_options[CACHE_OPTIONS];

void conf_check(weir_cfg *cfg, void *conf);
void conf_commit(weir_cfg *cfg, void *conf);

/* All zones of the configuration. */
extern struct store *conf_stores;

/* The lifetime that `valid` gives to a status; -1: none. */
int64_t conf_valid(const struct cache_conf *conf, uint32_t status);
bool conf_serves_stale(const struct cache_conf *conf, uint32_t status);

#endif
