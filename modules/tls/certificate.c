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

#define SOON_DAYS 14
#define RSA_BITS_MIN 2048
#define EC_BITS_MIN 224

/* NULL: reported. */
static BIO *open_file(weir_cfg *cfg, const char *opt, weir_str path)
{
    BIO *bio = BIO_new_file(path.p, "r");

    if (!bio) {
        weir_cfg_error(cfg, opt, "cannot read %s: %s", path.p, strerror(errno));
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
        weir_cfg_error(cfg, opt, is_locked ? "%s is locked by a pass phrase: store it without one, "
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
        weir_cfg_error(cfg, opt, "%s holds no certificate in PEM form", path.p);
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
        weir_cfg_error(cfg, opt, "%s is not valid yet: is the clock right?", path);
        return false;
    }
    ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert));
    if (days < 0 || seconds < 0) {
        weir_cfg_error(cfg, opt, "%s expired %d days ago: renew it", path, -days);
        return false;
    }
    if (days < SOON_DAYS) {
        weir_cfg_warn(cfg, opt, "%s expires in %d days", path, days);
    }
    return true;
}

static bool check_strength(weir_cfg *cfg, const char *opt, const char *path, EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    int type = EVP_PKEY_get_base_id(key);
    int least = type == EVP_PKEY_RSA ? RSA_BITS_MIN : EC_BITS_MIN;

    if (bits < least) {
        weir_cfg_error(cfg, opt, "%s has a key of %d bits: clients expect at least %d", path, bits,
                       least);
        return false;
    }
    return true;
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
            weir_cfg_error(cfg, opt, "%s: certificate %d is for \"%s\", but the one before it was "
                           "issued by \"%s\": put leaf first, then each issuer", path, i + 2, name,
                           issuer);
            return false;
        }
        if (!check_dates(cfg, opt, path, above)) {
            return false;
        }
        below = above;
    }
    bool self_signed = X509_check_issued(leaf, leaf) == X509_V_OK;
    if (sk_X509_num(chain) == 0 && !self_signed) {
        X509_NAME_oneline(X509_get_issuer_name(leaf), issuer, sizeof(issuer));
        weir_cfg_warn(cfg, opt, "%s holds the leaf alone: clients that do not know its issuer "
                      "\"%s\" will refuse it; append that one's certificate", path, issuer);
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

static bool is_sound(weir_cfg *cfg, const char *opt, const struct tls_pair *pair, X509 *leaf,
                     STACK_OF(X509) *chain, EVP_PKEY *key)
{
    const char *path = pair->certificate.p;
    const char *label = weir_cfg_label(cfg);

    if (X509_check_private_key(leaf, key) != 1) {
        ERR_clear_error();
        weir_cfg_error(cfg, opt, "the key in %s does not belong to the certificate in %s",
                       pair->key.p, path);
        return false;
    }
    if (weir_cfg_scope(cfg) == WEIR_S_SITE && label && strchr(label, '.') &&
        !names_site(leaf, label)) {
        weir_cfg_warn(cfg, opt, "%s is not for the site's name %s: clients will refuse it", path,
                      label);
    }
    return check_dates(cfg, opt, path, leaf) && check_strength(cfg, opt, path, key) &&
           check_chain(cfg, opt, path, leaf, chain);
}

bool certificate_use(weir_cfg *cfg, const char *opt, const struct tls_pair *pair, SSL_CTX *ctx)
{
    STACK_OF(X509) *chain = NULL;
    X509 *leaf = read_chain(cfg, opt, pair->certificate, &chain);
    EVP_PKEY *key = leaf ? read_key(cfg, "key", pair->key) : NULL;
    bool fine = leaf && key && is_sound(cfg, opt, pair, leaf, chain, key);

    if (fine && SSL_CTX_use_cert_and_key(ctx, leaf, key, chain, 1) != 1) {
        weir_cfg_error(cfg, opt, "%s: OpenSSL refuses it: %.*s", pair->certificate.p,
                       (int)tls_error(NULL).n, tls_error(NULL).p);
        fine = false;
    }
    sk_X509_pop_free(chain, X509_free);
    X509_free(leaf);
    EVP_PKEY_free(key);
    return fine;
}

bool certificate_read_ocsp(weir_cfg *cfg, struct tls_conf *conf)
{
    BIO *bio = open_file(cfg, "ocsp_file", conf->ocsp_file);
    OCSP_RESPONSE *response = bio ? d2i_OCSP_RESPONSE_bio(bio, NULL) : NULL;
    bool fine = response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;

    if (fine) {
        conf->ocsp_n = i2d_OCSP_RESPONSE(response, &conf->ocsp);
    } else if (bio) {
        weir_cfg_error(cfg, "ocsp_file", "%s holds no successful OCSP response in DER form",
                       conf->ocsp_file.p);
    }
    ERR_clear_error();
    OCSP_RESPONSE_free(response);
    BIO_free(bio);
    return fine;
}
