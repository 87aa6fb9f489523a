/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - a table of sets. An id leads to one set; in it the session that ends first makes room. */
#include "cache.h"

#include <openssl/crypto.h>

#include <string.h>

#define CACHE_BYTES (4u << 20)
#define SET_SLOTS 4
#define LAYOUT 1

struct slot {
    int64_t expires_s; /* 0: empty */
    uint16_t n;        /* bytes of the session */
    uint8_t id_n;
    unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
    unsigned char session[1024 - 8 - 2 - 1 - SSL_MAX_SSL_SESSION_ID_LENGTH - 5];
};

struct set {
    struct slot slots[SET_SLOTS];
};

#define SETS (CACHE_BYTES / sizeof(struct set))

static weir_zone *zone;

static int64_t now_s(void)
{
    return weir_wall_ms() / 1000;
}

/* Locks the set of the id. Ids are random: their first bytes are as good as a hash. */
static struct set *lock_set(const unsigned char *id, size_t n, uint32_t *stripe)
{
    struct set *sets = weir_zone_at(zone);
    uint32_t hash = 0;

    memcpy(&hash, id, n < sizeof(hash) ? n : sizeof(hash));
    uint32_t at = hash % SETS;
    *stripe = at % WEIR_ZONE_STRIPES;
    if (weir_zone_lock(zone, *stripe) == WEIR_GONE) {
        for (uint32_t i = *stripe; i < SETS; i += WEIR_ZONE_STRIPES) {
            memset(&sets[i], 0, sizeof(sets[i])); /* any of them may be half written */
        }
    }
    return &sets[at];
}

static struct slot *find(struct set *set, const unsigned char *id, size_t n)
{
    for (int i = 0; i < SET_SLOTS; i++) {
        struct slot *slot = &set->slots[i];

        if (slot->expires_s > now_s() && slot->id_n == n && memcmp(slot->id, id, n) == 0) {
            return slot;
        }
    }
    return NULL;
}

static int on_new(SSL *ssl, SSL_SESSION *session)
{
    unsigned id_n;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_n);
    int n = zone && SSL_version(ssl) < TLS1_3_VERSION ? i2d_SSL_SESSION(session, NULL) : 0;
    uint32_t stripe;

    if (n <= 0 || (size_t)n > sizeof(((struct slot *)0)->session) || id_n == 0) {
        return 0;
    }
    struct set *set = lock_set(id, id_n, &stripe);
    struct slot *slot = &set->slots[0];
    for (int i = 1; i < SET_SLOTS; i++) {
        slot = set->slots[i].expires_s < slot->expires_s ? &set->slots[i] : slot;
    }
    unsigned char *p = slot->session;
    slot->n = (uint16_t)i2d_SSL_SESSION(session, &p);
    slot->id_n = (uint8_t)id_n;
    memcpy(slot->id, id, id_n);
    slot->expires_s = now_s() + SSL_SESSION_get_timeout(session);
    weir_zone_unlock(zone, stripe);
    return 0; /* the session stays OpenSSL's */
}

static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int n, int *keep)
{
    unsigned char bytes[sizeof(((struct slot *)0)->session)];
    const unsigned char *p = bytes;
    size_t found_n = 0;
    uint32_t stripe;

    (void)ssl;
    *keep = 0;
    if (!zone || n <= 0) {
        return NULL;
    }
    const struct slot *slot = find(lock_set(id, (size_t)n, &stripe), id, (size_t)n);
    if (slot) {
        found_n = slot->n;
        memcpy(bytes, slot->session, found_n);
    }
    weir_zone_unlock(zone, stripe);
    SSL_SESSION *session = found_n ? d2i_SSL_SESSION(NULL, &p, (long)found_n) : NULL;
    OPENSSL_cleanse(bytes, found_n);
    return session;
}

/* A connection ended with an error: its session must not be resumed (RFC 5246, 7.2.2). */
static void on_remove(SSL_CTX *ctx, SSL_SESSION *session)
{
    unsigned n;
    const unsigned char *id = SSL_SESSION_get_id(session, &n);
    uint32_t stripe;

    (void)ctx;
    if (!zone || n == 0) {
        return;
    }
    struct slot *slot = find(lock_set(id, n, &stripe), id, n);
    if (slot) {
        memset(slot, 0, sizeof(*slot));
    }
    weir_zone_unlock(zone, stripe);
}

void cache_open(weir_cfg *cfg)
{
    if (!zone) {
        zone = weir_cfg_zone(cfg, "sessions", CACHE_BYTES, LAYOUT, OPENSSL_VERSION_MAJOR);
    }
}

void cache_use(SSL_CTX *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL |
                                            SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_sess_set_new_cb(ctx, on_new);
    SSL_CTX_sess_set_get_cb(ctx, on_get);
    SSL_CTX_sess_set_remove_cb(ctx, on_remove);
}
