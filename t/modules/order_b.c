/* SPDX-License-Identifier: Apache-2.0 */
/* order_b.c - one letter in X-Order, to see when its hook ran. */
#include <weir/module.h>

static weir_rc on_response(weir_req *req, const void *conf)
{
    (void)conf;
    return weir_edit(req, WEIR_RESPONSE, WEIR_ADD, WEIR_STR("X-Order"), WEIR_STR("b"));
}

static const weir_hook hooks[] = {{.phase = WEIR_RES_START, .fn = on_response}};

static const weir_module module = {
    WEIR_MODULE_HEAD("order_b", "1"),
    .doc = "Shows the order of hooks.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
};

WEIR_MODULE(order_b, 1, "letters", module)
