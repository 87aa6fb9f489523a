/* SPDX-License-Identifier: Apache-2.0 */
/* connection.c - a connection's life: OpenSSL makes the handshake. A client's connection by TLS 1.3
 * then goes on with records alone; all others stay with OpenSSL. */
#include "connection.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "early.h"
#include "raw.h"
#include "records.h"
#include "secrets.h"

/* What a server collects while it shakes hands. */
struct handshake {
    struct traffic_secrets secrets;
    uint64_t sent; /* records in this call of SSL_do_handshake() */
    uint32_t left; /* bytes of the last one that were not written yet */
    uint8_t head_n;
    unsigned char head[5];
};

/* ---- why ---- */

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

/* ---- the socket ---- */

static int bio_read(BIO *bio, char *p, int n)
{
    struct tls *tls = BIO_get_data(bio);
    ptrdiff_t got = 1;

    BIO_clear_retry_flags(bio);
    if (!tls->raw || tls->raw->n == 0) {
        got = raw_fill(&tls->raw, tls->io);
    }
    if (got == WEIR_IO_AGAIN) {
        BIO_set_retry_read(bio);
        return -1;
    }
    return got > 0 ? (int)raw_take(tls->raw, p, (size_t)n) : got == WEIR_IO_END ? 0 : -1;
}

/* Counts the records that begin in what is written: OpenSSL tells nobody. */
static void count_records(struct handshake *handshake, const unsigned char *p, size_t n)
{
    while (n > 0) {
        size_t skipped = handshake->left < n ? handshake->left : n;

        handshake->left -= (uint32_t)skipped;
        p += skipped;
        n -= skipped;
        if (n > 0) {
            handshake->head[handshake->head_n++] = *p++;
            n--;
        }
        if (handshake->head_n == sizeof(handshake->head)) {
            handshake->left = (uint32_t)handshake->head[3] << 8 | handshake->head[4];
            handshake->head_n = 0;
            handshake->sent++;
        }
    }
}

static int bio_write(BIO *bio, const char *p, int n)
{
    struct tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (tls->handshake) {
        count_records(tls->handshake, (const unsigned char *)p, (size_t)n);
    }
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

static BIO_METHOD *bio_method(void)
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

/* ---- the handshake ---- */

static struct tls *tls_create(weir_io *io, SSL *ssl)
{
    struct tls *tls = ssl ? calloc(1, sizeof(*tls)) : NULL;
    BIO *bio = tls ? BIO_new(bio_method()) : NULL;

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
        tls->handshake = calloc(1, sizeof(*tls->handshake));
        tls->early = early_create();
        SSL_set_accept_state(tls->ssl);
    }
    return tls;
}

static void *tls_connect(weir_io *io, const void *settings, weir_str name)
{
    return tls_create(io, client_open(settings, name));
}

static struct tls_facts facts_of(SSL *ssl)
{
    return (struct tls_facts){.version = SSL_get_version(ssl),
                              .cipher = SSL_get_cipher_name(ssl),
                              .client = SSL_get0_peer_certificate(ssl),
                              .verdict = SSL_get_verify_result(ssl),
                              .reused = SSL_session_reused(ssl)};
}

struct tls_facts tls_facts(const struct tls *tls)
{
    return tls->ssl ? facts_of(tls->ssl) : tls->facts;
}

static void drop_ssl(struct tls *tls)
{
    if (tls->ssl && !SSL_in_init(tls->ssl)) {
        /* Without a close_notify of theirs OpenSSL would drop the session from resumption. */
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(tls->ssl);
    ERR_clear_error();
    tls->ssl = NULL;
}

static void drop_handshake(struct tls *tls)
{
    OPENSSL_cleanse(tls->handshake, tls->handshake ? sizeof(*tls->handshake) : 0);
    free(tls->handshake);
    tls->handshake = NULL;
}

/* The handshake is over. All that this call of SSL_do_handshake() has written came behind the
 * client's last message, so under the traffic secret: tickets. */
static void hand_over(struct tls *tls)
{
    const struct handshake *handshake = tls->handshake;

    if (handshake && handshake->secrets.have == 3 && SSL_version(tls->ssl) == TLS1_3_VERSION &&
        SSL_get_early_data_status(tls->ssl) != SSL_EARLY_DATA_ACCEPTED &&
        !SSL_has_pending(tls->ssl)) {
        tls->records = records_create(SSL_get_current_cipher(tls->ssl), &handshake->secrets,
                                      handshake->sent);
    }
    if (tls->records) {
        tls->facts = facts_of(tls->ssl);
        if (tls->facts.client) {
            X509_up_ref(tls->facts.client);
        }
        drop_ssl(tls);
    }
    drop_handshake(tls);
}

/* ---- what is counted of clients' handshakes ---- */

enum outcome {
    FULL,
    RESUMED,
    FAILED,
    OUTCOMES
};
static uint32_t handshakes[OUTCOMES];

void connection_open(weir_cfg *cfg)
{
    static const char *const labels[OUTCOMES] = {
        [FULL] = "outcome=\"full\"", [RESUMED] = "outcome=\"resumed\"", [FAILED] = "outcome=\"failed\""};

    for (int i = 0; i < OUTCOMES; i++) {
        handshakes[i] = weir_cfg_metric(cfg, "handshakes_total", WEIR_METRIC_COUNTER, labels[i],
                                        "Handshakes with clients, by what became of them.");
    }
}

static void count_handshake(const struct tls *tls, bool has_failed)
{
    if (SSL_is_server(tls->ssl)) {
        weir_metric_add(handshakes[has_failed ? FAILED : SSL_session_reused(tls->ssl) ? RESUMED : FULL], 1);
    }
}

static weir_rc tls_handshake(void *state)
{
    struct tls *tls = state;

    secrets_watch(tls->handshake ? &tls->handshake->secrets : NULL);
    int rc = tls->early ? early_handshake(tls) : 0;

    if (rc == 0 && !tls->early) {
        if (tls->handshake) {
            tls->handshake->sent = 0;
        }
        rc = SSL_do_handshake(tls->ssl);
        if (rc == 1) {
            count_handshake(tls, false);
            hand_over(tls);
        }
    } else if (rc == 1) {
        count_handshake(tls, false);
    }
    secrets_watch(NULL);
    raw_rest(&tls->raw);
    if (rc == 1) {
        return WEIR_OK;
    }
    int error = SSL_get_error(tls->ssl, rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return WEIR_AGAIN;
    }
    count_handshake(tls, true);
    switch (error) {
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
    int rc = 1;

    if (tls->records) {
        return records_read(tls->records, tls->io, &tls->raw, p, n);
    }
    while (done < n && rc == 1) {
        size_t got = 0;

        rc = tls->early ? early_read(tls, (char *)p + done, n - done, &got)
                        : SSL_read_ex(tls->ssl, (char *)p + done, n - done, &got);
        done += got;
        if (rc == 1 && !SSL_has_pending(tls->ssl) && (!tls->raw || tls->raw->n == 0)) {
            break;
        }
    }
    /* What came before the end is handed out first; the end shows again. */
    ptrdiff_t result = done ? (ptrdiff_t)done : failed(tls, rc);
    raw_rest(&tls->raw);
    return result;
}

static ptrdiff_t tls_write(void *state, const void *p, size_t n)
{
    struct tls *tls = state;
    size_t taken = 0;

    if (tls->records) {
        return records_write(tls->records, tls->io, p, n);
    }
    int rc = tls->early ? SSL_write_early_data(tls->ssl, p, n, &taken)
                        : SSL_write_ex(tls->ssl, p, n, &taken);
    return rc == 1 ? (ptrdiff_t)taken : failed(tls, rc);
}

static weir_str tls_info(void *state, weir_transport_what what)
{
    struct tls *tls = state;
    const unsigned char *protocol;
    const char *why;
    unsigned n;

    switch (what) {
    case WEIR_TRANSPORT_PROTOCOL:
        if (tls->listener) {
            return tls->protocol;
        }
        SSL_get0_alpn_selected(tls->ssl, &protocol, &n);
        return (weir_str){(const char *)protocol, n};
    case WEIR_TRANSPORT_NAME:
        return (weir_str){tls->name, tls->name ? strlen(tls->name) : 0};
    case WEIR_TRANSPORT_ERROR:
        if (tls->ssl) {
            return tls_error(tls->ssl);
        }
        why = records_error(tls->records);
        return (weir_str){why, strlen(why)};
    }
    return (weir_str){0};
}

static void tls_shutdown(void *state)
{
    struct tls *tls = state;

    if (tls->records) {
        records_end(tls->records, tls->io);
        return;
    }
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

static void tls_close(void *state)
{
    struct tls *tls = state;

    records_destroy(tls->records);
    drop_ssl(tls);
    drop_handshake(tls);
    early_destroy(tls);
    X509_free(tls->facts.client);
    free(tls->raw);
    free(tls->name);
    free(tls);
}

const weir_transport_ops tls_transport = {
    .size = sizeof(tls_transport),
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
