/* SPDX-License-Identifier: Apache-2.0 */
/* connection.h - the transport's functions. */
#ifndef TLS_CONNECTION_H
#define TLS_CONNECTION_H

#include "tls.h"

extern const weir_transport_ops tls_transport;

/* Loader: defines what is counted of handshakes. */
void connection_open(weir_cfg *cfg);

#endif
