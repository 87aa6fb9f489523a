/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - ticket keys change every few hours by themselves: the key of a period is derived
 * from a secret that the master keeps, so every worker, of this generation and the next, has the
 * same one at the same time, and nothing has to be stored or sent. */
#include "session.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <string.h>

#include "cache.h"

#define PERIOD_MS (8 * 3600 * 1000LL)
#define LIFETIME_S (8 * 3600) /* of a session: a key is known for this and the next period */
#define SECRET_BYTES 32

struct ticket_key {
    int64_t period; /* -1: none yet */
    unsigned char name[16], cipher[32], mac[32];
};

static unsigned char secret[SECRET_BYTES];
static struct ticket_key keys[2] = {{.period = -1}, {.period = -1}};
static EVP_CIPHER *aes;

static void derive(const char *label, int64_t period, unsigned char out[32])
{
    unsigned char input[48] = {0};

    memcpy(input, label, strlen(label));
    memcpy(input + 32, &period, sizeof(period));
    HMAC(EVP_sha256(), secret, SECRET_BYTES, input, sizeof(input), out, NULL);
}

static const struct ticket_key *key_of(int64_t period)
{
    struct ticket_key *key = &keys[period & 1];

    if (key->period != period) {
        unsigned char name[32];

        derive("ticket name", period, name);
        memcpy(key->name, name, sizeof(key->name));
        derive("ticket cipher", period, key->cipher);
        derive("ticket mac", period, key->mac);
        key->period = period;
    }
    return key;
}

static int use_key(const struct ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int encrypt)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
                                          sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_end()};

    return EVP_CipherInit_ex2(cipher, aes, key->cipher, iv, encrypt, NULL) == 1 &&
           EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypt)
{
    int64_t now = weir_wall_ms() / PERIOD_MS;

    (void)ssl;
    if (encrypt) {
        const struct ticket_key *key = key_of(now);

        memcpy(name, key->name, sizeof(key->name));
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1) {
            return -1;
        }
        return use_key(key, iv, cipher, mac, 1) ? 1 : -1;
    }
    for (int64_t period = now; period >= now - 1; period--) {
        const struct ticket_key *key = key_of(period);

        if (memcmp(name, key->name, sizeof(key->name)) == 0) {
            int found = use_key(key, iv, cipher, mac, 0);

            /* An older key still opens, and is replaced by a ticket of the newer one. */
            return !found ? -1 : period == now ? 1 : 2;
        }
    }
    return 0;
}

void session_init(const unsigned char *secret_)
{
    memcpy(secret, secret_, sizeof(secret));
    if (!aes) {
        aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    }
}

void session_use(SSL_CTX *ctx, bool tickets, const char *label)
{
    unsigned char id[32];

    derive(label, 0, id);
    SSL_CTX_set_session_id_context(ctx, id, sizeof(id));
    SSL_CTX_set_timeout(ctx, LIFETIME_S);
    cache_use(ctx);
    if (!tickets) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
        return;
    }
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
