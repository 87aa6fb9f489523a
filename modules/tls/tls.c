/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - TLS for listeners and for connections to backends, by OpenSSL. */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "context.h"
#include "renewal.h"
#include "session.h"

/* ---- settings ---- */

static const char *const profiles[] = {"intermediate", "modern", NULL};
static const char *const verify_names[] = {"off", "optional", "required", NULL};

static const weir_opt pair_options[] = {
    {.name = "certificate",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct tls_pair, certificate),
     .doc = "File with the chain, leaf first, in PEM form."},
    {.name = "key",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct tls_pair, key),
     .doc = "File with its private key; only root has to be able to read it."},
};

#define CLIENT(member) (offsetof(struct tls_conf, client.member) - offsetof(struct tls_conf, client))

static const weir_opt client_options[] = {
    {.name = "verify",
     .type = WEIR_T_ENUM,
     .names = verify_names,
     .offset = CLIENT(verify),
     .dflt = "off",
     .doc = "Must clients show a certificate? optional: $ssl_client_verify has the outcome."},
    {.name = "ca",
     .type = WEIR_T_PATH,
     .offset = CLIENT(ca),
     .doc = "File with the certificates that issue those of the clients."},
    {.name = "crl", .type = WEIR_T_PATH, .offset = CLIENT(crl), .doc = "File with revoked ones."},
    {.name = "depth",
     .type = WEIR_T_INT,
     .offset = CLIENT(depth),
     .dflt = "2",
     .min = 0,
     .max = 20,
     .doc = "How long their chains may be."},
};

#define OPT(name_, type_, default_, doc_)                                                          \
    {.name = #name_, .type = (type_), .offset = offsetof(struct tls_conf, name_),                  \
     .dflt = (default_), .doc = (doc_)}

static const weir_opt options[] = {
    OPT(certificate, WEIR_T_PATH, NULL, "File with the chain, leaf first, in PEM form."),
    OPT(key, WEIR_T_PATH, NULL,
        "File with its private key; only root has to be able to read it."),
    {.name = "certificates",
     .type = WEIR_T_LIST | WEIR_T_GROUP,
     .offset = offsetof(struct tls_conf, certificates),
     .sub = pair_options,
     .sub_n = WEIR_COUNT(pair_options),
     .item_size = sizeof(struct tls_pair),
     .doc = "Several pairs, such as one with an RSA and one with an ECDSA key."},
    OPT(protocols, WEIR_T_LIST | WEIR_T_STR, NULL,
        "Versions to offer; absent: what the profile says."),
    {.name = "profile",
     .type = WEIR_T_ENUM,
     .names = profiles,
     .offset = offsetof(struct tls_conf, profile),
     .dflt = "intermediate",
     .doc = "intermediate: TLS 1.2 and 1.3; modern: 1.3 alone."},
    OPT(ciphers, WEIR_T_STR, NULL, "For TLS 1.2, as OpenSSL writes them."),
    OPT(groups, WEIR_T_LIST | WEIR_T_STR, NULL, "For the key exchange, best first."),
    OPT(tickets, WEIR_T_BOOL, "true",
        "Resumption by tickets; their keys change by themselves and are the same in all workers."),
    OPT(early_data, WEIR_T_BOOL, "false",
        "Takes requests with the first flight (0-RTT); only safe methods pass."),
    OPT(ocsp_file, WEIR_T_PATH, NULL, "A stapled OCSP response, in DER form."),
    {.name = "client",
     .type = WEIR_T_GROUP,
     .offset = offsetof(struct tls_conf, client),
     .sub = client_options,
     .sub_n = WEIR_COUNT(client_options),
     .doc = "Certificates of clients."},
    OPT(reject_unknown, WEIR_T_BOOL, "false",
        "Refuses handshakes for names that no site has, instead of answering them with 421."),
};

/* Everything is read for `weir -t`, too: what is wrong shows before the reload. */
static void check(weir_cfg *cfg, void *conf)
{
    struct tls_conf *tls = conf;

    session_init(weir_cfg_secret(cfg));
    tls->label = weir_cfg_label(cfg);
    tls->ctx = context_create(cfg, tls);
}

static void commit(weir_cfg *cfg, void *conf)
{
    renewal_add(cfg, conf);
}

/* ---- handshakes ---- */

static char error_text[512];

weir_str tls_error(const SSL *ssl)
{
    unsigned long code = ERR_peek_last_error();
    long verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    int n;

    if (verdict != X509_V_OK) {
        n = snprintf(error_text, sizeof(error_text), "%s: %s", reason ? reason : "certificate",
                     X509_verify_cert_error_string(verdict));
    } else {
        n = snprintf(error_text, sizeof(error_text), "%s", reason ? reason : "the other side left");
    }
    ERR_clear_error();
    return (weir_str){error_text, (size_t)n < sizeof(error_text) ? (size_t)n
                                                                 : sizeof(error_text) - 1};
}

static int bio_read(BIO *bio, char *p, int n)
{
    struct tls *tls = BIO_get_data(bio);
    ptrdiff_t got = weir_io_read(tls->io, p, (size_t)n);

    BIO_clear_retry_flags(bio);
    if (got == WEIR_IO_AGAIN) {
        BIO_set_retry_read(bio);
        return -1;
    }
    return got > 0 ? (int)got : got == WEIR_IO_END ? 0 : -1;
}

static int bio_write(BIO *bio, const char *p, int n)
{
    struct tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    return (int)weir_io_write(tls->io, p, (size_t)n);
}

static long bio_ctrl(BIO *bio, int what, long n, void *p)
{
    (void)bio;
    (void)n;
    (void)p;
    return what == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tls_bio_method(void)
{
    static BIO_METHOD *method;

    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
        BIO_meth_set_create(method, bio_create);
    }
    return method;
}

static struct tls *tls_create(weir_io *io, SSL *ssl)
{
    struct tls *tls = ssl ? calloc(1, sizeof(*tls)) : NULL;
    BIO *bio = tls ? BIO_new(tls_bio_method()) : NULL;

    if (!bio) {
        SSL_free(ssl);
        free(tls);
        return NULL;
    }
    tls->ssl = ssl;
    tls->io = io;
    BIO_set_data(bio, tls);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, tls);
    return tls;
}

static void *tls_accept(weir_io *io, const weir_listener *listener)
{
    const struct tls_conf *conf = weir_site_conf(listener, (weir_str){NULL, 0}, NULL);
    struct tls *tls = tls_create(io, SSL_new(conf->ctx));

    if (tls) {
        tls->listener = listener;
        tls->conf = conf;
        SSL_set_accept_state(tls->ssl);
    }
    return tls;
}

static void *tls_connect(weir_io *io, const void *settings, weir_str name)
{
    return tls_create(io, client_open(settings, name));
}

static weir_rc tls_handshake(void *state)
{
    struct tls *tls = state;
    int rc = SSL_do_handshake(tls->ssl);

    if (rc == 1) {
        return WEIR_OK;
    }
    switch (SSL_get_error(tls->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return WEIR_AGAIN;
    case SSL_ERROR_SSL:
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
            ERR_clear_error();
            return WEIR_DONE;
        }
        return WEIR_ERROR;
    default:
        return WEIR_ERROR;
    }
}

/* ---- bytes ---- */

static ptrdiff_t failed(struct tls *tls, int rc)
{
    int error = SSL_get_error(tls->ssl, rc);

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return WEIR_IO_AGAIN;
    }
    ERR_clear_error();
    return error == SSL_ERROR_ZERO_RETURN ? WEIR_IO_END : WEIR_IO_ERROR;
}

static ptrdiff_t tls_read(void *state, void *p, size_t n)
{
    struct tls *tls = state;
    size_t done = 0;

    while (done < n) {
        size_t got = 0;
        int rc = SSL_read_ex(tls->ssl, (char *)p + done, n - done, &got);

        if (rc != 1) {
            /* What came before the end is handed out first; the end shows again. */
            return done ? (ptrdiff_t)done : failed(tls, rc);
        }
        done += got;
        if (done < n && !SSL_has_pending(tls->ssl)) {
            break;
        }
    }
    return (ptrdiff_t)done;
}

static ptrdiff_t tls_write(void *state, const void *p, size_t n)
{
    struct tls *tls = state;
    size_t taken = 0;
    int rc = SSL_write_ex(tls->ssl, p, n, &taken);

    return rc == 1 ? (ptrdiff_t)taken : failed(tls, rc);
}

static weir_str tls_info(void *state, weir_transport_what what)
{
    struct tls *tls = state;
    const unsigned char *protocol;
    const char *name;
    unsigned n;

    switch (what) {
    case WEIR_TRANSPORT_PROTOCOL:
        SSL_get0_alpn_selected(tls->ssl, &protocol, &n);
        return (weir_str){(const char *)protocol, n};
    case WEIR_TRANSPORT_NAME:
        name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
        return (weir_str){name, name ? strlen(name) : 0};
    case WEIR_TRANSPORT_ERROR:
        return tls_error(tls->ssl);
    }
    return (weir_str){0};
}

static void tls_shutdown(void *state)
{
    struct tls *tls = state;

    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

static void tls_close(void *state)
{
    struct tls *tls = state;

    if (!SSL_in_init(tls->ssl)) {
        /* Without a close_notify of theirs OpenSSL would drop the session from resumption. */
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(tls->ssl);
    ERR_clear_error();
    free(tls);
}

/* ---- variables ---- */

static weir_rc give(const char *text, weir_str *out)
{
    *out = (weir_str){text, text ? strlen(text) : 0};
    return text ? WEIR_OK : WEIR_NOTFOUND;
}

/* A copy that lives as long as the request. */
static weir_rc keep(weir_req *req, const char *text, size_t n, weir_str *out)
{
    char *copy = weir_alloc(req, n + 1);

    memcpy(copy, text, n);
    copy[n] = '\0';
    *out = (weir_str){copy, n};
    return WEIR_OK;
}

static weir_rc give_name(weir_req *req, const X509_NAME *name, weir_str *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;

    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    long n = BIO_get_mem_data(bio, &text);
    weir_rc rc = keep(req, text, (size_t)n, out);
    BIO_free(bio);
    return rc;
}

static weir_rc client_verify(const SSL *ssl, const X509 *cert, weir_req *req, weir_str *out)
{
    char text[256];
    long verdict = SSL_get_verify_result(ssl);

    if (!cert) {
        return give("NONE", out);
    }
    if (verdict == X509_V_OK) {
        return give("SUCCESS", out);
    }
    int n = snprintf(text, sizeof(text), "FAILED:%s", X509_verify_cert_error_string(verdict));
    return keep(req, text, (size_t)n, out);
}

static weir_rc client_serial(weir_req *req, const X509 *cert, weir_str *out)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = BN_bn2hex(number);
    weir_rc rc = keep(req, hex, strlen(hex), out);

    OPENSSL_free(hex);
    BN_free(number);
    return rc;
}

static weir_rc client_fingerprint(weir_req *req, const X509 *cert, weir_str *out)
{
    unsigned char digest[20];
    char text[41];
    unsigned n = 0;

    X509_digest(cert, EVP_sha1(), digest, &n);
    for (unsigned i = 0; i < n; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    return keep(req, text, 2 * n, out);
}

static bool is(weir_str text, const char *name)
{
    return text.n == strlen(name) && memcmp(text.p, name, text.n) == 0;
}

/* $ssl_client_*: of the certificate that the client showed. */
static weir_rc client_variable(weir_req *req, SSL *ssl, weir_str what, weir_str *out)
{
    X509 *cert = SSL_get0_peer_certificate(ssl);

    if (is(what, "verify")) {
        return client_verify(ssl, cert, req, out);
    }
    if (!cert) {
        return WEIR_NOTFOUND;
    }
    if (is(what, "s_dn")) {
        return give_name(req, X509_get_subject_name(cert), out);
    }
    if (is(what, "i_dn")) {
        return give_name(req, X509_get_issuer_name(cert), out);
    }
    if (is(what, "serial")) {
        return client_serial(req, cert, out);
    }
    if (is(what, "fingerprint")) {
        return client_fingerprint(req, cert, out);
    }
    return WEIR_NOTFOUND;
}

static weir_rc get_variable(weir_req *req, weir_str what, weir_str *out)
{
    struct tls *tls = weir_transport_of(req);

    if (!tls) {
        return WEIR_NOTFOUND;
    }
    if (is(what, "protocol")) {
        return give(SSL_get_version(tls->ssl), out);
    }
    if (is(what, "cipher")) {
        return give(SSL_get_cipher_name(tls->ssl), out);
    }
    if (is(what, "server_name")) {
        return give(SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name), out);
    }
    if (is(what, "session_reused")) {
        return give(SSL_session_reused(tls->ssl) ? "r" : ".", out);
    }
    if (is(what, "early_data")) {
        return give(SSL_get_early_data_status(tls->ssl) == SSL_EARLY_DATA_ACCEPTED ? "1" : "", out);
    }
    if (what.n > 7 && memcmp(what.p, "client_", 7) == 0) {
        return client_variable(req, tls->ssl, (weir_str){what.p + 7, what.n - 7}, out);
    }
    return WEIR_NOTFOUND;
}

static const weir_var variables[] = {
    {.name = "ssl_*",
     .from = WEIR_REQ_START,
     .get = get_variable,
     .doc = "Of the client's TLS connection: protocol, cipher, server_name, session_reused (r or "
            "a dot), early_data, and of its certificate client_verify, client_s_dn, client_i_dn, "
            "client_serial, client_fingerprint."},
};

static const weir_transport_ops transport = {
    .size = sizeof(transport),
    .name = "tls",
    .accept = tls_accept,
    .client_settings = client_settings,
    .connect = tls_connect,
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .info = tls_info,
    .shutdown = tls_shutdown,
    .close = tls_close,
};

static const weir_module module = {
    WEIR_MODULE_HEAD("tls", "0.1"),
    .doc = "TLS for https:// listeners and backends.",
    .scopes = WEIR_S_SITE,
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .vars = variables,
    .var_n = WEIR_COUNT(variables),
    .conf_size = sizeof(struct tls_conf),
    .check = check,
    .commit = commit,
    .transport = &transport,
    .watch = renewal_watch,
    .told = renewal_told,
};

WEIR_MODULE(tls, 3, "transport var:ssl_*", module)
