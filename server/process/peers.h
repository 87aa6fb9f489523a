/* SPDX-License-Identifier: Apache-2.0 */
/* process/peers.h - `weir peers`: what is known of upstreams' peers, and orders for them. */
#ifndef PROCESS_PEERS_H
#define PROCESS_PEERS_H

#include "config/config.h"
#include "module/answer.h"

/* "peers [UPSTREAM [add|drain|disable|enable|weight ADDRESS [N]]] [--json]", in a process that has
 * the configuration. */
weir_rc peers_command(const struct config *config, weir_answer *answer, const weir_str *words,
                      uint32_t n);

#endif
