/* SPDX-License-Identifier: Apache-2.0 */
/* order_d.c - one letter in X-Order, to see when its hook ran. */
#include <weir/module.h>

static weir_rc on_response(weir_req *req, const void *conf)
{
    (void)conf;
    return weir_edit(req, WEIR_RESPONSE, WEIR_ADD, WEIR_STR("X-Order"), WEIR_STR("d"));
}

static const weir_hook hooks[] = {{.phase = WEIR_RES_START, .fn = on_response, .stage = -1}};

static const weir_module module = {
    WEIR_MODULE_HEAD("order_d", "1"),
    .doc = "Shows the order of hooks.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
};

WEIR_MODULE(order_d, 1, "", module)
