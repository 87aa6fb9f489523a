/* SPDX-License-Identifier: Apache-2.0 */
/* certificate.h - certificates and keys from files, and what can be wrong with them. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include "tls.h"

/* Reads a PEM chain (leaf first) and its key, checks them, and puts them into `ctx`. Mistakes are
 * reported in option `opt`; what is only unwise is a warning. False: there was a mistake. */
bool certificate_use(weir_cfg *cfg, const char *opt, const struct tls_pair *pair, SSL_CTX *ctx);

/* Reads a stapled OCSP response (DER). False: reported. */
bool certificate_read_ocsp(weir_cfg *cfg, struct tls_conf *conf);

#endif
