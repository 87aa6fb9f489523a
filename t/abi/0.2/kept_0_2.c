/* SPDX-License-Identifier: Apache-2.0 */
/* kept_0_2.c - a module as it was written for ABI 0.2: a balancer, and what 0.2 added. */
#include <weir/module.h>

#include <stdlib.h>

struct conf {
    bool own;
    const unsigned char *secret;
    weir_str name;
};

static const weir_opt options[] = {
    {.name = "name",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, name),
     .dflt = "x",
     .doc = "Name."},
};

static void commit(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;

    conf->own = weir_cfg_is_own(cfg, "name");
    conf->secret = weir_cfg_secret(cfg);
}

static weir_rc on_response(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;

    return weir_edit(req, WEIR_RESPONSE, WEIR_SET, WEIR_STR("X-Kept"),
                     conf->own && conf->secret ? conf->name : WEIR_STR("inherited"));
}

static void *last_open(weir_peer *const *peers, uint32_t n)
{
    uint32_t *last = malloc(sizeof(*last));

    (void)peers;
    if (last) {
        *last = n;
    }
    return last;
}

static weir_rc last_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    const uint32_t *n = state;

    (void)req;
    for (uint32_t i = *n; i-- > 0;) {
        if (usable[i / 64] >> (i % 64) & 1) {
            *index = i;
            return WEIR_OK;
        }
    }
    return WEIR_NEXT;
}

static const weir_balancer_ops last = {
    .size = sizeof(last), .name = "kept_last", .open = last_open, .close = free, .pick = last_pick};
static const weir_balancer_ops *const balancers[] = {&last, NULL};
static const weir_hook hooks[] = {{.phase = WEIR_RES_START, .fn = on_response}};

static const weir_module module = {
    WEIR_MODULE_HEAD("kept_0_2", "1"),
    .doc = "Was built for ABI 0.2.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .commit = commit,
    .balancers = balancers,
};

WEIR_MODULE(kept_0_2, 2, "balancer:kept_last", module)
