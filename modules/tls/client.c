/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <string.h>

struct settings {
    SSL_CTX *ctx;
    weir_str name;        /* instead of the URL's; may be empty */
    weir_str protocols;
    bool verify;
    SSL_SESSION *session; /* the last one that a peer gave, to be resumed; per worker */
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct settings *settings = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(settings->session);
    settings->session = session;
    return 1; /* it is ours now */
}

static void use_client_certificate(weir_cfg *cfg, const char *opt, SSL_CTX *ctx,
                                   const weir_tls_client *client)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, client->certificate.p) != 1) {
        weir_cfg_error(cfg, opt, "certificate: %s cannot be used: %s", client->certificate.p,
                       tls_error(NULL).p);
    } else if (client->key.n == 0 ||
               SSL_CTX_use_PrivateKey_file(ctx, client->key.p, SSL_FILETYPE_PEM) != 1) {
        weir_cfg_error(cfg, opt, "key: %s cannot be used: %s",
                       client->key.n ? client->key.p : "it is missing", tls_error(NULL).p);
    }
}

const void *client_settings(weir_cfg *cfg, const char *opt, const weir_tls_client *client)
{
    struct settings *settings = weir_cfg_alloc(cfg, sizeof(*settings));
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx) {
        weir_cfg_error(cfg, opt, "OpenSSL: %s", tls_error(NULL).p);
        return NULL;
    }
    *settings = (struct settings){.ctx = ctx,
                                  .name = client->name,
                                  .protocols = client->protocols,
                                  .verify = client->verify};
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_app_data(ctx, settings);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    if (client->verify) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        if (client->ca.n == 0) {
            SSL_CTX_set_default_verify_paths(ctx);
        } else if (SSL_CTX_load_verify_locations(ctx, client->ca.p, NULL) != 1) {
            weir_cfg_error(cfg, opt, "ca: %s holds no certificates in PEM form, or cannot be read",
                           client->ca.p);
        }
    }
    if (client->certificate.n) {
        use_client_certificate(cfg, opt, ctx, client);
    }
    ERR_clear_error();
    return settings;
}

static bool is_address(const char *name)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

SSL *client_open(const void *settings_, weir_str url_name)
{
    const struct settings *settings = settings_;
    weir_str wanted = settings->name.n ? settings->name : url_name;
    SSL *ssl = SSL_new(settings->ctx);
    char name[256];

    if (!ssl) {
        return NULL;
    }
    if (wanted.n > 2 && wanted.p[0] == '[') { /* [::1] */
        wanted = (weir_str){wanted.p + 1, wanted.n - 2};
    }
    size_t n = wanted.n < sizeof(name) ? wanted.n : sizeof(name) - 1;
    memcpy(name, wanted.p, n);
    name[n] = '\0';
    if (is_address(name)) {
        if (settings->verify) {
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
        }
    } else if (n > 0) {
        SSL_set_tlsext_host_name(ssl, name);
        if (settings->verify) {
            SSL_set1_host(ssl, name);
        }
    }
    if (settings->protocols.n) {
        SSL_set_alpn_protos(ssl, (const unsigned char *)settings->protocols.p,
                            (unsigned)settings->protocols.n);
    }
    if (settings->session) {
        SSL_set_session(ssl, settings->session);
    }
    SSL_set_connect_state(ssl);
    return ssl;
}
