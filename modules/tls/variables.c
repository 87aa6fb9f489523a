/* SPDX-License-Identifier: Apache-2.0 */
#include "variables.h"

#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>

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

static weir_rc client_verify(weir_req *req, const X509 *cert, long verdict, weir_str *out)
{
    char text[256];

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
static weir_rc client_variable(weir_req *req, const struct tls_facts *facts, weir_str what,
                               weir_str *out)
{
    X509 *cert = facts->client;

    if (is(what, "verify")) {
        return client_verify(req, cert, facts->verdict, out);
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
    const struct tls *tls = weir_transport_of(req);

    if (!tls) {
        return WEIR_NOTFOUND;
    }
    const struct tls_facts facts = tls_facts(tls);
    if (is(what, "protocol")) {
        return give(facts.version, out);
    }
    if (is(what, "cipher")) {
        return give(facts.cipher, out);
    }
    if (is(what, "server_name")) {
        return give(tls->name, out);
    }
    if (is(what, "session_reused")) {
        return give(facts.reused ? "r" : ".", out);
    }
    if (is(what, "early_data")) {
        return give(tls->early ? "1" : "", out);
    }
    if (what.n > 7 && memcmp(what.p, "client_", 7) == 0) {
        return client_variable(req, &facts, (weir_str){what.p + 7, what.n - 7}, out);
    }
    return WEIR_NOTFOUND;
}

const weir_var tls_variables[TLS_VARIABLE_N] = {
    {.name = "ssl_*",
     .from = WEIR_REQ_START,
     .get = get_variable,
     .doc = "Of the client's TLS connection: protocol, cipher, server_name, session_reused (r or "
            "a dot), early_data, and of its certificate client_verify, client_s_dn, client_i_dn, "
            "client_serial, client_fingerprint."},
};
