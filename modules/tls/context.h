/* SPDX-License-Identifier: Apache-2.0 */
/* context.h - a site's settings as OpenSSL wants them. */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include "tls.h"

/* Makes the server context of `conf`; mistakes are reported. NULL: there were some. */
SSL_CTX *context_create(weir_cfg *cfg, struct tls_conf *conf);
/* A client has named `conf`'s site: its handshake goes on with that one's settings. */
void context_switch(SSL *ssl, const struct tls_conf *conf);

#endif
