/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "base64url.h"

#define SIGNATURE_MAX 1024 /* bytes: RSA of 8192 bits */

struct parts {
    weir_str header, payload, signature;
    weir_str signed_; /* header and payload with the dot between them */
};

static bool split(weir_str text, struct parts *parts)
{
    const char *first = text.n ? memchr(text.p, '.', text.n) : NULL;
    const char *end = text.p + text.n;
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first) - 1) : NULL;

    if (!second || memchr(second + 1, '.', (size_t)(end - second) - 1)) {
        return false;
    }
    parts->header = (weir_str){text.p, (size_t)(first - text.p)};
    parts->payload = (weir_str){first + 1, (size_t)(second - first) - 1};
    parts->signature = (weir_str){second + 1, (size_t)(end - second) - 1};
    parts->signed_ = (weir_str){text.p, (size_t)(second - text.p)};
    return true;
}

/* NULL: it is no JSON object. */
static json_t *read_object(weir_str text)
{
    unsigned char bytes[BASE64URL_ROOM(TOKEN_MAX)];
    size_t n;

    if (!base64url_decode(text, bytes, &n)) {
        return NULL;
    }
    json_t *object = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
    if (object && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* ---- signatures ---- */

static bool check_hmac(const struct key *key, enum algorithm algorithm, weir_str data,
                       const unsigned char *signature, size_t n)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned expected_n;

    return HMAC(algorithm_digest(algorithm), key->secret, (int)key->secret_n,
                (const unsigned char *)data.p, data.n, expected, &expected_n) &&
           n == expected_n && CRYPTO_memcmp(expected, signature, n) == 0;
}

/* r and s side by side (RFC 7518, 3.4), as OpenSSL wants them. Returns the length, 0: it is not that. */
static size_t ec_signature(enum algorithm algorithm, const unsigned char *signature, size_t n,
                           unsigned char out[2 * 66 + 16])
{
    static const size_t sizes[] = {64, 96, 132};
    unsigned char *p = out;

    if (n != sizes[algorithm - ALG_ES256]) {
        return 0;
    }
    ECDSA_SIG *parts = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)(n / 2), NULL);
    BIGNUM *s = BN_bin2bn(signature + n / 2, (int)(n / 2), NULL);
    if (!parts || !r || !s || !ECDSA_SIG_set0(parts, r, s)) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(parts);
        return 0;
    }
    int length = i2d_ECDSA_SIG(parts, &p);
    ECDSA_SIG_free(parts);
    return length > 0 ? (size_t)length : 0;
}

static bool check_public(const struct key *key, enum algorithm algorithm, weir_str data,
                         const unsigned char *signature, size_t n)
{
    unsigned char der[2 * 66 + 16];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;

    bool ok = md && EVP_DigestVerifyInit(md, &ctx, algorithm_digest(algorithm), NULL, key->pkey) == 1;
    if (ok && algorithm >= ALG_PS256 && algorithm <= ALG_PS512) {
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    if (ok && algorithm >= ALG_ES256 && algorithm <= ALG_ES512) {
        n = ec_signature(algorithm, signature, n, der);
        signature = der;
        ok = n > 0;
    }
    ok = ok && EVP_DigestVerify(md, signature, n, (const unsigned char *)data.p, data.n) == 1;
    EVP_MD_CTX_free(md);
    return ok;
}

/* Keys that the header may mean: that of its "kid", or all without one of their own. */
static bool is_meant(const struct key *key, enum algorithm algorithm, const char *id)
{
    return (key->algorithms & 1u << algorithm) && (!id || !key->id || strcmp(id, key->id) == 0);
}

static enum token_result check_signature(const struct parts *parts, const struct key *keys,
                                         enum algorithm algorithm, const char *id, const char **why)
{
    unsigned char signature[BASE64URL_ROOM(SIGNATURE_MAX * 2)];
    bool is_known = false;
    size_t n;

    if (parts->signature.n > SIGNATURE_MAX * 2 ||
        !base64url_decode(parts->signature, signature, &n) || n == 0) {
        *why = "its signature is malformed";
        return TOKEN_BAD;
    }
    for (const struct key *key = keys; key; key = key->next) {
        if (!is_meant(key, algorithm, id)) {
            continue;
        }
        is_known = true;
        if (key->pkey ? check_public(key, algorithm, parts->signed_, signature, n)
                      : check_hmac(key, algorithm, parts->signed_, signature, n)) {
            return TOKEN_GOOD;
        }
    }
    *why = is_known ? "its signature is wrong" : "no key fits its \"kid\" and \"alg\"";
    return is_known && id ? TOKEN_BAD : TOKEN_UNKNOWN_KEY;
}

static enum token_result check_header(const struct parts *parts, const struct key *keys,
                                      const struct token_rules *rules, const char **why)
{
    json_t *header = read_object(parts->header);
    const json_t *alg = json_object_get(header, "alg");
    const json_t *id = json_object_get(header, "kid");
    enum token_result result = TOKEN_BAD;

    int algorithm = alg && json_is_string(alg)
                        ? algorithm_find(json_string_value(alg), json_string_length(alg))
                        : -1;
    if (!header || (id && !json_is_string(id))) {
        *why = "its header is malformed";
    } else if (json_object_get(header, "crit")) {
        *why = "its header names extensions as critical, and none is known"; /* RFC 7515, 4.1.11 */
    } else if (algorithm < 0 || !(rules->algorithms & 1u << algorithm)) {
        *why = "its \"alg\" is not among jwt.algorithms";
    } else {
        result = check_signature(parts, keys, (enum algorithm)algorithm, json_string_value(id), why);
    }
    json_decref(header);
    return result;
}

/* ---- claims ---- */

static bool is_text(const json_t *value, weir_str text)
{
    return json_is_string(value) && json_string_length(value) == text.n &&
           memcmp(json_string_value(value), text.p, text.n) == 0;
}

static bool has_audience(const json_t *aud, const struct token_rules *rules)
{
    for (size_t i = 0; i < rules->audience_n; i++) {
        if (is_text(aud, rules->audience[i])) {
            return true;
        }
        for (size_t k = 0; k < json_array_size(aud); k++) {
            if (is_text(json_array_get(aud, k), rules->audience[i])) {
                return true;
            }
        }
    }
    return false;
}

/* NULL: they are in order. */
static const char *claims_fault(const json_t *claims, const struct token_rules *rules, int64_t now_s)
{
    const json_t *exp = json_object_get(claims, "exp"), *nbf = json_object_get(claims, "nbf");

    if ((exp && !json_is_number(exp)) || (nbf && !json_is_number(nbf))) {
        return "its \"exp\" or \"nbf\" is no number";
    }
    if (!exp && rules->requires_expiry) {
        return "it never expires: jwt.require_exp = false allows that";
    }
    if (exp && json_number_value(exp) + (double)rules->leeway_s <= (double)now_s) {
        return "it has expired";
    }
    if (nbf && json_number_value(nbf) - (double)rules->leeway_s > (double)now_s) {
        return "it is not valid yet";
    }
    if (rules->issuer.n && !is_text(json_object_get(claims, "iss"), rules->issuer)) {
        return "it is of another issuer";
    }
    if (rules->audience_n && !has_audience(json_object_get(claims, "aud"), rules)) {
        return "it is for another audience";
    }
    return NULL;
}

enum token_result token_check(weir_str text, const struct key *keys,
                              const struct token_rules *rules, int64_t now_s, json_t **claims,
                              const char **why)
{
    struct parts parts;

    *claims = NULL;
    if (text.n > TOKEN_MAX || !split(text, &parts)) {
        *why = "it is not three parts with dots between them, or longer than 8 KiB";
        return TOKEN_BAD;
    }
    enum token_result result = check_header(&parts, keys, rules, why);
    if (result != TOKEN_GOOD) {
        return result;
    }
    json_t *payload = read_object(parts.payload);
    *why = payload ? claims_fault(payload, rules, now_s) : "its payload is no JSON object";
    if (*why) {
        json_decref(payload);
        return TOKEN_BAD;
    }
    *claims = payload;
    return TOKEN_GOOD;
}
