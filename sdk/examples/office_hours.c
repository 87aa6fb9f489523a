/* SPDX-License-Identifier: Apache-2.0 */
/* office_hours - refuses requests outside of certain hours. An access rule. */
#include <weir/module.h>

struct conf {
    int64_t from, to;
};

static const weir_opt options[] = {
    {.name = "from",
     .type = WEIR_T_INT,
     .min = 0,
     .max = 24,
     .offset = offsetof(struct conf, from),
     .dflt = "8",
     .doc = "The first hour (UTC) in which requests are served."},
    {.name = "to",
     .type = WEIR_T_INT,
     .min = 0,
     .max = 24,
     .offset = offsetof(struct conf, to),
     .dflt = "18",
     .doc = "The first hour in which they are not any more."},
};

/* What no single option can check; the message gets file and line from the host. */
static void check(weir_cfg *cfg, void *arg)
{
    const struct conf *conf = arg;

    if (conf->from >= conf->to) {
        weir_cfg_error(cfg, "to", "expected an hour after `from`, which is %d", (int)conf->from);
    }
}

static weir_rc on_access(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    int64_t hour = weir_wall_ms() / 3600000 % 24;
    weir_str none = {NULL, 0};

    if (hour >= conf->from && hour < conf->to) {
        return WEIR_NEXT; /* no objection; WEIR_DONE would spare it the rules behind this one */
    }
    return weir_reply(req, 403, WEIR_REASON_ACCESS_DENIED, none, none,
                      "outside of office hours: see the options of office_hours");
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("office_hours", "1.0"),
    .doc = "Refuses requests outside of certain hours.",
    .flags = WEIR_MODULE_FAIL_CLOSED, /* without it nobody would be refused */
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .check = check,
};

WEIR_MODULE(office_hours, 1, "", module)
