/* SPDX-License-Identifier: Apache-2.0 */
/* order_c.c - one letter in X-Order, to see when its hook ran. */
#include <weir/module.h>

static weir_rc on_response(weir_req *req, const void *conf)
{
    (void)conf;
    return weir_edit(req, WEIR_RESPONSE, WEIR_ADD, WEIR_STR("X-Order"), WEIR_STR("c"));
}

static const weir_hook hooks[] = {{.phase = WEIR_RES_START, .fn = on_response, .before = "order_b", .after = "order_a"}};

static const weir_module module = {
    WEIR_MODULE_HEAD("order_c", "1"),
    .doc = "Shows the order of hooks.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
};

WEIR_MODULE(order_c, 1, "", module)
