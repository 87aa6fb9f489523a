/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - weir as a TLS client of its backends. */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include "tls.h"

const void *client_settings(weir_cfg *cfg, const char *opt, const weir_tls_client *client);
/* NULL: out of memory. */
SSL *client_open(const void *settings, weir_str name);

#endif
