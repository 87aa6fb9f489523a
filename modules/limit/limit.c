/* SPDX-License-Identifier: Apache-2.0 */
/* limit - how much one client, or whatever a template names, may ask for: requests per time and
 * requests under way, counted over all workers. What is over the limit gets 429, or waits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/module.h>

#include "pace.h"
#include "store.h"
#include "zone.h"

#define NS 1000000000ull

enum {
    MODE_ENFORCE,
    MODE_REPORT
};
static const char *const modes[] = {"enforce", "report", NULL};

/* One use of a zone. */
struct rule {
    weir_str zone_name, bandwidth_text;
    int64_t burst, delay;
    int64_t connections;
    int64_t status;
    uint32_t mode;
    /* made by check */
    struct zone *zone;
    struct rate rate;
    weir_str limit_text; /* its burst and one, for the answer */
    uint64_t bandwidth;  /* bytes per second of each response; 0: any */
};

struct conf {
    weir_map zones; /* top: of struct zone */
    weir_list list; /* site, route: of struct rule, when there are several */
    struct rule one;
    /* made by check */
    struct rule *rules;
    size_t rule_n;
    bool has_bandwidth; /* one of the rules, or their zones */
};

/* What a request has been counted for. */
struct charge {
    const struct rule *rule;
    uint64_t hash;
    bool counted, held;
};

/* Of a request. */
struct state {
    struct charge *charges;
    uint32_t charge_n;
    const struct rule *least; /* the rule that leaves least, whose numbers the answer tells */
    uint64_t remaining, reset_s, retry_s;
    uint64_t timer;     /* of a request that waits; 0: none */
    weir_token token;
};

static struct zone *zones; /* of this configuration */
static uint32_t reported;  /* metric */

#define RULE(member) offsetof(struct rule, member)
#define RULE_ROWS                                                                                  \
    {.name = "zone",                                                                               \
     .type = WEIR_T_STR,                                                                           \
     .scopes = WEIR_S_SITE | WEIR_S_ROUTE,                                                         \
     .offset = RULE(zone_name),                                                                    \
     .doc = "The zone that counts: a name of the top-level group limit."},                         \
        {.name = "burst",                                                                          \
         .type = WEIR_T_INT,                                                                       \
         .scopes = WEIR_S_SITE | WEIR_S_ROUTE,                                                     \
         .offset = RULE(burst),                                                                    \
         .dflt = "0",                                                                              \
         .max = 1000000000,                                                                        \
         .doc = "So many requests may come before their time."},                                   \
        {.name = "delay",                                                                          \
         .type = WEIR_T_INT,                                                                       \
         .scopes = WEIR_S_SITE | WEIR_S_ROUTE,                                                     \
         .offset = RULE(delay),                                                                    \
         .dflt = "-1",                                                                             \
         .min = -1,                                                                                \
         .max = 1000000000,                                                                        \
         .doc = "From so many early requests on, further ones wait for their time; -1: none "      \
                "waits."},                                                                         \
        {.name = "connections",                                                                    \
         .type = WEIR_T_INT,                                                                       \
         .scopes = WEIR_S_SITE | WEIR_S_ROUTE,                                                     \
         .offset = RULE(connections),                                                              \
         .dflt = "0",                                                                              \
         .max = 1000000000,                                                                        \
         .doc = "Requests of one key that may be under way at a time; 0: any number."},            \
        {.name = "bandwidth",                                                                      \
         .type = WEIR_T_STR,                                                                       \
         .scopes = WEIR_S_SITE | WEIR_S_ROUTE,                                                     \
         .offset = RULE(bandwidth_text),                                                           \
         .doc = "Bytes per second of each response's body; absent: any number.",                   \
         .example = "\"1m/s\""},                                                                   \
        {.name = "status",                                                                         \
         .type = WEIR_T_INT,                                                                       \
         .scopes = WEIR_S_SITE | WEIR_S_ROUTE,                                                     \
         .offset = RULE(status),                                                                   \
         .dflt = "429",                                                                            \
         .min = 400,                                                                               \
         .max = 599,                                                                               \
         .doc = "What the others get."},                                                           \
        {.name = "mode",                                                                           \
         .type = WEIR_T_ENUM,                                                                      \
         .names = modes,                                                                           \
         .scopes = WEIR_S_SITE | WEIR_S_ROUTE,                                                     \
         .offset = RULE(mode),                                                                     \
         .dflt = "enforce",                                                                        \
         .doc = "\"report\": what would be refused or would wait is logged, counted and passes."}

static const weir_opt zone_opts[] = {
    {.name = "key",
     .type = WEIR_T_TEMPLATE,
     .offset = offsetof(struct zone, key),
     .dflt = "$remote_addr",
     .doc = "What is counted apart; requests with an empty key are not counted."},
    {.name = "rate",
     .type = WEIR_T_STR,
     .offset = offsetof(struct zone, rate_text),
     .doc = "Requests per second, minute, hour or day.",
     .example = "\"10r/s\""},
    {.name = "bandwidth",
     .type = WEIR_T_STR,
     .offset = offsetof(struct zone, bandwidth_text),
     .doc = "Bytes per second of all responses of a key together.",
     .example = "\"1m/s\""},
    {.name = "store",
     .type = WEIR_T_STR,
     .offset = offsetof(struct zone, store_url),
     .doc = "A Redis server through which several machines share the rate; while it is away each limits "
            "on its own.",
     .example = "\"redis://127.0.0.1:6379/0\""},
    {.name = "memory",
     .type = WEIR_T_SIZE,
     .offset = offsetof(struct zone, memory),
     .dflt = "10m",
     .min = 65536,
     .max = 1ll << 37,
     .doc = "Of the zone: 32 bytes per key."},
    {.name = "ipv6_prefix",
     .type = WEIR_T_INT,
     .offset = offsetof(struct zone, ipv6_prefix),
     .dflt = "64",
     .min = 1,
     .max = 128,
     .doc = "A key that is an IPv6 address stands for the network of so many bits."},
};

static const weir_opt rule_opts[] = {RULE_ROWS};

static const weir_opt list_opts[] = {
    {.name = "*",
     .type = WEIR_T_MAP | WEIR_T_GROUP,
     .scopes = WEIR_S_TOP,
     .offset = offsetof(struct conf, zones),
     .sub = zone_opts,
     .sub_n = WEIR_COUNT(zone_opts),
     .item_size = sizeof(struct zone),
     .doc = "A zone: what is counted, and the rate."},
    {.name = "rules",
     .type = WEIR_T_LIST | WEIR_T_GROUP,
     .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
     .flags = WEIR_OPT_BARE,
     .offset = offsetof(struct conf, list),
     .sub = rule_opts,
     .sub_n = WEIR_COUNT(rule_opts),
     .item_size = sizeof(struct rule),
     .doc = "Several limits: limit = ( { zone = ...; }, { zone = ...; } )."},
#undef RULE
#define RULE(member) (offsetof(struct conf, one) + offsetof(struct rule, member))
    RULE_ROWS,
};

/* ---- counting ---- */

struct verdict {
    const char *why; /* NULL: it passes */
    uint64_t wait_ns;
    uint64_t retry_s;
};

static uint64_t seconds_up(uint64_t ns)
{
    return (ns + NS - 1) / NS;
}

/* The fields of an answer tell of the rule that leaves least. */
static void note_numbers(struct state *state, const struct rule *rule, const struct bucket *bucket,
                         uint64_t now_ns)
{
    uint64_t remaining = rate_remaining(bucket, &rule->rate, now_ns);

    if (state->least && remaining >= state->remaining) {
        return;
    }
    state->least = rule;
    state->remaining = remaining;
    state->reset_s = bucket->due_ns > now_ns ? seconds_up(bucket->due_ns - now_ns) : 0;
}

static void count_rate(struct state *state, struct charge *charge, struct bucket *bucket,
                       uint64_t now_ns, struct verdict *verdict)
{
    const struct rule *rule = charge->rule;
    uint64_t ahead_ns;

    charge->counted = rate_take(bucket, &rule->rate, now_ns, &ahead_ns);
    note_numbers(state, rule, bucket, now_ns);
    if (!charge->counted) {
        verdict->why = "more than its rate";
        verdict->retry_s = seconds_up(ahead_ns - rule->rate.tolerance_ns);
        return;
    }
    uint64_t free_ns = (uint64_t)rule->delay * rule->rate.step_ns;
    if (rule->delay >= 0 && ahead_ns > free_ns) {
        verdict->wait_ns = ahead_ns - free_ns;
    }
}

static void count_under_way(struct charge *charge, const struct buckets *stripe,
                            struct bucket *bucket, uint64_t now_ns, struct verdict *verdict)
{
    const struct rule *rule = charge->rule;

    if (bucket->in_flight >= (uint64_t)rule->connections) {
        verdict->why = "more requests under way than its connections";
        verdict->retry_s = 1;
    } else {
        charge->held = buckets_hold(stripe, bucket, rule->zone->owner, now_ns);
    }
}

/* Counts the request by one rule: all of it or nothing. */
static struct verdict count(struct state *state, struct charge *charge)
{
    const struct rule *rule = charge->rule;
    struct zone *zone = rule->zone;
    struct verdict verdict = {0};
    uint64_t now_ns = zone_now_ns();
    bool holds = rule->connections > 0 && zone_owner(zone);

    struct buckets stripe = zone_lock(zone, charge->hash);
    struct bucket *bucket = buckets_take(&stripe, charge->hash, now_ns);
    if (bucket && zone->step_ns) {
        count_rate(state, charge, bucket, now_ns, &verdict);
    }
    if (bucket && holds && !verdict.why) {
        count_under_way(charge, &stripe, bucket, now_ns, &verdict);
        if (verdict.why && charge->counted) {
            rate_give_back(bucket, &rule->rate);
            charge->counted = false;
        }
    }
    zone_unlock(zone, charge->hash);
    return verdict;
}

static void uncount(struct charge *charge)
{
    const struct rule *rule = charge->rule;

    if (!charge->counted && !charge->held) {
        return;
    }
    struct buckets stripe = zone_lock(rule->zone, charge->hash);
    struct bucket *bucket = buckets_find(&stripe, charge->hash);
    if (charge->counted && bucket) {
        rate_give_back(bucket, &rule->rate);
    }
    if (charge->held) {
        buckets_release(&stripe, charge->hash, rule->zone->owner);
    }
    zone_unlock(rule->zone, charge->hash);
    charge->counted = charge->held = false;
}

/* A route that another one led to may have the same rule. */
static bool is_counted(const struct state *state, const struct rule *rule)
{
    for (uint32_t i = 0; i < state->charge_n; i++) {
        if (state->charges[i].rule->zone == rule->zone) {
            return true;
        }
    }
    return false;
}

/* ---- hooks ---- */

static weir_rc refuse(weir_req *req, struct state *state, const struct rule *rule, weir_str key,
                      const struct verdict *verdict)
{
    char detail[256];

    for (uint32_t i = 0; i < state->charge_n; i++) {
        uncount(&state->charges[i]);
    }
    state->retry_s = verdict->retry_s ? verdict->retry_s : 1;
    weir_metric_add(rule->zone->refused, 1);
    snprintf(detail, sizeof(detail), "\"%.*s\" asks for %s in limit zone %s",
             (int)(key.n > 80 ? 80 : key.n), key.p, verdict->why, rule->zone->name.p);
    return weir_reply(req, (uint32_t)rule->status, WEIR_REASON_LIMIT_EXCEEDED, WEIR_STR(""),
                      WEIR_STR(""), detail);
}

static void on_turn(void *arg)
{
    struct state *state = arg;

    state->timer = 0;
    weir_resume(state->token, WEIR_NEXT);
}

static void on_cancel(void *arg)
{
    struct state *state = arg;

    weir_timer_stop(state->timer);
}

static weir_rc wait_for_turn(weir_req *req, struct state *state, uint64_t wait_ns)
{
    uint64_t ms = (wait_ns + 999999) / 1000000;

    state->token = weir_suspend(req, (uint32_t)(ms + 60000), on_cancel, state);
    if (!state->token) {
        return WEIR_NEXT;
    }
    state->timer = weir_timer_start(ms, on_turn, state);
    return WEIR_AGAIN;
}

/* What was admitted after all. */
static void tell_stores(weir_req *req, const struct state *state)
{
    for (uint32_t i = 0; i < state->charge_n; i++) {
        const struct charge *charge = &state->charges[i];
        weir_str key;

        if (charge->counted && charge->rule->zone->store) {
            weir_eval(req, charge->rule->zone->key, &key);
            store_note(charge->rule->zone, charge->hash, key);
        }
    }
}

static weir_rc on_limit(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    struct state *state = weir_ctx(req);
    uint64_t wait_ns = 0;
    struct charge *before = state->charges;

    state->charges = weir_alloc(req, (state->charge_n + conf->rule_n) * sizeof(*state->charges));
    if (state->charge_n) {
        memcpy(state->charges, before, state->charge_n * sizeof(*before));
    }
    for (size_t i = 0; i < conf->rule_n; i++) {
        const struct rule *rule = &conf->rules[i];
        struct charge *charge = &state->charges[state->charge_n];
        weir_str key;

        weir_eval(req, rule->zone->key, &key);
        if (key.n == 0 || is_counted(state, rule)) {
            continue;
        }
        *charge = (struct charge){.rule = rule, .hash = zone_hash(rule->zone, key)};
        struct verdict verdict = count(state, charge);
        if (verdict.why && rule->connections && zone_sweep(rule->zone)) {
            verdict = count(state, charge); /* a dead worker's requests stood in the way */
        }
        state->charge_n++;
        if (rule->mode == MODE_REPORT && (verdict.why || verdict.wait_ns)) {
            weir_metric_add(reported, 1);
            weir_log(WEIR_LOG_WARN, req, "limit.mode is \"report\", this passes: \"%.*s\" %s in zone %s",
                     (int)(key.n > 80 ? 80 : key.n), key.p,
                     verdict.why ? verdict.why : "would have to wait", rule->zone->name.p);
            continue;
        }
        if (verdict.why) {
            return refuse(req, state, rule, key, &verdict);
        }
        if (verdict.wait_ns) {
            weir_metric_add(rule->zone->delayed, 1);
        }
        wait_ns = verdict.wait_ns > wait_ns ? verdict.wait_ns : wait_ns;
    }
    tell_stores(req, state);
    return wait_ns ? wait_for_turn(req, state, wait_ns) : WEIR_NEXT;
}

static weir_str decimal(weir_req *req, uint64_t value)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[sizeof(digits) - ++n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    char *text = weir_alloc(req, n);
    memcpy(text, digits + sizeof(digits) - n, n);
    return (weir_str){text, n};
}

static weir_rc on_response(weir_req *req, const void *conf)
{
    const struct state *state = weir_ctx(req);

    (void)conf;
    if (state->retry_s) {
        weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_RETRY_AFTER,
                        decimal(req, state->retry_s));
    }
    if (state->least) {
        weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_RATELIMIT_LIMIT,
                        state->least->limit_text);
        weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_RATELIMIT_REMAINING,
                        decimal(req, state->remaining));
        weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_RATELIMIT_RESET,
                        decimal(req, state->reset_s));
    }
    return WEIR_NEXT;
}

/* The request has ended, on whichever route. */
static void on_end(void *ctx)
{
    struct state *state = ctx;

    for (uint32_t i = 0; i < state->charge_n; i++) {
        state->charges[i].counted = false;
        uncount(&state->charges[i]);
    }
}

/* ---- bytes of responses ---- */

struct stream {
    weir_req *req;
    const struct conf *conf;
    uint64_t due_ns; /* of this response, by the strictest rule */
    uint64_t bandwidth; /* of that; 0: none */
    uint64_t timer;
};

static weir_rc open_stream(weir_req *req, const void *conf_, void **state)
{
    const struct conf *conf = conf_;

    if (!conf->has_bandwidth) {
        return WEIR_NEXT;
    }
    struct stream *stream = weir_alloc(req, sizeof(*stream));
    *stream = (struct stream){.req = req, .conf = conf};
    for (size_t i = 0; i < conf->rule_n; i++) {
        uint64_t bandwidth = conf->rules[i].bandwidth;

        if (bandwidth && (!stream->bandwidth || bandwidth < stream->bandwidth)) {
            stream->bandwidth = bandwidth;
        }
    }
    *state = stream;
    return WEIR_DONE;
}

/* How many bytes of this key may go, and if `n` is not 0, that so many do. *due_ns: when, if none. */
static uint64_t of_key(const struct zone *zone, uint64_t hash, uint64_t n, uint64_t now_ns,
                       uint64_t *due_ns)
{
    uint64_t room = UINT64_MAX;
    struct buckets stripe = zone_lock(zone, hash);
    struct bucket *bucket = buckets_take(&stripe, hash, now_ns);

    if (bucket) {
        room = pace_room(bucket->bytes_due_ns, zone->bandwidth, now_ns);
        *due_ns = bucket->bytes_due_ns;
    }
    if (bucket && n) {
        pace_take(&bucket->bytes_due_ns, zone->bandwidth, n, now_ns);
    }
    zone_unlock(zone, hash);
    return room;
}

/* The same for all that limits this response. */
static uint64_t of_all(struct stream *stream, uint64_t n, uint64_t now_ns, uint64_t *due_ns)
{
    const struct state *state = weir_ctx(stream->req);
    uint64_t room = UINT64_MAX;

    *due_ns = 0;
    if (stream->bandwidth) {
        room = pace_room(stream->due_ns, stream->bandwidth, now_ns);
        *due_ns = stream->due_ns;
    }
    if (stream->bandwidth && n) {
        pace_take(&stream->due_ns, stream->bandwidth, n, now_ns);
    }
    for (uint32_t i = 0; i < state->charge_n; i++) {
        const struct charge *charge = &state->charges[i];
        uint64_t due = 0;

        if (charge->rule->zone->bandwidth) {
            uint64_t mine = of_key(charge->rule->zone, charge->hash, n, now_ns, &due);

            room = mine < room ? mine : room;
            *due_ns = due > *due_ns ? due : *due_ns;
        }
    }
    return room;
}

static void on_stream_turn(void *arg)
{
    struct stream *stream = arg;

    stream->timer = 0;
    weir_pull_ready(stream->req);
}

static weir_rc run_stream(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct stream *stream = state;
    uint64_t now_ns = zone_now_ns(), due_ns;

    (void)req;
    (void)flags;
    if (weir_chain_bytes(in) == 0) {
        return WEIR_OK;
    }
    if (weir_chain_room(out) == 0) {
        return WEIR_MORE;
    }
    uint64_t room = of_all(stream, 0, now_ns, &due_ns);
    if (room > 0) {
        uint64_t most = weir_chain_room(out) < room ? weir_chain_room(out) : room;
        uint64_t moved = weir_chain_move(out, in, most);

        of_all(stream, moved, now_ns, &due_ns);
        if (weir_chain_bytes(in) == 0) {
            return WEIR_OK;
        }
        of_all(stream, 0, now_ns, &due_ns);
    }
    if (!stream->timer) {
        uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;

        stream->timer = weir_timer_start(wait_ns / 1000000 + 1, on_stream_turn, stream);
    }
    return WEIR_AGAIN;
}

static void close_stream(weir_req *req, void *state)
{
    (void)req;
    weir_timer_stop(((struct stream *)state)->timer);
}

static const weir_filter_ops pace_filter = {
    .size = sizeof(pace_filter),
    .stage = WEIR_FILTER_ENCODE,
    .props = WEIR_FILTER_READONLY | WEIR_FILTER_FILE_OK,
    .name = "limit",
    .after = "compress",
    .side = WEIR_RESPONSE,
    .open = open_stream,
    .run = run_stream,
    .close = close_stream,
};
static const weir_filter_ops *const filters[] = {&pace_filter, NULL};

/* ---- configuration ---- */

/* "10r/s": the time between two requests. 0: it is not that. */
static uint64_t parse_rate(weir_str text)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t number = 0;
    size_t i = 0;

    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9' && number < 1000000000) {
        number = number * 10 + (uint64_t)(text.p[i++] - '0');
    }
    if (number == 0 || number > 100000000 || i + 3 != text.n || memcmp(text.p + i, "r/", 2) != 0) {
        return 0;
    }
    for (size_t k = 0; k < WEIR_COUNT(units); k++) {
        if (units[k].unit == text.p[i + 2]) {
            return units[k].seconds * NS / number;
        }
    }
    return 0;
}

static void check_zones(weir_cfg *cfg, struct conf *conf)
{
    struct zone *items = (struct zone *)(uintptr_t)conf->zones.items; /* ours, in our conf */

    zones = NULL;
    for (size_t i = 0; i < conf->zones.n; i++) {
        struct zone *zone = &items[i];

        zone->name = conf->zones.keys[i];
        zone->step_ns = zone->rate_text.n ? parse_rate(zone->rate_text) : 0;
        if (zone->rate_text.n && !zone->step_ns) {
            weir_cfg_error(cfg, zone->name.p, "rate \"%s\": expected a number and r/s, r/m, r/h or "
                                              "r/d, such as \"10r/s\"", zone->rate_text.p);
        }
        zone->bandwidth = zone->bandwidth_text.n ? pace_parse(zone->bandwidth_text) : 0;
        if (zone->bandwidth_text.n && !zone->bandwidth) {
            weir_cfg_error(cfg, zone->name.p, "bandwidth \"%s\": expected bytes per second, such as "
                                              "\"1m/s\"", zone->bandwidth_text.p);
        }
        if (zone->store_url.n && !zone->rate_text.n) {
            weir_cfg_error(cfg, zone->name.p, "store: only a rate is shared, and the zone has none");
        }
        zone->next = zones;
        zones = zone;
    }
}

static struct zone *find_zone(weir_str name)
{
    for (struct zone *zone = zones; zone; zone = zone->next) {
        if (zone->name.n == name.n && memcmp(zone->name.p, name.p, name.n) == 0) {
            return zone;
        }
    }
    return NULL;
}

static void say_zones(char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (const struct zone *zone = zones; zone && n < size; zone = zone->next) {
        n += (size_t)snprintf(out + n, size - n, "%s\"%s\"", n ? ", " : "", zone->name.p);
    }
}

static weir_str limit_text(weir_cfg *cfg, const struct rule *rule)
{
    char *text = weir_cfg_alloc(cfg, 21);
    int n = snprintf(text, 21, "%" PRId64, rule->burst + 1);

    return (weir_str){text, (size_t)n};
}

static void check_rule(weir_cfg *cfg, struct rule *rule)
{
    char names[256];

    if (rule->zone_name.n == 0) {
        weir_cfg_error(cfg, NULL, "which zone counts? Add zone = \"NAME\", and at the top level "
                                  "limit = { NAME = { rate = \"10r/s\"; }; };");
        return;
    }
    rule->zone = find_zone(rule->zone_name);
    if (!rule->zone) {
        say_zones(names, sizeof(names));
        weir_cfg_error(cfg, "zone", "there is no zone \"%s\": the top-level group limit has %s",
                       rule->zone_name.p, names[0] ? names : "none");
        return;
    }
    rule->bandwidth = rule->bandwidth_text.n ? pace_parse(rule->bandwidth_text) : 0;
    if (rule->bandwidth_text.n && !rule->bandwidth) {
        weir_cfg_error(cfg, "bandwidth", "\"%s\": expected bytes per second, such as \"1m/s\"",
                       rule->bandwidth_text.p);
    }
    if (!rule->zone->rate_text.n && !rule->zone->bandwidth_text.n && rule->connections == 0 &&
        !rule->bandwidth_text.n) {
        weir_cfg_error(cfg, "zone", "zone \"%s\" has no rate or bandwidth, and there is no connections or "
                                    "bandwidth here: nothing is limited", rule->zone_name.p);
    }
    if (rule->delay > rule->burst) {
        weir_cfg_warn(cfg, "delay", "delay is larger than burst: no request ever waits");
    }
    rule->limit_text = limit_text(cfg, rule);
    rule->rate.step_ns = rule->zone->step_ns;
    rule->rate.tolerance_ns = (uint64_t)rule->burst * rule->zone->step_ns;
}

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    if (weir_cfg_scope(cfg) == WEIR_S_TOP) {
        check_zones(cfg, conf);
        return;
    }
    bool is_list = conf->list.n > 0;
    conf->rules = is_list ? (struct rule *)(uintptr_t)conf->list.items : &conf->one;
    conf->rule_n = is_list ? conf->list.n : 1;
    for (size_t i = 0; i < conf->rule_n; i++) {
        struct rule *rule = &conf->rules[i];

        check_rule(cfg, rule);
        conf->has_bandwidth |= rule->bandwidth || (rule->zone && rule->zone->bandwidth);
    }
}

static void count_zone(weir_cfg *cfg, struct zone *zone)
{
    char labels[160];

    snprintf(labels, sizeof(labels), "zone=\"%.*s\"", (int)(zone->name.n < 100 ? zone->name.n : 100),
             zone->name.p);
    zone->refused = weir_cfg_metric(cfg, "refused_total", WEIR_METRIC_COUNTER, labels,
                                    "Requests that a limit refused.");
    zone->delayed = weir_cfg_metric(cfg, "delayed_total", WEIR_METRIC_COUNTER, labels,
                                    "Requests that had to wait for their turn.");
}

static void commit(weir_cfg *cfg, void *conf)
{
    (void)conf;
    reported = weir_cfg_metric(cfg, "reported_total", WEIR_METRIC_COUNTER, NULL,
                               "Requests that mode = \"report\" let pass.");
    if (weir_cfg_scope(cfg) != WEIR_S_TOP) {
        return;
    }
    for (struct zone *zone = zones; zone; zone = zone->next) {
        count_zone(cfg, zone);
        if (zone_open(cfg, zone) && zone->store_url.n) {
            store_open(cfg, zone);
        }
    }
}

static const weir_hook hooks[] = {
    {.phase = WEIR_REQ_LIMIT, .fn = on_limit},
    {.phase = WEIR_RES_START, .fn = on_response},
};

static const weir_module module = {
    WEIR_MODULE_HEAD("limit", "0.1"),
    .doc = "Limits requests per time and requests under way, per key and over all workers.",
    .scopes = WEIR_S_ALL,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = list_opts,
    .opt_n = WEIR_COUNT(list_opts),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .check = check,
    .commit = commit,
    .ctx_free = on_end,
    .filters = filters,
};

WEIR_MODULE(limit, 3, "", module)
