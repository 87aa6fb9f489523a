/* SPDX-License-Identifier: Apache-2.0 */
#include "early.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

#include "raw.h"

#define EARLY_MAX 16384      /* bytes that a client may send so */
#define SEEN_BYTES (1u << 20)
#define SEEN_MS (60 * 1000)  /* older messages OpenSSL refuses by the age of their ticket */
#define RANDOM_BYTES 32

struct early {
    bool ended;       /* all of it was read: the handshake goes on */
    uint32_t at, n;   /* what is in bytes[] */
    char bytes[4096];
};

static bool is_used;
static weir_zone *seen;

/* A recorded first message comes with the same random bytes; its binder covers them. */
static int is_first(SSL *ssl, void *arg)
{
    unsigned char random[RANDOM_BYTES];
    int64_t times = 0;

    (void)arg;
    SSL_get_client_random(ssl, random, sizeof(random));
    return seen &&
           weir_table_add(seen, (weir_str){(const char *)random, sizeof(random)}, 1, SEEN_MS,
                          &times) == WEIR_OK &&
           times == 1;
}

void early_use(SSL_CTX *ctx, bool takes)
{
    /* A connection begins with the settings of the listener's first site, whoever it is for. */
    SSL_CTX_set_allow_early_data_cb(ctx, is_first, NULL);
    if (!takes) {
        return;
    }
    is_used = true;
    SSL_CTX_set_max_early_data(ctx, EARLY_MAX);
    SSL_CTX_set_recv_max_early_data(ctx, EARLY_MAX);
    /* OpenSSL's own protection knows one process alone. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);
}

void early_open(weir_cfg *cfg)
{
    if (!seen) {
        seen = weir_cfg_table(cfg, "early", SEEN_BYTES);
    }
}

struct early *early_create(void)
{
    return is_used ? calloc(1, sizeof(struct early)) : NULL;
}

void early_destroy(struct tls *tls)
{
    free(tls->early);
    tls->early = NULL;
}

int early_handshake(struct tls *tls)
{
    struct early *early = tls->early;
    size_t n = 0;

    switch (SSL_read_early_data(tls->ssl, early->bytes, sizeof(early->bytes), &n)) {
    case SSL_READ_EARLY_DATA_SUCCESS:
        early->n = (uint32_t)n;
        return 1;
    case SSL_READ_EARLY_DATA_FINISH:
        early_destroy(tls);
        return 0;
    default:
        return -1;
    }
}

int early_read(struct tls *tls, void *p, size_t n, size_t *got)
{
    struct early *early = tls->early;

    if (early->n > 0) {
        *got = n < early->n ? n : early->n;
        memcpy(p, early->bytes + early->at, *got);
        early->at += (uint32_t)*got;
        early->n -= (uint32_t)*got;
        return 1;
    }
    if (!early->ended) {
        switch (SSL_read_early_data(tls->ssl, p, n, got)) {
        case SSL_READ_EARLY_DATA_SUCCESS:
            return 1;
        case SSL_READ_EARLY_DATA_FINISH:
            early->ended = true;
            break;
        default:
            return -1;
        }
    }
    int rc = SSL_do_handshake(tls->ssl);
    if (rc != 1) {
        return rc;
    }
    early_destroy(tls);
    return SSL_read_ex(tls->ssl, p, n, got);
}

static bool is_safe(weir_str method)
{
    static const char *const safe[] = {"GET", "HEAD", "OPTIONS", "TRACE"};

    for (size_t i = 0; i < WEIR_COUNT(safe); i++) {
        if (strlen(safe[i]) == method.n && memcmp(safe[i], method.p, method.n) == 0) {
            return true;
        }
    }
    return false;
}

weir_rc early_request(weir_req *req, const void *conf)
{
    const struct tls *tls = weir_transport_of(req);

    (void)conf;
    if (!tls || !tls->early) {
        return WEIR_NEXT;
    }
    if (!is_safe(weir_get(req, WEIR_GET_METHOD))) {
        return weir_reply(req, 425, WEIR_REASON_HTTP_REQUEST_DENIED, WEIR_STR("text/plain"),
                          WEIR_STR("425 Too Early\n"),
                          "a request that changes something came as early data: it is to be sent "
                          "again after the handshake");
    }
    weir_edit(req, WEIR_REQUEST, WEIR_SET, WEIR_STR("Early-Data"), WEIR_STR("1"));
    return WEIR_NEXT;
}
