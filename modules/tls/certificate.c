/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "files.h"
#include "report.h"

#define SOON_DAYS 14
#define RSA_BITS_MIN 2048
#define EC_BITS_MIN 224

/* NULL: reported. */
static BIO *open_file(weir_cfg *cfg, const char *opt, weir_str path)
{
    BIO *bio = files_open(path.p);

    if (!bio) {
        complain(cfg, opt, "cannot read %s: %s", path.p, strerror(errno));
        ERR_clear_error();
    }
    return bio;
}

/* Keys with a pass phrase would have weir wait at a terminal that it does not have. */
static int no_pass_phrase(char *buf, int size, int for_writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)for_writing;
    *(bool *)arg = true;
    return -1;
}

static EVP_PKEY *read_key(weir_cfg *cfg, const char *opt, weir_str path)
{
    BIO *bio = open_file(cfg, opt, path);
    bool is_locked = false;

    if (!bio) {
        return NULL;
    }
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, &is_locked);
    BIO_free(bio);
    if (!key) {
        complain(cfg, opt, is_locked ? "%s is locked by a pass phrase: store it without one, "
                                             "readable by root alone"
                                           : "%s holds no private key in PEM form", path.p);
        ERR_clear_error();
    }
    return key;
}

/* The leaf, and the rest in *chain. NULL: reported. */
static X509 *read_chain(weir_cfg *cfg, const char *opt, weir_str path, STACK_OF(X509) **chain)
{
    BIO *bio = open_file(cfg, opt, path);
    X509 *leaf, *next;

    *chain = NULL;
    if (!bio) {
        return NULL;
    }
    leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    if (!leaf) {
        complain(cfg, opt, "%s holds no certificate in PEM form", path.p);
    } else {
        *chain = sk_X509_new_null();
        while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
            sk_X509_push(*chain, next);
        }
    }
    ERR_clear_error(); /* the end of the file shows as an error */
    BIO_free(bio);
    return leaf;
}

/* ---- checks ---- */

static void name_of(const X509 *cert, char *text, int size)
{
    X509_NAME_oneline(X509_get_subject_name(cert), text, size);
}

static bool check_dates(weir_cfg *cfg, const char *opt, const char *path, const X509 *cert)
{
    int days = 0, seconds = 0;

    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        complain(cfg, opt, "%s is not valid yet: is the clock right?", path);
        return false;
    }
    ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert));
    if (days < 0 || seconds < 0) {
        complain(cfg, opt, "%s expired %d days ago: renew it", path, -days);
        return false;
    }
    if (days < SOON_DAYS) {
        advise(cfg, opt, "%s expires in %d days", path, days);
    }
    return true;
}

static bool check_strength(weir_cfg *cfg, const char *opt, const char *path, EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    int type = EVP_PKEY_get_base_id(key);
    int least = type == EVP_PKEY_RSA ? RSA_BITS_MIN : EC_BITS_MIN;

    if (bits < least) {
        complain(cfg, opt, "%s has a key of %d bits: clients expect at least %d", path, bits,
                       least);
        return false;
    }
    return true;
}

/* Does it end at a root, its own or one that this system trusts? Purposes and names are not looked
 * at. */
static bool is_anchored(X509 *leaf, STACK_OF(X509) *chain)
{
    int n = sk_X509_num(chain);
    X509 *top = n > 0 ? sk_X509_value(chain, n - 1) : leaf;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool fine = X509_check_issued(top, top) == X509_V_OK;

    if (!fine && store && ctx && X509_STORE_set_default_paths(store) == 1 &&
        X509_STORE_CTX_init(ctx, store, leaf, chain) == 1) {
        X509_verify_cert(ctx);
        int verdict = X509_STORE_CTX_get_error(ctx);

        fine = verdict != X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY &&
               verdict != X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
    }
    ERR_clear_error();
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return fine;
}

/* Each certificate must be followed by its issuer, up to one whose issuer clients know. */
static bool check_chain(weir_cfg *cfg, const char *opt, const char *path, X509 *leaf,
                        STACK_OF(X509) *chain)
{
    X509 *below = leaf;
    char name[256], issuer[256];

    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *above = sk_X509_value(chain, i);

        if (X509_check_issued(above, below) != X509_V_OK) {
            name_of(above, name, sizeof(name));
            X509_NAME_oneline(X509_get_issuer_name(below), issuer, sizeof(issuer));
            complain(cfg, opt, "%s: certificate %d is for \"%s\", but the one before it was "
                           "issued by \"%s\": put leaf first, then each issuer", path, i + 2, name,
                           issuer);
            return false;
        }
        if (!check_dates(cfg, opt, path, above)) {
            return false;
        }
        below = above;
    }
    if (!is_anchored(leaf, chain)) {
        X509_NAME_oneline(X509_get_issuer_name(below), issuer, sizeof(issuer));
        advise(cfg, opt, "%s: the chain is incomplete: it ends at a certificate issued by \"%s\", "
               "which this system does not know; clients that do not know it either will refuse "
               "the site: append that issuer's certificate", path, issuer);
    }
    return true;
}

static bool names_site(X509 *leaf, const char *name)
{
    return !strchr(name, '.') || name[strlen(name) - 1] == '*' ||
           X509_check_host(leaf, name, 0, 0, NULL) == 1 ||
           (name[0] == '*' && X509_check_host(leaf, name + 1, 0,
                                              X509_CHECK_FLAG_NO_WILDCARDS, NULL) != -2 &&
            X509_check_host(leaf, name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1);
}

static bool is_sound(weir_cfg *cfg, const char *opt, const struct tls_pair *pair,
                     const char *label, X509 *leaf, STACK_OF(X509) *chain, EVP_PKEY *key)
{
    const char *path = pair->certificate.p;

    if (X509_check_private_key(leaf, key) != 1) {
        ERR_clear_error();
        complain(cfg, opt, "the key in %s does not belong to the certificate in %s",
                       pair->key.p, path);
        return false;
    }
    if (label && strchr(label, '.') && !names_site(leaf, label)) {
        advise(cfg, opt, "%s is not for the site's name %s: clients will refuse it", path,
                      label);
    }
    return check_dates(cfg, opt, path, leaf) && check_strength(cfg, opt, path, key) &&
           check_chain(cfg, opt, path, leaf, chain);
}

bool certificate_use(weir_cfg *cfg, const char *opt, const struct tls_pair *pair,
                     const char *label, SSL_CTX *ctx)
{
    STACK_OF(X509) *chain = NULL;
    X509 *leaf = read_chain(cfg, opt, pair->certificate, &chain);
    EVP_PKEY *key = leaf ? read_key(cfg, "key", pair->key) : NULL;
    bool fine = leaf && key && is_sound(cfg, opt, pair, label, leaf, chain, key);

    if (fine && SSL_CTX_use_cert_and_key(ctx, leaf, key, chain, 1) != 1) {
        complain(cfg, opt, "%s: OpenSSL refuses it: %.*s", pair->certificate.p,
                       (int)tls_error(NULL).n, tls_error(NULL).p);
        fine = false;
    }
    sk_X509_pop_free(chain, X509_free);
    X509_free(leaf);
    EVP_PKEY_free(key);
    return fine;
}

/* ---- what clients are checked against ---- */

bool certificate_trust(SSL_CTX *ctx, weir_str path)
{
    BIO *bio = files_open(path.p);
    X509 *issuer;
    int n = 0;

    while (bio && (issuer = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
        n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), issuer) == 1 &&
             SSL_CTX_add_client_CA(ctx, issuer) == 1;
        X509_free(issuer);
    }
    ERR_clear_error();
    BIO_free(bio);
    return n > 0;
}

bool certificate_revoke(SSL_CTX *ctx, weir_str path)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    BIO *bio = files_open(path.p);
    X509_CRL *list;
    int n = 0;

    while (bio && (list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        n += X509_STORE_add_crl(store, list) == 1;
        X509_CRL_free(list);
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    ERR_clear_error();
    BIO_free(bio);
    return n > 0;
}

/* ---- stapling ---- */

bool certificate_read_ocsp(weir_cfg *cfg, weir_str path, unsigned char **out, long *n)
{
    BIO *bio = open_file(cfg, "ocsp_file", path);
    OCSP_RESPONSE *response = bio ? d2i_OCSP_RESPONSE_bio(bio, NULL) : NULL;
    bool fine = response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;

    *out = NULL;
    if (fine) {
        *n = i2d_OCSP_RESPONSE(response, out);
    } else if (bio) {
        complain(cfg, "ocsp_file", "%s holds no successful OCSP response in DER form", path.p);
    }
    ERR_clear_error();
    OCSP_RESPONSE_free(response);
    BIO_free(bio);
    return fine;
}
