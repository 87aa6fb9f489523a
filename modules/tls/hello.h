/* SPDX-License-Identifier: Apache-2.0 */
/* hello.h - what a client's first message decides: the site by its name, and the protocol. */
#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include "tls.h"

/* Has the server context ask for the site. */
void hello_use(SSL_CTX *ctx);

#endif
