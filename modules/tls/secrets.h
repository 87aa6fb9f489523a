/* SPDX-License-Identifier: Apache-2.0 */
/* secrets.h - the secrets of TLS 1.3, which are made one from another (RFC 8446, 7.1). OpenSSL asks a
 * provider for each of some twenty per handshake, and its own provider looks up digest and HMAC each
 * time. This one has them at hand; and it sees the secrets that records need, which OpenSSL
 * would tell as text for a log alone. */
#ifndef TLS_SECRETS_H
#define TLS_SECRETS_H

#include <weir/module.h>

#define SECRET_MAX 48

/* Of the digests that TLS 1.3 has. */
enum secrets_hash { SECRETS_SHA256, SECRETS_SHA384, SECRETS_HASHES };

/* For SSL_CTX_new_ex(): has OpenSSL ask here first. Without secrets_init() it asks itself. */
#define SECRETS_QUERY "?provider=weir"

/* What a handshake leaves. */
struct traffic_secrets {
    unsigned char client[SECRET_MAX], server[SECRET_MAX];
    uint32_t have; /* bit 0: client's, bit 1: server's */
};

/* Loader: once for the process. False: OpenSSL lacks something. */
bool secrets_init(void);

/* Notes in `secrets` the traffic secrets that are made from now on; NULL: no more. */
void secrets_watch(struct traffic_secrets *secrets);

/* HKDF-Expand-Label with an empty context; `secret` is as long as the digest. */
bool secrets_expand(enum secrets_hash hash, const unsigned char *secret, const char *label,
                    unsigned char *out, size_t n);

#endif
