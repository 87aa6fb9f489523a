/* SPDX-License-Identifier: Apache-2.0 */
#include "hello.h"

#include <stdlib.h>
#include <string.h>

/* The name in the first message: a list of one entry of type 0 (RFC 6066, 3). */
static weir_str name_asked_for(SSL *ssl, char lower[256])
{
    const unsigned char *p;
    size_t n;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5 ||
        p[2] != 0) {
        return (weir_str){0};
    }
    size_t length = (size_t)p[3] << 8 | p[4];
    if (length > n - 5 || length > 255) {
        return (weir_str){0};
    }
    for (size_t i = 0; i < length; i++) {
        char c = (char)p[5 + i];

        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return (weir_str){lower, length};
}

static void switch_to(SSL *ssl, const struct tls_conf *old, const struct tls_conf *conf)
{
    if (SSL_get_SSL_CTX(ssl) == conf->ctx) {
        return;
    }
    SSL_set_SSL_CTX(ssl, conf->ctx);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(conf->ctx),
                   SSL_CTX_get_verify_callback(conf->ctx));
    SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(conf->ctx));
    SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(conf->ctx));
    SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(conf->ctx));
    SSL_set_options(ssl, SSL_CTX_get_options(conf->ctx));
    SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(conf->ctx));
    SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(conf->ctx));
    SSL_set_max_early_data(ssl, SSL_CTX_get_max_early_data(conf->ctx));
    SSL_set_recv_max_early_data(ssl, SSL_CTX_get_recv_max_early_data(conf->ctx));
    if (conf->groups.n || old->groups.n) {
        SSL_set1_groups_list(ssl, conf->group_text); /* OpenSSL leaves the first site's in place */
    }
}

/* Before anything is chosen, so that versions, ciphers and client certificates are the site's. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls *tls = SSL_get_app_data(ssl);
    char lower[256];
    weir_str name = name_asked_for(ssl, lower);
    bool is_known;
    const struct tls_conf *conf = weir_site_conf(tls->listener, name, &is_known);

    (void)arg;
    if (!conf || (!is_known && conf->reject_unknown)) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    switch_to(ssl, tls->conf, conf);
    tls->conf = conf;
    free(tls->name); /* of a first hello that was to be sent again */
    tls->name = name.n ? strndup(name.p, name.n) : NULL;
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK; /* on_hello() has seen to it; this makes OpenSSL keep the name */
}

static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                        const unsigned char *in, unsigned in_n, void *arg)
{
    struct tls *tls = SSL_get_app_data(ssl);
    weir_str asked = {tls->name, tls->name ? strlen(tls->name) : 0};
    weir_str mine = weir_site_protocols(tls->listener, asked);

    (void)arg;
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n,
                              (const unsigned char *)mine.p, (unsigned)mine.n, in,
                              in_n) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301, 3.2 */
    }
    tls->protocol = (weir_str){(const char *)*out, *out_n}; /* it is in `mine` */
    return SSL_TLSEXT_ERR_OK;
}

void hello_use(SSL_CTX *ctx)
{
    SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
    SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
}
