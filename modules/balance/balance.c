/* SPDX-License-Identifier: Apache-2.0 */
/* balance - the usual ways of choosing a peer: `balance = "NAME"` in an upstream. */
#include "balance.h"

static const weir_balancer_ops *const balancers[] = {
    &balance_round_robin,
    NULL,
};

static const weir_module module = {
    WEIR_MODULE_HEAD("balance", "1.0"),
    .doc = "Chooses among the peers of an upstream.",
    .balancers = balancers,
};

WEIR_MODULE(balance, 1, "balancer:round_robin", module)
