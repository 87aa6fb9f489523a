/* SPDX-License-Identifier: Apache-2.0 */
/* early.h - early data (0-RTT, RFC 8446, 2.3 and RFC 8470): requests that come with a client's first
 * message, before it has shown that the message is not somebody's recording. Off by default. */
#ifndef TLS_EARLY_H
#define TLS_EARLY_H

#include "tls.h"

/* check(): may connections for the context's site begin with some? */
void early_use(SSL_CTX *ctx, bool takes);
/* commit(): the memory of what was seen, shared by all workers. */
void early_open(weir_cfg *cfg);

/* NULL: no site takes any (or no memory: then none is taken). */
struct early *early_create(void);
void early_destroy(struct tls *tls);

/* Looks for some. 1: there is, the rest of the handshake is for early_read(); 0: there is none, go on
 * with SSL_do_handshake() (tls->early is NULL then); -1: for SSL_get_error(). */
int early_handshake(struct tls *tls);
/* Like SSL_read_ex(); behind the last of it tls->early becomes NULL. */
int early_read(struct tls *tls, void *p, size_t n, size_t *got);

/* Hook: safe methods alone may pass, with a field that tells the backend. */
weir_rc early_request(weir_req *req, const void *conf);

#endif
