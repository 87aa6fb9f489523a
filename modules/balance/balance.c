/* SPDX-License-Identifier: Apache-2.0 */
/* balance - the usual ways of choosing a peer: `balance = "NAME"` in an upstream. */
#include "balance.h"

static const weir_balancer_ops *const balancers[] = {
    &balance_round_robin, &balance_least_conn, &balance_ip_hash, &balance_ip_hash_24,
    &balance_hash,        &balance_random_two, &balance_ewma,    NULL,
};

static const weir_module module = {
    WEIR_MODULE_HEAD("balance", "1.0"),
    .doc = "Chooses among the peers of an upstream.",
    .balancers = balancers,
};

WEIR_MODULE(balance, 3,
            "balancer:round_robin balancer:least_conn balancer:ip_hash balancer:ip_hash_24 "
            "balancer:hash balancer:random_two balancer:ewma",
            module)
