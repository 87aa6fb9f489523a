/* SPDX-License-Identifier: Apache-2.0 */
/* responder.h - asks an issuer's OCSP responder (RFC 6960) about a certificate, without holding up
 * the worker: everything is tried on a timer and nothing is waited for. */
#ifndef TLS_RESPONDER_H
#define TLS_RESPONDER_H

#include "tls.h"

struct answer {
    unsigned char *der; /* the response; NULL: there is none */
    long n;
    int64_t until_s;    /* it may be used so long (wall clock) */
    const char *error;  /* why there is none */
};

/* Asks; `done` comes later, once, and does not own the answer. Returns false, and done() will not be
 * called, when the certificate names no responder or there is no memory. */
bool responder_ask(X509 *leaf, X509 *issuer, void (*done)(void *arg, const struct answer *answer),
                   void *arg);
/* Does the certificate name one that can be asked? */
bool responder_is_named(X509 *leaf);

#endif
