/* SPDX-License-Identifier: Apache-2.0 */
/* instead.c - answers in an upstream's place when that says a certain status, or fails (status 0). */
#include <weir/module.h>

struct conf {
    int64_t status;
};

static const weir_opt options[] = {
    {.name = "status", .type = WEIR_T_INT, .offset = offsetof(struct conf, status), .dflt = "0"},
};

static weir_rc on_answer(weir_req *req, const void *conf)
{
    if (weir_status(req) != ((const struct conf *)conf)->status) {
        return WEIR_NEXT;
    }
    return weir_reply(req, 418, WEIR_REASON_CONFIGURED, WEIR_STR("text/plain"), WEIR_STR("instead\n"),
                      NULL);
}

static const weir_hook hooks[] = {{.phase = WEIR_UP_RESPONSE, .fn = on_answer}};

static const weir_module module = {
    WEIR_MODULE_HEAD("instead", "1.0"),
    .doc = "Answers in an upstream's place.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
};

WEIR_MODULE(instead, 3, "", module)
