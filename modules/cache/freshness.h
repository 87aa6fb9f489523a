/* SPDX-License-Identifier: Apache-2.0 */
/* freshness.h - how long a response may be used: ages and lifetimes (RFC 9111, 4.2), what makes a
 * response storable (3), and whether a stored one satisfies a request (4). No I/O, no clock: times
 * are given. */
#ifndef CACHE_FRESHNESS_H
#define CACHE_FRESHNESS_H

#include "cache_control.h"
#include "message.h"

enum {
    FRESHNESS_MUST_REVALIDATE = 1, /* must-revalidate, proxy-revalidate or s-maxage: never stale */
    FRESHNESS_NO_CACHE = 2,        /* never without asking */
    FRESHNESS_IMMUTABLE = 4,
    FRESHNESS_HEURISTIC = 8,       /* the lifetime is a guess */
    FRESHNESS_EXPLICIT = 16        /* the response itself says it */
};

/* What is kept of a response for later. */
struct freshness {
    int64_t response_ms;  /* when its head came, wall clock */
    int64_t date_s;       /* its Date, or when it came */
    int64_t age_ms;       /* its age then, corrected (4.2.3) */
    int64_t lifetime_s;   /* 0: it has none */
    int64_t stale_while_revalidate_s, stale_if_error_s; /* -1: not said */
    uint32_t flags;       /* FRESHNESS_* */
};

/* What the admin says of responses. */
struct store_rules {
    int64_t valid_s;           /* lifetime for this status when the response says none; -1: none */
    uint32_t heuristic_percent; /* of the time since Last-Modified; 0: no heuristics */
    int64_t heuristic_max_s;
    uint32_t ignore;           /* IGNORE_*: fields that are not looked at */
};

enum {
    IGNORE_CACHE_CONTROL = 1,
    IGNORE_EXPIRES = 2,
    IGNORE_SET_COOKIE = 4,
    IGNORE_VARY = 8,
    IGNORE_TARGETED = 16, /* CDN-Cache-Control */
    IGNORE_SURROGATE = 32
};

/* Why a response is stored or not. */
enum store_reason {
    STORE_YES,
    STORE_METHOD,
    STORE_REQUEST_NO_STORE,
    STORE_NO_STORE,
    STORE_PRIVATE,
    STORE_AUTHORIZATION,
    STORE_SET_COOKIE,
    STORE_VARY,
    STORE_STATUS,
    STORE_NOTHING_SAID, /* no lifetime, and nothing to ask with */
    STORE_EXPIRED       /* it came expired, and there is nothing to ask with */
};
const char *store_reason_text(enum store_reason reason);

struct exchange_head {
    weir_str method;
    struct message request;
    uint32_t status;
    struct message response;
    int64_t request_ms, response_ms; /* wall clock: sent, head received */
};

/* The directives that count for this cache: those of CDN-Cache-Control or else Surrogate-Control if
 * there is a valid one, else Cache-Control's (RFC 9213, 2.2). `scratch` (SCRATCH_SIZE bytes) backs
 * joined lines. *targeted tells that Expires does not count. */
#define SCRATCH_SIZE 4096
void directives_of(const struct message *response, uint32_t ignore, struct cache_control *cc,
                   char *scratch, bool *targeted);

/* Decides whether the response may be stored, and computes *freshness. `request` are the request's
 * directives as far as they are honoured; *cc gets the response's (directives_of). */
enum store_reason store_decide(const struct exchange_head *head, const struct store_rules *rules,
                               const struct cache_control *request, struct cache_control *cc,
                               char *scratch, struct freshness *freshness);

/* Is a stored field left out because `cc` names it, or because it never belongs in a store? */
bool field_is_stored(const weir_field *field, const struct cache_control *cc, uint32_t ignore);

enum reuse_how {
    REUSE_FRESH,
    REUSE_STALE,      /* stale, and the request (max-stale) takes it so */
    REUSE_BACKGROUND, /* stale-while-revalidate: use it, and ask */
    REUSE_REVALIDATE
};

struct reuse {
    enum reuse_how how;
    const char *why;  /* a word for logs; NULL: fresh */
    int64_t age_s;    /* for Age */
    int64_t ttl_s;    /* lifetime left; negative: stale since */
};

struct reuse reuse_decide(const struct freshness *f, const struct cache_control *request,
                          int64_t now_ms);

/* May it be used stale when the origin cannot be asked (4.2.4, RFC 5861)? `configured`: the admin
 * allows it for this failure, whatever its age. */
bool reuse_on_error(const struct freshness *f, int64_t now_ms, bool configured);

/* Is the status defined as cacheable without being told (RFC 9110, 15.1)? */
bool status_is_heuristic(uint32_t status);

#endif
