/* SPDX-License-Identifier: Apache-2.0 */
#include "renewal.h"

#include "context.h"
#include "files.h"
#include "report.h"

#include <limits.h>
#include <stdio.h>

#define LABEL_MAX 200

/* One site's files. The list is made before workers are forked, so a number means the same in all
 * processes. */
struct watched {
    struct watched *next;
    uint32_t id;
    struct tls_conf *conf;
    weir_str *paths;
    size_t path_n;
    uint64_t state; /* of the files in use, or of those that were refused last */
    uint64_t seen;  /* a second ago */
    uint32_t days_left; /* metric */
};

static struct watched *first;
static uint32_t count;

/* The loader alone tells: workers would add up. */
static void tell_days(const struct watched *watched)
{
    SSL_CTX *ctx = watched->conf->ctx;
    int least = INT_MAX;

    for (long rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST); rc == 1;
         rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
        int days = 0, seconds = 0;

        ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(SSL_CTX_get0_certificate(ctx)));
        least = days < least ? days : least;
    }
    weir_metric_set(watched->days_left, least);
}

void renewal_add(weir_cfg *cfg, struct tls_conf *conf)
{
    struct watched *watched = weir_cfg_alloc(cfg, sizeof(*watched));
    const struct tls_pair *pairs = conf->certificates.items;
    char label[LABEL_MAX + 16];
    size_t n = 0;

    *watched = (struct watched){.next = first, .id = count++, .conf = conf};
    first = watched;
    weir_str *paths = weir_cfg_alloc(cfg, (5 + 2 * conf->certificates.n) * sizeof(*paths));
    paths[n++] = conf->certificate;
    paths[n++] = conf->key;
    paths[n++] = conf->ocsp_file;
    paths[n++] = conf->client.ca;
    paths[n++] = conf->client.crl;
    for (size_t i = 0; i < conf->certificates.n; i++) {
        paths[n++] = pairs[i].certificate;
        paths[n++] = pairs[i].key;
    }
    watched->paths = paths;
    watched->path_n = n;
    watched->state = watched->seen = files_state(paths, n);
    snprintf(label, sizeof(label), "site=\"%.*s\"", LABEL_MAX, conf->label ? conf->label : "");
    watched->days_left = weir_cfg_metric(cfg, "certificate_days_left", WEIR_METRIC_GAUGE, label,
                                         "Days until the site's first certificate expires.");
    tell_days(watched);
}

/* Handshakes under way keep the context they began with. */
static bool replace(struct tls_conf *conf)
{
    SSL_CTX *fresh = context_create(NULL, conf);

    if (!fresh) {
        weir_log(WEIR_LOG_ERROR, NULL,
                 "tls: site %s: its changed files are refused: what it had stays in use",
                 conf->label);
        return false;
    }
    SSL_CTX_free(conf->ctx);
    conf->ctx = fresh;
    return true;
}

void renewal_watch(void)
{
    for (struct watched *watched = first; watched; watched = watched->next) {
        uint64_t state = files_state(watched->paths, watched->path_n);

        tell_days(watched);
        if (state == watched->state) {
            continue;
        }
        if (state != watched->seen) {
            watched->seen = state; /* it may be half written: a second of quiet first */
            continue;
        }
        watched->state = state;
        if (replace(watched->conf)) {
            weir_log(WEIR_LOG_WARN, NULL, "tls: site %s: changed files are in use now",
                     watched->conf->label);
            files_send(watched->id, watched->paths, watched->path_n);
        }
    }
}

void renewal_told(const void *bytes, size_t n)
{
    uint32_t id;

    if (!files_receive(bytes, n, &id)) {
        return;
    }
    advise_not(true);
    for (struct watched *watched = first; watched; watched = watched->next) {
        if (watched->id == id) {
            replace(watched->conf);
        }
    }
    files_forget();
}
