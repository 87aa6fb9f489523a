/* SPDX-License-Identifier: Apache-2.0 */
#include "secrets.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <string.h>

/* Length, label, context, and the number of the block. */
#define INFO_MAX (2 + 1 + 255 + 1 + 255 + 1)

static struct digest {
    const char *name, *old_name; /* either of them may be asked for */
    uint8_t n;
    EVP_MAC_CTX *mac;
    unsigned char of_nothing[SECRET_MAX];
} digests[SECRETS_HASHES] = {
    [SECRETS_SHA256] = {.name = "SHA2-256", .old_name = "SHA256", .n = 32},
    [SECRETS_SHA384] = {.name = "SHA2-384", .old_name = "SHA384", .n = 48},
};

static struct traffic_secrets *watcher;

void secrets_watch(struct traffic_secrets *secrets)
{
    watcher = secrets;
}

/* ---- HKDF (RFC 5869) ---- */

struct bytes {
    const unsigned char *p;
    size_t n;
};

static bool hmac(const struct digest *digest, struct bytes key, struct bytes text,
                 unsigned char out[SECRET_MAX])
{
    size_t n;

    return EVP_MAC_init(digest->mac, key.p, key.n, NULL) == 1 &&
           EVP_MAC_update(digest->mac, text.p, text.n) == 1 &&
           EVP_MAC_final(digest->mac, out, &n, SECRET_MAX) == 1;
}

/* `info` has room for the number of the block behind its `n` bytes. Nobody asks for more than one
 * block, except for keying material that is exported. */
static bool expand(const struct digest *digest, struct bytes secret, unsigned char *info, size_t n,
                   unsigned char *out, size_t out_n)
{
    unsigned char block[SECRET_MAX], text[SECRET_MAX + INFO_MAX];
    size_t before = 0;
    bool fine = out_n <= 255u * digest->n;

    for (unsigned i = 1; out_n > 0 && fine; i++) {
        size_t part = out_n < digest->n ? out_n : digest->n;

        info[n] = (unsigned char)i;
        memcpy(text, block, before);
        memcpy(text + before, info, n + 1);
        fine = hmac(digest, secret, (struct bytes){text, before + n + 1}, block);
        if (fine) {
            memcpy(out, block, part);
        }
        out += part;
        out_n -= part;
        before = digest->n;
    }
    OPENSSL_cleanse(block, sizeof(block));
    return fine;
}

/* HKDF-Expand-Label. */
static bool expand_label(const struct digest *digest, struct bytes secret, struct bytes prefix,
                         struct bytes label, struct bytes context, unsigned char *out, size_t n)
{
    unsigned char info[INFO_MAX];
    size_t at = 0;

    if (n > 0xffff || prefix.n + label.n > 255 || context.n > 255) {
        return false;
    }
    info[at++] = (unsigned char)(n >> 8);
    info[at++] = (unsigned char)n;
    info[at++] = (unsigned char)(prefix.n + label.n);
    memcpy(info + at, prefix.p, prefix.n);
    memcpy(info + at + prefix.n, label.p, label.n);
    at += prefix.n + label.n;
    info[at++] = (unsigned char)context.n;
    if (context.n) {
        memcpy(info + at, context.p, context.n);
    }
    return expand(digest, secret, info, at + context.n, out, n);
}

static struct bytes text(const char *s)
{
    return (struct bytes){(const unsigned char *)s, strlen(s)};
}

bool secrets_expand(enum secrets_hash hash, const unsigned char *secret, const char *label,
                    unsigned char *out, size_t n)
{
    const struct digest *digest = &digests[hash];

    return digest->mac && expand_label(digest, (struct bytes){secret, digest->n}, text("tls13 "),
                                       text(label), (struct bytes){0}, out, n);
}

/* ---- what OpenSSL asks for: TLS13-KDF ---- */

struct order {
    int mode;
    struct bytes digest, key, salt, prefix, label, context;
};

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {OSSL_KDF_PARAM_DIGEST, offsetof(struct order, digest)},
    {OSSL_KDF_PARAM_KEY, offsetof(struct order, key)},
    {OSSL_KDF_PARAM_SALT, offsetof(struct order, salt)},
    {OSSL_KDF_PARAM_PREFIX, offsetof(struct order, prefix)},
    {OSSL_KDF_PARAM_LABEL, offsetof(struct order, label)},
    {OSSL_KDF_PARAM_DATA, offsetof(struct order, context)},
};

static bool read_order(struct order *order, const OSSL_PARAM *param)
{
    for (; param && param->key; param++) {
        if (strcmp(param->key, OSSL_KDF_PARAM_MODE) == 0 &&
            OSSL_PARAM_get_int(param, &order->mode) != 1) {
            return false;
        }
        for (size_t i = 0; i < WEIR_COUNT(fields); i++) {
            if (strcmp(param->key, fields[i].name) == 0) {
                struct bytes *bytes = (struct bytes *)((char *)order + fields[i].offset);

                *bytes = (struct bytes){param->data, param->data_size};
                break;
            }
        }
    }
    return true;
}

static const struct digest *digest_named(struct bytes name)
{
    for (size_t i = 0; i < WEIR_COUNT(digests); i++) {
        const struct digest *digest = &digests[i];

        if (name.p && (OPENSSL_strcasecmp((const char *)name.p, digest->name) == 0 ||
                       OPENSSL_strcasecmp((const char *)name.p, digest->old_name) == 0)) {
            return digest;
        }
    }
    return NULL;
}

static bool is_label(struct bytes label, const char *name)
{
    return label.n == strlen(name) && memcmp(label.p, name, label.n) == 0;
}

static void show_watcher(struct bytes label, const unsigned char *secret, size_t n)
{
    bool is_client = is_label(label, "c ap traffic");

    if (watcher && n <= SECRET_MAX && (is_client || is_label(label, "s ap traffic"))) {
        memcpy(is_client ? watcher->client : watcher->server, secret, n);
        watcher->have |= is_client ? 1 : 2;
    }
}

/* The next of early, handshake and master secret: what is new goes in under what the last one
 * gives for this. What is absent are zeros. */
static bool extract(const struct digest *digest, const struct order *order, unsigned char *out)
{
    static const unsigned char zeros[SECRET_MAX];
    struct bytes key = order->key.p ? order->key : (struct bytes){zeros, digest->n};
    struct bytes context = {digest->of_nothing, digest->n};
    unsigned char salt[SECRET_MAX] = {0};
    bool fine = !order->salt.p || expand_label(digest, order->salt, order->prefix, order->label,
                                               context, salt, digest->n);

    fine = fine && hmac(digest, (struct bytes){salt, digest->n}, key, out);
    OPENSSL_cleanse(salt, sizeof(salt));
    return fine;
}

static int on_derive(void *unused, unsigned char *out, size_t n, const OSSL_PARAM *params)
{
    struct order order = {.mode = -1};
    const struct digest *digest = read_order(&order, params) ? digest_named(order.digest) : NULL;

    (void)unused;
    if (!digest) {
        return 0;
    }
    if (order.mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY && n == digest->n) {
        unsigned char secret[SECRET_MAX];
        bool fine = extract(digest, &order, secret);

        memcpy(out, secret, fine ? n : 0);
        OPENSSL_cleanse(secret, sizeof(secret));
        return fine;
    }
    if (order.mode != EVP_KDF_HKDF_MODE_EXPAND_ONLY || !order.key.p ||
        !expand_label(digest, order.key, order.prefix, order.label, order.context, out, n)) {
        return 0;
    }
    show_watcher(order.label, out, n);
    return 1;
}

/* All that a derivation needs comes with the call, so there is nothing to keep. */
static void *on_create(void *unused)
{
    (void)unused;
    return digests;
}

static void on_destroy(void *unused)
{
    (void)unused;
}

#define FUNCTION(id, fn) {(id), (void (*)(void))(fn)}

static const OSSL_DISPATCH derivation[] = {FUNCTION(OSSL_FUNC_KDF_NEWCTX, on_create),
                                           FUNCTION(OSSL_FUNC_KDF_FREECTX, on_destroy),
                                           FUNCTION(OSSL_FUNC_KDF_DERIVE, on_derive),
                                           {0}};
static const OSSL_ALGORITHM algorithms[] = {
    {OSSL_KDF_NAME_TLS1_3_KDF, "provider=weir", derivation, "TLS 1.3"}, {0}};

static const OSSL_ALGORITHM *on_query(void *unused, int operation, int *no_cache)
{
    (void)unused;
    *no_cache = 0;
    return operation == OSSL_OP_KDF ? algorithms : NULL;
}

static int on_load(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *theirs,
                   const OSSL_DISPATCH **ours, void **state)
{
    static const OSSL_DISPATCH functions[] = {
        FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, on_query), {0}};

    (void)handle;
    (void)theirs;
    *ours = functions;
    *state = digests;
    return 1;
}

static bool digest_init(struct digest *digest, EVP_MAC *hmac_)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest->name, 0),
        OSSL_PARAM_construct_end()};

    digest->mac = EVP_MAC_CTX_new(hmac_);
    return digest->mac && EVP_MAC_CTX_set_params(digest->mac, params) == 1 &&
           EVP_Q_digest(NULL, digest->name, NULL, "", 0, digest->of_nothing, NULL) == 1;
}

bool secrets_init(void)
{
    static OSSL_PROVIDER *provider;

    if (provider) {
        return true;
    }
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bool fine = mac && digest_init(&digests[SECRETS_SHA256], mac) &&
                digest_init(&digests[SECRETS_SHA384], mac);

    EVP_MAC_free(mac); /* the contexts hold it */
    if (fine && OSSL_PROVIDER_add_builtin(NULL, "weir", on_load) == 1) {
        provider = OSSL_PROVIDER_try_load(NULL, "weir", 1); /* OpenSSL's own are there, too */
    }
    ERR_clear_error();
    return provider != NULL;
}
