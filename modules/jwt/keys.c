/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base64url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEYS_MAX 64
#define RSA_BITS_MIN 2048
#define PART_MAX 2048 /* characters of a number or a secret in base64url */

#define SET(first, last) (((2u << (last)) - 1) & ~((1u << (first)) - 1))
#define RSA_SET SET(ALG_RS256, ALG_PS512)
#define HMAC_SET SET(ALG_HS256, ALG_HS512)

static const char *const names[ALG_COUNT] = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "HS256", "HS384", "HS512",
};

static const struct {
    const char *jwk, *openssl;
    enum algorithm algorithm;
    size_t bytes; /* of a coordinate */
} curves[] = {
    {"P-256", "prime256v1", ALG_ES256, 32},
    {"P-384", "secp384r1", ALG_ES384, 48},
    {"P-521", "secp521r1", ALG_ES512, 66},
};

int algorithm_find(const char *name, size_t n)
{
    for (int i = 0; i < ALG_COUNT; i++) {
        if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0) {
            return i;
        }
    }
    return -1;
}

const EVP_MD *algorithm_digest(enum algorithm algorithm)
{
    static const EVP_MD *(*const digests[])(void) = {EVP_sha256, EVP_sha384, EVP_sha512};

    if (algorithm == ALG_EDDSA) {
        return NULL;
    }
    return digests[(algorithm < ALG_EDDSA ? algorithm : algorithm - 1) % 3]();
}

/* What an OpenSSL key can be used for; 0: nothing here, or it is too weak. */
static uint32_t algorithms_of(EVP_PKEY *pkey)
{
    char group[32];
    size_t n;

    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_RSA:
        return EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN ? RSA_SET : 0;
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
        return 1u << ALG_EDDSA;
    case EVP_PKEY_EC:
        if (!EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n)) {
            return 0;
        }
        for (size_t i = 0; i < COUNT(curves); i++) {
            if (strcmp(curves[i].openssl, group) == 0) {
                return 1u << curves[i].algorithm;
            }
        }
        return 0;
    default:
        return 0;
    }
}

/* Takes `pkey`. NULL: it is of no use. */
static struct key *key_create(EVP_PKEY *pkey)
{
    uint32_t algorithms = pkey ? algorithms_of(pkey) : 0;
    struct key *key = algorithms ? calloc(1, sizeof(*key)) : NULL;

    if (!key) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    key->pkey = pkey;
    key->algorithms = algorithms;
    return key;
}

void keys_free(struct key *keys)
{
    while (keys) {
        struct key *next = keys->next;

        EVP_PKEY_free(keys->pkey);
        if (keys->secret) {
            OPENSSL_cleanse(keys->secret, keys->secret_n);
            free(keys->secret);
        }
        free(keys->id);
        free(keys);
        keys = next;
    }
}

/* ---- JWK ---- */

/* A member in base64url. Owned; NULL: there is none, or it is malformed. */
static unsigned char *get_bytes(const json_t *jwk, const char *name, size_t *n)
{
    const json_t *member = json_object_get(jwk, name);
    weir_str text = {json_string_value(member), json_string_length(member)};

    if (!text.p || text.n == 0 || text.n > PART_MAX) {
        return NULL;
    }
    unsigned char *bytes = malloc(BASE64URL_ROOM(text.n));
    if (bytes && !base64url_decode(text, bytes, n)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* Takes `build`. */
static EVP_PKEY *make_pkey(const char *type, OSSL_PARAM_BLD *build, bool ok)
{
    OSSL_PARAM *params = ok ? OSSL_PARAM_BLD_to_param(build) : NULL;
    EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    EVP_PKEY *pkey = NULL;

    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1) {
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    size_t n_n = 0, e_n = 0;
    unsigned char *n = get_bytes(jwk, "n", &n_n), *e = get_bytes(jwk, "e", &e_n);
    BIGNUM *modulus = n ? BN_bin2bn(n, (int)n_n, NULL) : NULL;
    BIGNUM *exponent = e ? BN_bin2bn(e, (int)e_n, NULL) : NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    bool ok = build && modulus && exponent &&
              OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
              OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent);

    EVP_PKEY *pkey = make_pkey("RSA", build, ok);
    BN_free(modulus);
    BN_free(exponent);
    free(n);
    free(e);
    return pkey;
}

static EVP_PKEY *make_ec(const char *group, size_t bytes, const unsigned char *x,
                         const unsigned char *y)
{
    unsigned char point[1 + 2 * 66] = {4}; /* uncompressed */
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();

    memcpy(point + 1, x, bytes);
    memcpy(point + 1 + bytes, y, bytes);
    bool ok = build &&
              OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
              OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * bytes);
    return make_pkey("EC", build, ok);
}

static EVP_PKEY *read_ec(const json_t *jwk)
{
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    size_t x_n = 0, y_n = 0;
    unsigned char *x = get_bytes(jwk, "x", &x_n), *y = get_bytes(jwk, "y", &y_n);
    EVP_PKEY *pkey = NULL;

    for (size_t i = 0; curve && x && y && i < COUNT(curves); i++) {
        if (strcmp(curves[i].jwk, curve) == 0 && x_n == curves[i].bytes && y_n == curves[i].bytes) {
            pkey = make_ec(curves[i].openssl, x_n, x, y);
        }
    }
    free(x);
    free(y);
    return pkey;
}

static EVP_PKEY *read_okp(const json_t *jwk)
{
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    size_t n = 0;
    unsigned char *x = get_bytes(jwk, "x", &n);
    EVP_PKEY *pkey = NULL;

    if (curve && x && (strcmp(curve, "Ed25519") == 0 || strcmp(curve, "Ed448") == 0)) {
        pkey = EVP_PKEY_new_raw_public_key_ex(NULL, curve, NULL, x, n);
    }
    free(x);
    return pkey;
}

static struct key *read_oct(const json_t *jwk)
{
    struct key *key = calloc(1, sizeof(*key));

    if (!key) {
        return NULL;
    }
    key->secret = get_bytes(jwk, "k", &key->secret_n);
    /* A key has at least as many bits as the hash (RFC 7518, 3.2). */
    key->algorithms = key->secret_n >= 64   ? HMAC_SET
                      : key->secret_n >= 48 ? SET(ALG_HS256, ALG_HS384)
                      : key->secret_n >= 32 ? SET(ALG_HS256, ALG_HS256)
                                            : 0;
    if (!key->secret || !key->algorithms) {
        keys_free(key);
        return NULL;
    }
    return key;
}

/* NULL: it is left out. */
static struct key *read_jwk(const json_t *jwk)
{
    const char *type = json_string_value(json_object_get(jwk, "kty"));
    const char *use = json_string_value(json_object_get(jwk, "use"));
    const char *alg = json_string_value(json_object_get(jwk, "alg"));
    const char *id = json_string_value(json_object_get(jwk, "kid"));
    struct key *key = NULL;

    if (!type || (use && strcmp(use, "sig") != 0)) {
        return NULL;
    }
    if (strcmp(type, "RSA") == 0) {
        key = key_create(read_rsa(jwk));
    } else if (strcmp(type, "EC") == 0) {
        key = key_create(read_ec(jwk));
    } else if (strcmp(type, "OKP") == 0) {
        key = key_create(read_okp(jwk));
    } else if (strcmp(type, "oct") == 0) {
        key = read_oct(jwk);
    }
    if (key && alg) {
        int algorithm = algorithm_find(alg, strlen(alg));

        key->algorithms &= algorithm < 0 ? 0 : 1u << algorithm;
    }
    if (key && id) {
        key->id = strdup(id);
    }
    if (key && (!key->algorithms || (id && !key->id))) {
        keys_free(key);
        return NULL;
    }
    return key;
}

static struct key *read_set(const json_t *set)
{
    struct key *first = NULL, **at = &first;
    size_t n = json_array_size(set);

    for (size_t i = 0; i < n && i < KEYS_MAX; i++) {
        *at = read_jwk(json_array_get(set, i));
        at = *at ? &(*at)->next : at;
    }
    return first;
}

static struct key *read_json(const char *text, size_t n, char *error, size_t error_size)
{
    json_error_t fault;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &fault);

    if (!root) {
        snprintf(error, error_size, "line %d: %s", fault.line, fault.text);
        return NULL;
    }
    const json_t *set = json_object_get(root, "keys");
    struct key *keys = set ? read_set(set) : read_jwk(root);
    json_decref(root);
    if (!keys) {
        snprintf(error, error_size, "it has no key that can check signatures: RSA keys need 2048 "
                                    "bits, secrets 32 bytes");
    }
    return keys;
}

/* ---- PEM ---- */

static EVP_PKEY *of_certificate(const unsigned char *der, long n)
{
    X509 *certificate = d2i_X509(NULL, &der, n);
    EVP_PKEY *pkey = certificate ? X509_get_pubkey(certificate) : NULL;

    X509_free(certificate);
    return pkey;
}

static struct key *read_pem(const char *text, size_t n, char *error, size_t error_size)
{
    BIO *bio = BIO_new_mem_buf(text, (int)n);
    struct key *first = NULL, **at = &first;
    char *name, *header;
    unsigned char *der;
    long der_n;

    for (int i = 0; bio && i < KEYS_MAX && PEM_read_bio(bio, &name, &header, &der, &der_n); i++) {
        const unsigned char *p = der;
        EVP_PKEY *pkey = strcmp(name, "PUBLIC KEY") == 0    ? d2i_PUBKEY(NULL, &p, der_n)
                         : strcmp(name, "CERTIFICATE") == 0 ? of_certificate(der, der_n)
                                                            : NULL;
        *at = key_create(pkey);
        at = *at ? &(*at)->next : at;
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    BIO_free(bio);
    if (!first) {
        snprintf(error, error_size, "it has no \"PUBLIC KEY\" or \"CERTIFICATE\" that can check "
                                    "signatures: RSA keys need 2048 bits");
    }
    return first;
}

struct key *keys_read(const char *text, size_t n, char *error, size_t error_size)
{
    size_t i = 0;

    while (i < n && strchr(" \t\r\n", text[i])) {
        i++;
    }
    return i < n && text[i] == '{' ? read_json(text, n, error, error_size)
                                   : read_pem(text, n, error, error_size);
}
