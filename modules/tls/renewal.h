/* SPDX-License-Identifier: Apache-2.0 */
/* renewal.h - certificates that are renewed while weir runs: the loader notices changed files,
 * checks them, and sends them to the workers, whose new handshakes use them. What is wrong is
 * refused with a line in the log, and the old ones stay in use. */
#ifndef TLS_RENEWAL_H
#define TLS_RENEWAL_H

#include "tls.h"

/* commit(): the files of `conf` are looked after. */
void renewal_add(weir_cfg *cfg, struct tls_conf *conf);
/* See weir_module. */
void renewal_watch(void);
void renewal_told(const void *bytes, size_t n);

#endif
