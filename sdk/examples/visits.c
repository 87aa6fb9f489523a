/* SPDX-License-Identifier: Apache-2.0 */
/* visits - counts requests per client and minute, for all workers together. Shared memory, and a
 * variable: $visits is the count. */
#include <weir/module.h>

#include <stdio.h>

#define MINUTE_MS 60000

struct conf {
    const weir_template *key;
    int64_t most;
    weir_zone *table;
};

struct state {
    char text[24]; /* what $visits is */
    uint32_t n;
};

static const weir_opt options[] = {
    {.name = "key",
     .type = WEIR_T_TEMPLATE,
     .offset = offsetof(struct conf, key),
     .dflt = "$remote_addr",
     .doc = "Who or what is counted."},
    {.name = "most",
     .type = WEIR_T_INT,
     .min = 0,
     .offset = offsetof(struct conf, most),
     .dflt = "0",
     .doc = "Requests a minute that pass; others are answered with 429. 0: all pass."},
};

/* Zones are opened once the configuration is known to be right. The same name is the same zone, in
 * every worker and after reloads. */
static void commit(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;

    conf->table = weir_cfg_table(cfg, "visits", 1 << 20);
}

static weir_rc on_limit(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    struct state *state = weir_ctx(req);
    weir_str key, none = {NULL, 0};
    int64_t n = 0;

    weir_eval(req, conf->key, &key);
    if (weir_table_add(conf->table, key, 1, MINUTE_MS, &n) != WEIR_OK) {
        return WEIR_ERROR; /* in this phase: counted, logged, and the request passes */
    }
    state->n = (uint32_t)snprintf(state->text, sizeof(state->text), "%lld", (long long)n);
    return conf->most && n > conf->most
               ? weir_reply(req, 429, WEIR_REASON_LIMIT_EXCEEDED, none, none,
                            "too many requests in this minute: see the option `most` of visits")
               : WEIR_NEXT;
}

static weir_rc get_visits(weir_req *req, weir_str suffix, weir_str *out)
{
    const struct state *state = weir_ctx(req);

    (void)suffix;
    *out = (weir_str){state->text, state->n};
    return state->n ? WEIR_OK : WEIR_NOTFOUND;
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_LIMIT, .fn = on_limit}};
static const weir_var vars[] = {{.name = "visits",
                                 .from = WEIR_REQ_LIMIT,
                                 .get = get_visits,
                                 .doc = "requests of this client in this minute"}};

static const weir_module module = {
    WEIR_MODULE_HEAD("visits", "1.0"),
    .doc = "Counts requests per client and minute.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .vars = vars,
    .var_n = WEIR_COUNT(vars),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .commit = commit,
};

WEIR_MODULE(visits, 3, "var:visits", module)
