/* SPDX-License-Identifier: Apache-2.0 */
/* jwt/keys.h - keys that tokens are signed with: from a JWK set (RFC 7517) or a PEM file with public
 * keys. No I/O. */
#ifndef JWT_KEYS_H
#define JWT_KEYS_H

#include <weir/types.h>

#include <openssl/evp.h>

/* What a signature may be made by (RFC 7518, 3.1; RFC 8037). "none" is not among them. */
enum algorithm {
    ALG_RS256, ALG_RS384, ALG_RS512,
    ALG_PS256, ALG_PS384, ALG_PS512,
    ALG_ES256, ALG_ES384, ALG_ES512,
    ALG_EDDSA,
    ALG_HS256, ALG_HS384, ALG_HS512,
    ALG_COUNT
};

/* -1: it is none of these. */
int algorithm_find(const char *name, size_t n);
/* SHA-256, -384 or -512; NULL: the algorithm has its own. */
const EVP_MD *algorithm_digest(enum algorithm algorithm);

/* A key knows what it can be used for, so that a token cannot choose: a public RSA key never serves as
 * a secret. */
struct key {
    struct key *next;
    uint32_t algorithms;   /* set of 1 << enum algorithm */
    EVP_PKEY *pkey;        /* NULL: `secret` */
    unsigned char *secret;
    size_t secret_n;
    char *id;              /* "kid"; NULL: it has none */
};

/* Reads a JWK set, a single JWK, or PEM public keys and certificates. NULL: `error` says why. Keys of
 * kinds that are not known, or for encryption, are left out. */
struct key *keys_read(const char *text, size_t n, char *error, size_t error_size);
void keys_free(struct key *keys);

#endif
