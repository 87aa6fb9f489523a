/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets are what OpenSSL's own TLS13-KDF makes of the same, and those of records are seen. */
#include "tap.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <string.h>

#include "secrets.h"

#define BYTES(s) (void *)(uintptr_t)(s)

static unsigned char key[48], salt[48], context[48];

/* A label of NULL asks for the next of early, handshake and master secret. */
static bool derive(const char *query, const char *digest, bool has_key, bool has_salt,
                   const char *label, unsigned char *out, size_t n)
{
    size_t size = strcmp(digest, "SHA2-384") == 0 ? 48 : 32;
    int mode = label ? EVP_KDF_HKDF_MODE_EXPAND_ONLY : EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, query);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    const char *name = label ? label : "derived";
    OSSL_PARAM params[8], *p = params;

    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, BYTES(digest), 0);
    if (has_key) {
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, size);
    }
    if (has_salt) {
        *p++ = OSSL_PARAM_construct_octet_string(label ? OSSL_KDF_PARAM_DATA : OSSL_KDF_PARAM_SALT,
                                                 label ? context : salt, size);
    }
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, BYTES("tls13 "), 6);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, BYTES(name), strlen(name));
    *p = OSSL_PARAM_construct_end();
    memset(out, 0, n);
    bool fine = EVP_KDF_derive(ctx, out, n, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return fine;
}

static void compare(const char *digest, bool has_key, bool has_salt, const char *label, size_t n)
{
    unsigned char ours[200], theirs[200];

    ok(derive("provider=weir", digest, has_key, has_salt, label, ours, n) &&
           derive("provider=default", digest, has_key, has_salt, label, theirs, n) &&
           memcmp(ours, theirs, n) == 0,
       "%s, %s, %s, %s, %zu bytes", digest, label ? label : "extracted", has_key ? "a key" : "no key",
       has_salt ? "more" : "no more", n);
}

static void test_digest(const char *digest, size_t size)
{
    unsigned char secret[48];

    for (int i = 0; i < 4; i++) {
        compare(digest, i & 1, i & 2, NULL, size);
    }
    compare(digest, true, false, "key", 16);
    compare(digest, true, false, "iv", 12);
    compare(digest, true, true, "c hs traffic", size);
    compare(digest, true, true, "exporter", 100);
    ok(!derive("provider=weir", digest, false, true, "key", secret, 16), "nothing comes of no key");
    ok(!derive("provider=weir", digest, true, true, NULL, secret, size - 1), "nor of half a secret");
}

static void test_watch(void)
{
    struct traffic_secrets seen = {0};
    unsigned char client[48], server[48], other[48];

    derive("provider=weir", "SHA2-384", true, true, "c ap traffic", client, 48);
    secrets_watch(&seen);
    derive("provider=weir", "SHA2-384", true, true, "c hs traffic", other, 48);
    ok(seen.have == 0, "other secrets are not noted");
    derive("provider=weir", "SHA2-384", true, true, "s ap traffic", server, 48);
    ok(seen.have == 2 && memcmp(seen.server, server, 48) == 0, "the server's is");
    derive("provider=weir", "SHA2-384", true, true, "c ap traffic", client, 48);
    ok(seen.have == 3 && memcmp(seen.client, client, 48) == 0, "the client's, too");
    secrets_watch(NULL);
    derive("provider=weir", "SHA2-256", true, true, "c ap traffic", client, 32);
    ok(memcmp(seen.client, client, 32) != 0, "and no more");
}

int main(void)
{
    ok(secrets_init() && secrets_init(), "it begins, once");
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (unsigned char)(i + 1);
        salt[i] = (unsigned char)(3 * i);
        context[i] = (unsigned char)(7 * i);
    }
    test_digest("SHA2-256", 32);
    test_digest("SHA2-384", 48);
    compare("SHA256", true, true, "derived", 32);
    ok(!derive("provider=weir", "SHA2-512", true, true, "key", context, 16), "TLS 1.3 has two digests");
    test_watch();
    unsigned char ours[12], theirs[12];
    ok(secrets_expand(SECRETS_SHA256, key, "iv", ours, 12) &&
           derive("provider=default", "SHA2-256", true, false, "iv", theirs, 12) &&
           memcmp(ours, theirs, 12) == 0, "what records ask for");
    return done_testing();
}
