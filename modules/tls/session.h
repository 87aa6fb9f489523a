/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - resumption: ticket keys that all workers have without telling each other. */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include "tls.h"

/* Loader: `secret` (32 bytes) is what keys are made from. */
void session_init(const unsigned char *secret);
/* Lets the context resume, with tickets or without. `label` parts sites whose clients must prove
 * who they are from others. */
void session_use(SSL_CTX *ctx, bool tickets, const char *label);

#endif
