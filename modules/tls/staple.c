/* SPDX-License-Identifier: Apache-2.0 */
#include "staple.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "responder.h"

#define ENTRIES 4          /* certificates of one site */
#define RESPONSE_MAX 8000
#define ZONE_LAYOUT 1
#define LOOK_MS 1000
#define RETRY_S 60         /* after a failure; also how long one worker may take */
#define FRESH_MIN_S 60
#define FRESH_MAX_S (24 * 3600)

struct entry {
    unsigned char leaf[SHA_DIGEST_LENGTH]; /* whose */
    int64_t ask_s;   /* when a worker is to ask again */
    int64_t until_s; /* it is not stapled any more from then on */
    uint32_t n;
    unsigned char response[RESPONSE_MAX];
};

/* A site whose issuers' responders are asked. */
struct stapled {
    struct stapled *next;
    struct tls_conf *conf;
    weir_zone *zone; /* struct entry[ENTRIES] */
};

static struct stapled *first;

/* ---- shared memory ---- */

/* Takes the lock; the caller gives it back. */
static struct entry *entries_of(const struct stapled *stapled)
{
    struct entry *entries = weir_zone_at(stapled->zone);

    if (weir_zone_lock(stapled->zone, 0) == WEIR_GONE) {
        memset(entries, 0, ENTRIES * sizeof(*entries)); /* one of them may be half written */
    }
    return entries;
}

/* OpenSSL keeps this one with the certificate; it only tells ours apart. */
static void mark_of(const X509 *leaf, unsigned char mark[SHA_DIGEST_LENGTH])
{
    X509_digest(leaf, EVP_sha1(), mark, NULL);
}

/* That certificate's entry, or the one to be used for it. */
static struct entry *entry_of(struct entry *entries, const unsigned char *mark)
{
    struct entry *oldest = &entries[0];

    for (int i = 0; i < ENTRIES; i++) {
        if (memcmp(entries[i].leaf, mark, SHA_DIGEST_LENGTH) == 0) {
            return &entries[i];
        }
        oldest = entries[i].until_s < oldest->until_s ? &entries[i] : oldest;
    }
    return oldest;
}

static struct stapled *stapled_of(const struct tls_conf *conf)
{
    struct stapled *stapled = first;

    while (stapled && stapled->conf != conf) {
        stapled = stapled->next;
    }
    return stapled;
}

/* ---- handshakes ---- */

static int staple(SSL *ssl, const unsigned char *response, size_t n)
{
    unsigned char *copy = n ? OPENSSL_memdup(response, n) : NULL;

    if (!copy) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)n); /* takes the copy */
    return SSL_TLSEXT_ERR_OK;
}

static int on_status(SSL *ssl, void *arg)
{
    const struct tls_conf *conf = arg;
    struct stapled *stapled = stapled_of(conf);
    const X509 *leaf = SSL_get_certificate(ssl);
    unsigned char mark[SHA_DIGEST_LENGTH];
    int rc = SSL_TLSEXT_ERR_NOACK;

    if (conf->ocsp) {
        return staple(ssl, conf->ocsp, (size_t)conf->ocsp_n);
    }
    if (!stapled || !leaf) {
        return rc;
    }
    mark_of(leaf, mark);
    const struct entry *entry = entry_of(entries_of(stapled), mark);
    if (memcmp(entry->leaf, mark, sizeof(mark)) == 0 && entry->until_s > weir_wall_ms() / 1000) {
        rc = staple(ssl, entry->response, entry->n);
    }
    weir_zone_unlock(stapled->zone, 0);
    return rc;
}

static X509 *issuer_in_chain(SSL_CTX *ctx)
{
    STACK_OF(X509) *chain = NULL;

    SSL_CTX_get0_chain_certs(ctx, &chain);
    return sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;
}

void staple_use(weir_cfg *cfg, struct tls_conf *conf, SSL_CTX *ctx)
{
    if (!conf->ocsp_file.n && conf->ocsp_mode == OCSP_OFF) {
        return;
    }
    SSL_CTX_set_tlsext_status_cb(ctx, on_status);
    SSL_CTX_set_tlsext_status_arg(ctx, conf);
    if (conf->ocsp_file.n) {
        return;
    }
    for (long rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST); rc == 1;
         rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
        X509 *leaf = SSL_CTX_get0_certificate(ctx);

        if (!responder_is_named(leaf)) {
            advise(cfg, "ocsp", "a certificate of site %s names no responder that answers over "
                   "http://: nothing is stapled to it", conf->label);
        } else if (!issuer_in_chain(ctx)) {
            advise(cfg, "ocsp", "the chain of site %s lacks the issuer, which a question to its "
                   "responder needs: nothing is stapled", conf->label);
        }
    }
}

void staple_open(weir_cfg *cfg, struct tls_conf *conf)
{
    char name[300];

    if (conf->ocsp_mode == OCSP_OFF || conf->ocsp_file.n) {
        return;
    }
    struct stapled *stapled = weir_cfg_alloc(cfg, sizeof(*stapled));
    snprintf(name, sizeof(name), "ocsp-%s", conf->label ? conf->label : "");
    *stapled = (struct stapled){
        .next = first,
        .conf = conf,
        .zone = weir_cfg_zone(cfg, name, ENTRIES * sizeof(struct entry), ZONE_LAYOUT, 1)};
    first = stapled->zone ? stapled : first;
}

/* ---- keeping them fresh ---- */

struct asked {
    struct stapled *stapled;
    unsigned char mark[SHA_DIGEST_LENGTH];
};

static int64_t ask_again_in(int64_t valid_s)
{
    int64_t half = valid_s / 2;

    return half < FRESH_MIN_S ? FRESH_MIN_S : half > FRESH_MAX_S ? FRESH_MAX_S : half;
}

static void on_answer(void *arg, const struct answer *answer)
{
    struct asked *asked = arg;
    int64_t now = weir_wall_ms() / 1000;
    struct entry *entry = entry_of(entries_of(asked->stapled), asked->mark);

    if (answer->der && (size_t)answer->n <= sizeof(entry->response)) {
        memcpy(entry->leaf, asked->mark, sizeof(entry->leaf));
        memcpy(entry->response, answer->der, (size_t)answer->n);
        entry->n = (uint32_t)answer->n;
        entry->until_s = answer->until_s;
        entry->ask_s = now + ask_again_in(answer->until_s - now);
    }
    weir_zone_unlock(asked->stapled->zone, 0);
    if (!answer->der) {
        weir_log(WEIR_LOG_WARN, NULL, "tls: site %s: its OCSP responder gave nothing to staple: %s",
                 asked->stapled->conf->label, answer->error);
    }
    free(asked);
}

/* This worker takes it upon itself, if nobody has. */
static bool is_ours_to_ask(struct stapled *stapled, const unsigned char *mark)
{
    int64_t now = weir_wall_ms() / 1000;
    struct entry *entry = entry_of(entries_of(stapled), mark);
    bool is_known = memcmp(entry->leaf, mark, SHA_DIGEST_LENGTH) == 0;
    bool is_due = !is_known || entry->ask_s <= now;

    if (is_due) {
        if (!is_known) {
            memcpy(entry->leaf, mark, SHA_DIGEST_LENGTH);
            entry->n = 0;
            entry->until_s = 0;
        }
        entry->ask_s = now + RETRY_S;
    }
    weir_zone_unlock(stapled->zone, 0);
    return is_due;
}

static void ask(struct stapled *stapled, X509 *leaf, X509 *issuer)
{
    unsigned char mark[SHA_DIGEST_LENGTH];
    struct asked *asked;

    if (!issuer || !responder_is_named(leaf)) {
        return;
    }
    mark_of(leaf, mark);
    if (!is_ours_to_ask(stapled, mark) || !(asked = malloc(sizeof(*asked)))) {
        return;
    }
    asked->stapled = stapled;
    memcpy(asked->mark, mark, sizeof(mark));
    if (!responder_ask(leaf, issuer, on_answer, asked)) {
        free(asked);
    }
}

static void look(void *arg)
{
    (void)arg;
    for (struct stapled *stapled = first; stapled; stapled = stapled->next) {
        SSL_CTX *ctx = stapled->conf->ctx;

        for (long rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST); rc == 1;
             rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
            ask(stapled, SSL_CTX_get0_certificate(ctx), issuer_in_chain(ctx));
        }
    }
    weir_timer_start(LOOK_MS, look, NULL);
}

void staple_start(void)
{
    if (first) {
        weir_timer_start(0, look, NULL);
    }
}
