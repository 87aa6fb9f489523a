/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - sessions by their ids, for clients of TLS 1.2 that take no tickets: in memory that all
 * workers and later generations share. */
#ifndef TLS_CACHE_H
#define TLS_CACHE_H

#include "tls.h"

/* commit(): opens the memory. */
void cache_open(weir_cfg *cfg);
/* Has the context keep its sessions there. */
void cache_use(SSL_CTX *ctx);

#endif
