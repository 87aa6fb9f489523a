/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "siphash.h"

#define FLUSH_MS 50
#define AWAY_MS 1000    /* between two attempts to connect */
#define COMPLAIN_MS 10000 /* between two lines about errors */
#define PATIENCE_MS 2000 /* for an answer */
#define SLOTS 1024      /* keys that are told at a time; a power of two */
#define PROBES 16
#define NAME_MAX_ 160
#define KEY_MAX 80      /* bytes of a key as it is */

/* What a key owes in all is one number: when its requests so far would have been in order. Redis' own
 * clock counts, so the machines' need not agree. */
static const char script[] =
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000000 + t[2] "
    "local due = tonumber(redis.call('GET', KEYS[1]) or 0) "
    "if due < now then due = now end "
    "due = due + tonumber(ARGV[1]) "
    "redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1000) "
    "return due - now";

static uint32_t errors; /* metric */

struct entry {
    uint64_t hash; /* 0: free */
    uint32_t n;    /* requests admitted and not told yet */
    uint32_t name_n;
    char name[NAME_MAX_];
};

struct store {
    struct zone *zone;
    char host[64], password[128];
    int port, db;
    /* of this worker */
    redisAsyncContext *redis; /* NULL: not connected */
    weir_watch *watch;
    uint32_t what;
    uint64_t timer;           /* of the next flush; 0: nothing is to be told */
    uint64_t tried_ms, sent_ms;
    uint32_t unanswered;
    bool is_ready, is_away;   /* is_away: it was logged */
    uint64_t complained_ms, silent; /* errors that were not logged since then */
    uint32_t dirty;           /* entries in use */
    struct entry entries[SLOTS];
};

/* An answer finds its key by this. */
struct question {
    struct store *store;
    uint64_t hash;
};

/* ---- hiredis in the worker's loop ---- */

static void on_socket(void *arg, uint32_t what)
{
    struct store *store = arg;

    if (what & WEIR_WATCH_READ && store->redis) {
        redisAsyncHandleRead(store->redis);
    }
    if (what & WEIR_WATCH_WRITE && store->redis) {
        redisAsyncHandleWrite(store->redis);
    }
}

static void set_watch(struct store *store, uint32_t what)
{
    store->what = what;
    if (store->watch && what) {
        weir_watch_change(store->watch, what);
    } else if (store->watch) {
        weir_watch_stop(store->watch);
        store->watch = NULL;
    } else if (what && store->redis) {
        store->watch = weir_watch_start(store->redis->c.fd, what, on_socket, store);
    }
}

static void add_read(void *store)
{
    set_watch(store, ((struct store *)store)->what | WEIR_WATCH_READ);
}

static void del_read(void *store)
{
    set_watch(store, ((struct store *)store)->what & ~(uint32_t)WEIR_WATCH_READ);
}

static void add_write(void *store)
{
    set_watch(store, ((struct store *)store)->what | WEIR_WATCH_WRITE);
}

static void del_write(void *store)
{
    set_watch(store, ((struct store *)store)->what & ~(uint32_t)WEIR_WATCH_WRITE);
}

static void cleanup(void *store)
{
    set_watch(store, 0);
}

/* ---- here and away ---- */

static void note_away(struct store *store, const char *why)
{
    store->redis = NULL; /* hiredis frees it */
    store->is_ready = false;
    store->unanswered = 0;
    if (!store->is_away) {
        store->is_away = true;
        weir_log(WEIR_LOG_WARN, NULL, "limit zone %s: redis %s:%d is away (%s): this machine limits on "
                 "its own until it is back", store->zone->name.p, store->host, store->port, why);
    }
}

static void note_here(struct store *store)
{
    store->is_ready = true;
    if (store->is_away) {
        store->is_away = false;
        weir_log(WEIR_LOG_WARN, NULL, "limit zone %s: redis %s:%d is back", store->zone->name.p,
                 store->host, store->port);
    }
}

/* It may say the same to thousands of questions. */
static void complain(struct store *store, const char *what)
{
    uint64_t now_ms = weir_now_ms();

    weir_metric_add(errors, 1);
    if (store->complained_ms && now_ms - store->complained_ms < COMPLAIN_MS) {
        store->silent++;
        return;
    }
    weir_log(WEIR_LOG_ERROR, NULL, "limit zone %s: redis %s:%d says: %s (%llu more errors since the line before)",
             store->zone->name.p, store->host, store->port, what, (unsigned long long)store->silent);
    store->complained_ms = now_ms;
    store->silent = 0;
}

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct store *store = redis->data;

    if (status != REDIS_OK) {
        note_away(store, redis->errstr ? redis->errstr : "no connection");
    }
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
    (void)status;
    note_away(redis->data, redis->errstr && redis->errstr[0] ? redis->errstr : "it was closed");
}

static void on_hello(redisAsyncContext *redis, void *reply_, void *arg)
{
    const redisReply *reply = reply_;
    struct store *store = redis->data;

    (void)arg;
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        complain(store, reply->str);
    } else if (reply) {
        note_here(store);
    }
}

static void connect_(struct store *store)
{
    store->tried_ms = weir_now_ms();
    redisAsyncContext *redis = redisAsyncConnect(store->host, store->port);
    if (!redis || redis->err) {
        note_away(store, redis ? redis->errstr : "out of memory");
        if (redis) {
            redisAsyncFree(redis);
        }
        return;
    }
    store->redis = redis;
    redis->data = store;
    redis->ev.data = store;
    redis->ev.addRead = add_read;
    redis->ev.delRead = del_read;
    redis->ev.addWrite = add_write;
    redis->ev.delWrite = del_write;
    redis->ev.cleanup = cleanup;
    redisAsyncSetConnectCallback(redis, on_connect);
    redisAsyncSetDisconnectCallback(redis, on_disconnect);
    if (store->password[0]) {
        redisAsyncCommand(redis, on_hello, NULL, "AUTH %s", store->password);
    }
    redisAsyncCommand(redis, on_hello, NULL, "SELECT %d", store->db);
}

/* ---- telling ---- */

/* All machines together are `ahead_us` ahead with this key. */
static void learn(struct store *store, uint64_t hash, uint64_t ahead_us)
{
    uint64_t due_ns = zone_now_ns() + ahead_us * 1000;
    struct buckets stripe = zone_lock(store->zone, hash);
    struct bucket *bucket = buckets_find(&stripe, hash);

    if (bucket && bucket->due_ns < due_ns) {
        bucket->due_ns = due_ns;
    }
    zone_unlock(store->zone, hash);
}

static void on_answer(redisAsyncContext *redis, void *reply_, void *arg)
{
    struct question *question = arg;
    const redisReply *reply = reply_;
    struct store *store = question->store;

    (void)redis;
    if (reply) {
        store->unanswered--;
        store->sent_ms = weir_now_ms();
    }
    if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer > 0) {
        learn(store, question->hash, (uint64_t)reply->integer);
    } else if (reply && reply->type == REDIS_REPLY_ERROR) {
        complain(store, reply->str);
    }
    free(question);
}

static void tell(struct store *store, const struct entry *entry)
{
    struct question *question = malloc(sizeof(*question));
    unsigned long long us = entry->n * store->zone->step_ns / 1000;

    if (!question) {
        return;
    }
    *question = (struct question){store, entry->hash};
    if (redisAsyncCommand(store->redis, on_answer, question, "EVAL %s 1 %b %llu", script, entry->name,
                          (size_t)entry->name_n, us) != REDIS_OK) {
        free(question);
        return;
    }
    store->unanswered++;
}

static void tell_all(struct store *store)
{
    for (uint32_t i = 0; i < SLOTS && store->dirty; i++) {
        struct entry *entry = &store->entries[i];

        if (entry->hash) {
            tell(store, entry);
            entry->hash = 0;
            store->dirty--;
        }
    }
    store->sent_ms = weir_now_ms();
}

/* What was admitted while it is away is nobody else's business. */
static void forget_all(struct store *store)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        store->entries[i].hash = 0;
    }
    store->dirty = 0;
}

static void on_timer(void *arg)
{
    struct store *store = arg;

    store->timer = 0;
    if (store->unanswered && weir_now_ms() - store->sent_ms > PATIENCE_MS) {
        redisAsyncContext *redis = store->redis;

        note_away(store, "it does not answer");
        redisAsyncFree(redis);
    }
    if (!store->redis && (!store->tried_ms || weir_now_ms() - store->tried_ms >= AWAY_MS)) {
        connect_(store);
    }
    if (store->is_ready && !store->unanswered) {
        tell_all(store);
    } else if (store->is_away) {
        forget_all(store);
    }
    if (store->dirty || store->unanswered || (store->redis && !store->is_ready)) {
        store->timer = weir_timer_start(FLUSH_MS, on_timer, store);
    }
}

/* The same on all machines; the zone's own hash is not. */
static uint32_t make_name(const struct zone *zone, weir_str key, char out[NAME_MAX_])
{
    static const unsigned char no_secret[16];
    unsigned char network[16];
    size_t n = zone_network(zone, key, network), at;

    if (n) {
        key = (weir_str){(const char *)network, n};
    }
    at = (size_t)snprintf(out, NAME_MAX_, "weir:limit:%.32s:", zone->name.p);
    if (key.n > KEY_MAX) {
        at += (size_t)snprintf(out + at, NAME_MAX_ - at, "%016llx:",
                               (unsigned long long)siphash(no_secret, key.p, key.n));
        key.n = KEY_MAX;
    }
    memcpy(out + at, key.p, key.n);
    return (uint32_t)(at + key.n);
}

void store_note(struct zone *zone, uint64_t hash, weir_str key)
{
    struct store *store = zone->store;

    for (uint32_t i = 0; i < PROBES; i++) {
        struct entry *entry = &store->entries[(hash + i) & (SLOTS - 1)];

        if (entry->hash && entry->hash != hash) {
            continue;
        }
        if (!entry->hash) {
            *entry = (struct entry){.hash = hash};
            entry->name_n = make_name(zone, key, entry->name);
            store->dirty++;
        }
        entry->n++;
        break;
    }
    if (!store->timer) {
        store->timer = weir_timer_start(FLUSH_MS, on_timer, store);
    }
}

/* ---- configuration ---- */

/* A name becomes an address now, since a worker's loop may not wait for one. */
static bool resolve(weir_cfg *cfg, struct zone *zone, const char *host, struct store *store)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &found);

    if (rc == 0) {
        rc = getnameinfo(found->ai_addr, found->ai_addrlen, store->host, sizeof(store->host), NULL, 0,
                         NI_NUMERICHOST);
        freeaddrinfo(found);
    }
    if (rc != 0) {
        weir_cfg_error(cfg, zone->name.p, "store \"%s\": %s: %s", zone->store_url.p, host,
                       gai_strerror(rc));
    }
    return rc == 0;
}

/* "redis://[:PASSWORD@]HOST[:PORT][/DB]" */
static bool parse_url(struct zone *zone, char host[256], struct store *store)
{
    int n = 0, port = 6379;

    if (strncmp(zone->store_url.p, "redis://", 8) != 0) {
        return false;
    }
    const char *p = zone->store_url.p + 8, *at = strrchr(p, '@');
    if (at && (p[0] != ':' || (size_t)(at - p) > sizeof(store->password) - 1)) {
        return false;
    }
    if (at) {
        memcpy(store->password, p + 1, (size_t)(at - p) - 1);
        p = at + 1;
    }
    bool is_bracketed = p[0] == '[';
    if (sscanf(p, is_bracketed ? "[%255[0-9a-fA-F:.]]%n" : "%255[^:/]%n", host, &n) != 1 || n == 0) {
        return false;
    }
    p += n;
    if (*p == ':' && (sscanf(p, ":%5d%n", &port, &n) != 1 || port < 1 || port > 65535)) {
        return false;
    }
    p += *p == ':' ? n : 0;
    if (sscanf(p, "/%5d%n", &store->db, &n) == 1 && store->db >= 0) {
        p += n;
    } else if (strcmp(p, "/") == 0) {
        p++;
    }
    store->port = port;
    return *p == '\0';
}

bool store_open(weir_cfg *cfg, struct zone *zone)
{
    struct store *store = weir_cfg_alloc(cfg, sizeof(*store));
    char host[256] = "";

    errors = weir_cfg_metric(cfg, "store_errors_total", WEIR_METRIC_COUNTER, NULL,
                             "Answers of Redis that were errors.");
    store->zone = zone;
    if (!parse_url(zone, host, store)) {
        weir_cfg_error(cfg, zone->name.p, "store \"%s\": expected \"redis://HOST:PORT/DB\", with "
                                          "\":PASSWORD@\" before the host if need be", zone->store_url.p);
        return false;
    }
    zone->store = store;
    return resolve(cfg, zone, host, store);
}
