/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - TLS for listeners and for connections to backends, by OpenSSL. */
#include "tls.h"

#include "cache.h"
#include "connection.h"
#include "context.h"
#include "early.h"
#include "records.h"
#include "renewal.h"
#include "secrets.h"
#include "session.h"
#include "staple.h"
#include "variables.h"

/* ---- settings ---- */

static const char *const profiles[] = {"intermediate", "modern", NULL};
static const char *const ocsp_modes[] = {"off", "auto", NULL};
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
    {.name = "ocsp",
     .type = WEIR_T_ENUM,
     .names = ocsp_modes,
     .offset = offsetof(struct tls_conf, ocsp_mode),
     .dflt = "off",
     .doc = "auto: what the issuer's OCSP responder says is stapled."},
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
    secrets_init();
    records_init();
    tls->label = weir_cfg_label(cfg);
    tls->ctx = context_create(cfg, tls);
}

static void commit(weir_cfg *cfg, void *conf)
{
    const struct tls_conf *tls = conf;

    renewal_add(cfg, conf);
    staple_open(cfg, conf);
    cache_open(cfg);
    connection_open(cfg);
    if (tls->early_data) {
        early_open(cfg);
    }
}

static weir_rc worker_start(void)
{
    staple_start();
    return WEIR_OK;
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_LIMIT, .stage = -2, .fn = early_request}};

static const weir_module module = {
    WEIR_MODULE_HEAD("tls", "0.1"),
    .doc = "TLS for https:// listeners and backends.",
    .scopes = WEIR_S_SITE,
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .vars = tls_variables,
    .var_n = TLS_VARIABLE_N,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .conf_size = sizeof(struct tls_conf),
    .check = check,
    .commit = commit,
    .transport = &tls_transport,
    .worker_start = worker_start,
    .watch = renewal_watch,
    .told = renewal_told,
};

WEIR_MODULE(tls, 3, "transport var:ssl_*", module)
