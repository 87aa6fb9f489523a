/* SPDX-License-Identifier: Apache-2.0 */
/* balance.h - the ways of choosing a peer that this module has, one file each. */
#ifndef BALANCE_H
#define BALANCE_H

#include <weir/module.h>

#define BALANCER(name) extern const weir_balancer_ops name __attribute__((visibility("hidden")))

BALANCER(balance_round_robin);
BALANCER(balance_least_conn);
BALANCER(balance_ip_hash);
BALANCER(balance_ip_hash_24);
BALANCER(balance_hash);
BALANCER(balance_random_two);
BALANCER(balance_ewma);

#endif
