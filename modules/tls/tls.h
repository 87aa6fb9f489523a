/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - what the files of the module share: its settings and a connection's state. */
#ifndef TLS_H
#define TLS_H

#include <weir/module.h>

#include <openssl/ssl.h>

enum tls_profile { PROFILE_INTERMEDIATE, PROFILE_MODERN };
enum tls_ocsp { OCSP_OFF, OCSP_AUTO };
enum tls_verify { VERIFY_OFF, VERIFY_OPTIONAL, VERIFY_REQUIRED };

struct tls_pair {
    weir_str certificate, key; /* files */
};

struct tls_conf {
    weir_str certificate, key;
    weir_list certificates; /* struct tls_pair */
    weir_list protocols;    /* weir_str */
    uint32_t profile;       /* enum tls_profile */
    weir_str ciphers;
    weir_list groups;       /* weir_str */
    bool tickets, early_data, reject_unknown;
    uint32_t ocsp_mode; /* enum tls_ocsp */
    weir_str ocsp_file;
    struct {
        uint32_t verify; /* enum tls_verify */
        weir_str ca, crl;
        int64_t depth;
    } client;
    /* made by check() */
    const char *label;      /* the site's first name */
    char group_text[256];   /* as OpenSSL writes groups */
    SSL_CTX *ctx;
    unsigned char *ocsp;    /* a stapled response, DER; NULL: none */
    long ocsp_n;
};

/* What is told of a connection, whoever has it now. */
struct tls_facts {
    const char *version, *cipher;
    X509 *client; /* borrowed; NULL: it showed no certificate */
    long verdict; /* X509_V_* */
    bool reused;
};

/* What only the handshake needs. */
struct handshake;
struct early;
struct raw;
struct records;

/* A connection, either role. */
struct tls {
    SSL *ssl;                      /* NULL: records took over when the handshake had ended */
    struct records *records;
    weir_io *io;
    struct raw *raw;               /* NULL: nothing has come that was not taken */
    struct handshake *handshake;   /* server; NULL: it is over */
    struct early *early;           /* NULL: what is read came after the handshake */
    const weir_listener *listener; /* NULL: weir is the client */
    const struct tls_conf *conf;   /* of the site that it is for; NULL: weir is the client */
    char *name;                    /* that the client asked for, lower case; NULL: none */
    weir_str protocol;             /* chosen by ALPN; lives as long as the configuration, server only */
    struct tls_facts facts;        /* once `ssl` is gone */
};

/* Of either owner. */
struct tls_facts tls_facts(const struct tls *tls);

/* Writes why the last OpenSSL call failed into a buffer of the process; clears the queue. */
weir_str tls_error(const SSL *ssl);

#endif
