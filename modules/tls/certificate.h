/* SPDX-License-Identifier: Apache-2.0 */
/* certificate.h - certificates and keys from files, and what can be wrong with them. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include "tls.h"

/* Reads a PEM chain (leaf first) and its key, checks them, and puts them into `ctx`. Mistakes are
 * reported in option `opt`; what is only unwise is a warning. `label` is the site's first name.
 * False: there was a mistake. */
bool certificate_use(weir_cfg *cfg, const char *opt, const struct tls_pair *pair,
                     const char *label, SSL_CTX *ctx);

/* The certificates in a PEM file become trusted issuers of clients' certificates, and the names that
 * clients are told. False: there is none. */
bool certificate_trust(SSL_CTX *ctx, weir_str path);
/* The revocation lists in a PEM file hold for clients' certificates. False: there is none. */
bool certificate_revoke(SSL_CTX *ctx, weir_str path);

/* Reads a stapled OCSP response (DER); the caller frees *out with OPENSSL_free(). False: reported. */
bool certificate_read_ocsp(weir_cfg *cfg, weir_str path, unsigned char **out, long *n);

#endif
