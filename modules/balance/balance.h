/* SPDX-License-Identifier: Apache-2.0 */
/* balance.h - the ways of choosing a peer that this module has, one file each. */
#ifndef BALANCE_H
#define BALANCE_H

#include <weir/module.h>

extern const weir_balancer_ops balance_round_robin __attribute__((visibility("hidden")));

#endif
