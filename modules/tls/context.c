/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <stdio.h>
#include <string.h>

#include "certificate.h"
#include "early.h"
#include "hello.h"
#include "report.h"
#include "secrets.h"
#include "session.h"
#include "staple.h"

/* What Mozilla's server side TLS guide calls intermediate, in order of preference. */
#define CIPHERS_1_2                                                                                \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_1_3                                                                                \
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256:P-384"

static const struct {
    const char *name;
    int version;
} versions[] = {
    {"TLSv1.2", TLS1_2_VERSION},
    {"TLSv1.3", TLS1_3_VERSION},
};

static int version_named(weir_str name)
{
    for (size_t i = 0; i < WEIR_COUNT(versions); i++) {
        if (strlen(versions[i].name) == name.n && memcmp(versions[i].name, name.p, name.n) == 0) {
            return versions[i].version;
        }
    }
    return 0;
}

static void set_protocols(weir_cfg *cfg, const struct tls_conf *conf, SSL_CTX *ctx)
{
    const weir_str *names = conf->protocols.items;
    int least = conf->profile == PROFILE_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION;
    int most = TLS1_3_VERSION;

    if (conf->protocols.n) {
        least = TLS1_3_VERSION;
        most = TLS1_2_VERSION;
    }
    for (size_t i = 0; i < conf->protocols.n; i++) {
        int version = version_named(names[i]);

        if (!version) {
            complain(cfg, "protocols", "\"%s\": expected \"TLSv1.2\" or \"TLSv1.3\"; older "
                           "ones are broken, and not offered", names[i].p);
            return;
        }
        least = version < least ? version : least;
        most = version > most ? version : most;
    }
    SSL_CTX_set_min_proto_version(ctx, least);
    SSL_CTX_set_max_proto_version(ctx, most);
}

static void set_ciphers(weir_cfg *cfg, struct tls_conf *conf, SSL_CTX *ctx)
{
    const weir_str *names = conf->groups.items;
    char *groups = conf->group_text;
    size_t n = 0;

    if (SSL_CTX_set_cipher_list(ctx, conf->ciphers.n ? conf->ciphers.p : CIPHERS_1_2) != 1) {
        complain(cfg, "ciphers", "\"%s\": OpenSSL knows no cipher of TLS 1.2 by that; "
                       "`openssl ciphers` lists them", conf->ciphers.p);
    }
    snprintf(groups, sizeof(conf->group_text), "%s", GROUPS);
    for (size_t i = 0; i < conf->groups.n && n < sizeof(conf->group_text); i++) {
        n += (size_t)snprintf(groups + n, sizeof(conf->group_text) - n, "%s%s", i ? ":" : "",
                              names[i].p);
    }
    if (SSL_CTX_set1_groups_list(ctx, groups) != 1) {
        complain(cfg, "groups", "\"%s\": OpenSSL does not know all of these; expected names "
                       "such as \"X25519\" and \"P-256\"", groups);
    }
    ERR_clear_error();
}

static int accept_any(int preverify, X509_STORE_CTX *store)
{
    (void)store;
    (void)preverify;
    return 1; /* `optional`: the outcome is in $ssl_client_verify */
}

static int verify_mode(const struct tls_conf *conf)
{
    switch (conf->client.verify) {
    case VERIFY_REQUIRED:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    case VERIFY_OPTIONAL:
        return SSL_VERIFY_PEER;
    default:
        return SSL_VERIFY_NONE;
    }
}

static void set_client_certificates(weir_cfg *cfg, const struct tls_conf *conf, SSL_CTX *ctx)
{
    if (conf->client.verify == VERIFY_OFF) {
        return;
    }
    if (conf->client.ca.n == 0) {
        complain(cfg, "client.verify", "client.ca is missing: the file with the certificates "
                       "that issue those of the clients");
        return;
    }
    if (!certificate_trust(ctx, conf->client.ca)) {
        complain(cfg, "client.ca", "%s holds no certificates in PEM form, or cannot be read",
                 conf->client.ca.p);
    }
    if (conf->client.crl.n && !certificate_revoke(ctx, conf->client.crl)) {
        complain(cfg, "client.crl", "%s holds no revocation list in PEM form, or cannot be read",
                 conf->client.crl.p);
    }
    SSL_CTX_set_verify_depth(ctx, (int)conf->client.depth);
    SSL_CTX_set_verify(ctx, verify_mode(conf),
                       conf->client.verify == VERIFY_OPTIONAL ? accept_any : NULL);
    ERR_clear_error();
}

static void set_certificates(weir_cfg *cfg, const struct tls_conf *conf, SSL_CTX *ctx)
{
    const struct tls_pair one = {conf->certificate, conf->key};
    const struct tls_pair *pairs = conf->certificates.items;

    if (conf->certificate.n == 0 && conf->certificates.n == 0) {
        complain(cfg, NULL, "there is no certificate: add certificate = \"...\"; key = "
                       "\"...\";");
    }
    if (conf->certificate.n) {
        if (conf->key.n == 0) {
            complain(cfg, "certificate", "its key is missing: add key = \"...\";");
        } else {
            certificate_use(cfg, "certificate", &one, conf->label, ctx);
        }
    }
    for (size_t i = 0; i < conf->certificates.n; i++) {
        certificate_use(cfg, "certificates", &pairs[i], conf->label, ctx);
    }
}

SSL_CTX *context_create(weir_cfg *cfg, struct tls_conf *conf)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(NULL, SECRETS_QUERY, TLS_server_method());
    unsigned before = complaints();
    unsigned char *ocsp = NULL;
    long ocsp_n = 0;

    if (!ctx) {
        complain(cfg, NULL, "OpenSSL: %s", tls_error(NULL).p);
        return NULL;
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Our order, but a client whose first choice is ChaCha20 has no hardware for AES. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_ciphersuites(ctx, CIPHERS_1_3);
    set_protocols(cfg, conf, ctx);
    set_ciphers(cfg, conf, ctx);
    set_certificates(cfg, conf, ctx);
    set_client_certificates(cfg, conf, ctx);
    session_use(ctx, conf->tickets, conf->client.verify != VERIFY_OFF ? conf->label : "");
    hello_use(ctx);
    early_use(ctx, conf->early_data);
    if (conf->ocsp_file.n) {
        certificate_read_ocsp(cfg, conf->ocsp_file, &ocsp, &ocsp_n);
    }
    staple_use(cfg, conf, ctx);
    if (complaints() != before) {
        OPENSSL_free(ocsp);
        SSL_CTX_free(ctx);
        return NULL;
    }
    OPENSSL_free(conf->ocsp);
    conf->ocsp = ocsp;
    conf->ocsp_n = ocsp_n;
    return ctx;
}
