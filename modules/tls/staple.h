/* SPDX-License-Identifier: Apache-2.0 */
/* staple.h - OCSP responses that go along with certificates (RFC 6066, 8): from a file, or from the
 * issuer's responder. One worker asks it for all; the answers are in shared memory and survive
 * reloads. */
#ifndef TLS_STAPLE_H
#define TLS_STAPLE_H

#include "tls.h"

/* check(): has handshakes of the context staple what there is; a site that cannot ask is told. */
void staple_use(weir_cfg *cfg, struct tls_conf *conf, SSL_CTX *ctx);
/* commit(): opens the memory of a site with ocsp = "auto". */
void staple_open(weir_cfg *cfg, struct tls_conf *conf);
/* Worker: begins to keep answers fresh. */
void staple_start(void);

#endif
