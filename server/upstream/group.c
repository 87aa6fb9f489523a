/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/group.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/str.h"
#include "base/zone.h"
#include "http/request.h"
#include "upstream/names.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define STATE_LAYOUT 2     /* of peer_state.h: grows when that changes */
#define LOOKUP_AGAIN_MS 2000
#define SURPLUS_MS 250     /* how long idle connections beyond `keepalive` wait to be used */
#define IDLE_MARGIN_MS 500 /* a connection this close to the peer's own limit is not used again */

/* ---- making ---- */

static void add_addr(struct weir_peer *peer, struct arena *arena, const struct sockaddr *sa,
                     socklen_t len)
{
    struct addr *grown = arena_zalloc(arena, (peer->addr_n + 1) * sizeof(*grown));

    if (peer->addr_n) {
        memcpy(grown, peer->addrs, peer->addr_n * sizeof(*grown));
    }
    memcpy(&grown[peer->addr_n].sa, sa, len);
    grown[peer->addr_n].len = len;
    peer->addrs = grown;
    peer->addr_n++;
}

static void split_name(const struct weir_peer *peer, char host[256], char port[8])
{
    weir_str rest = peer->name;
    weir_str name = str_cut(&rest, ':');

    snprintf(host, 256, "%.*s", (int)name.n, name.p);
    snprintf(port, 8, "%.*s", rest.p ? (int)rest.n : 2, rest.p ? rest.p : "80");
}

static void on_looked_up(struct lookup *lookup)
{
    struct weir_peer *peer = lookup->owner;

    if (lookup->found == 0) {
        timer_set(&peer->lookup_timer, clock_now.ms + LOOKUP_AGAIN_MS);
        return;
    }
    peer->addrs = lookup->addrs;
    peer->addr_n = lookup->found;
    log_info("upstream %.*s: %s resolves now", (int)peer->group->conf->name.n,
             peer->group->conf->name.p, lookup->host);
}

static void look_up_again(struct timer *timer)
{
    struct weir_peer *peer = container_of(timer, struct weir_peer, lookup_timer);

    if (!lookup_start(peer->lookup)) {
        timer_set(&peer->lookup_timer, clock_now.ms + LOOKUP_AGAIN_MS);
    }
}

void peer_resolve_later(struct weir_peer *peer)
{
    if (peer->lookup || peer->names) {
        return; /* under way */
    }
    peer->lookup = mem_zalloc(sizeof(*peer->lookup));
    peer->lookup->owner = peer;
    peer->lookup->done = on_looked_up;
    split_name(peer, peer->lookup->host, peer->lookup->port);
    timer_init(&peer->lookup_timer, look_up_again);
    look_up_again(&peer->lookup_timer);
}

static void resolve(struct weir_peer *peer, struct arena *arena)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found;
    struct addr addr;
    char host[256], port[8];

    if (addr_parse(config_private ? STR("127.0.0.1") : peer->name, 80, &addr) == 0) {
        add_addr(peer, arena, &addr.sa, addr.len);
        return;
    }
    if (peer->group->conf->resolver) {
        return; /* names.c will */
    }
    split_name(peer, host, port);
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        log_error("upstream %.*s: %s does not resolve: %s; its requests get 502 until it "
                  "does", (int)peer->group->conf->name.n, peer->group->conf->name.p, host,
                  gai_strerror(rc));
        return;
    }
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        add_addr(peer, arena, at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(found);
}

static void define_metrics(struct weir_peer *peer)
{
    static const char *const outcomes[] = {"ok", "failed", "aborted"};
    char labels[200];
    size_t n = (size_t)snprintf(labels, sizeof(labels) - 24, "upstream=\"%.*s\",peer=\"%.*s\"",
                                (int)peer->group->conf->name.n, peer->group->conf->name.p,
                                (int)peer->name.n, peer->name.p);

    if (n >= sizeof(labels) - 24) {
        return;
    }
    peer->duration_metric = metric_define("weir_peer_duration_seconds", WEIR_METRIC_HISTOGRAM,
                                          labels, "Attempts at a peer, from first to last byte.");
    for (int i = 0; i < 3; i++) {
        snprintf(labels + n, sizeof(labels) - n, ",outcome=\"%s\"", outcomes[i]);
        peer->outcome_metrics[i] = metric_define("weir_peer_attempts_total", WEIR_METRIC_COUNTER,
                                                 labels, "Attempts at a peer.");
    }
}

/* FNV-1a. */
static uint64_t name_id(weir_str name)
{
    uint64_t id = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < name.n; i++) {
        id = (id ^ (unsigned char)name.p[i]) * 0x100000001b3ULL;
    }
    return id;
}

static struct weir_peer *add_peer(struct upstream_group *group, struct arena *arena,
                                  const struct peer_conf *conf, uint32_t slot)
{
    struct weir_peer *peer = arena_zalloc(arena, sizeof(*peer));

    *peer = (struct weir_peer){.group = group,
                               .conf = conf,
                               .name = conf->address,
                               .index = group->peer_n,
                               .slot = slot,
                               .state = &group->map.peers[slot],
                               .id = name_id(conf->address)};
    group->peers[group->peer_n++] = peer;
    return peer;
}

/* Seen by this generation's workers only: of a name that is too long for a zone. */
static void *state_alone(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        abort(); /* as in memory.c: no caller can go on */
    }
    return memory;
}

static void open_state(struct upstream_group *group)
{
    const weir_balancer_ops *ops = group->conf->balancer;
    uint32_t capacity = state_capacity(group->conf->peer_n);
    char name[ZONE_NAME];
    size_t bytes = 0;

    if (ops && BALANCER_HAS(ops, shared_peer)) {
        bytes = ops->shared_group + (size_t)capacity * ops->shared_peer;
    }
    bytes = state_bytes(capacity, bytes);
    snprintf(name, sizeof(name), "upstream:%.*s", (int)group->conf->name.n, group->conf->name.p);
    weir_zone *zone = zone_open(name, bytes, STATE_LAYOUT, (uint32_t)name_id(group->conf->balance));
    void *memory = zone ? zone_at(zone) : state_alone(bytes);
    state_map(&group->map, memory, capacity);
}

static bool is_known(const struct upstream_group *group, uint32_t slot)
{
    for (uint32_t i = 0; i < group->peer_n; i++) {
        if (group->peers[i]->slot == slot) {
            return true;
        }
    }
    return false;
}

/* What an earlier configuration had and this one does not. */
static void free_unused(struct upstream_group *group)
{
    for (uint32_t slot = 0; slot < group->map.capacity; slot++) {
        if (group->map.peers[slot].kind == PEER_CONFIGURED && !is_known(group, slot)) {
            group->map.peers[slot].kind = PEER_FREE;
        }
    }
}

struct upstream_group *group_create(struct arena *arena, struct upstream_conf *conf)
{
    struct upstream_group *group = arena_zalloc(arena, sizeof(*group));

    group->conf = conf;
    open_state(group);
    group->word_n = (group->map.capacity + 63) / 64;
    group->peers = arena_zalloc(arena, group->map.capacity * sizeof(struct weir_peer *));
    queue_init(&group->queue);
    for (uint32_t i = 0; i < conf->peer_n; i++) {
        uint32_t slot = state_slot(&group->map, conf->peers[i].address, PEER_CONFIGURED);

        if (config_private) {
            conf->peers[i].proxy_protocol = 0; /* nobody is there who would be told */
        }

        struct weir_peer *peer = add_peer(group, arena, &conf->peers[i], slot);

        define_metrics(peer);
        resolve(peer, arena);
    }
    free_unused(group);
    return group;
}

/* ---- peers that are added at run time ---- */

/* They live as long as the worker. */
static struct arena added_arena;

static void take_added(struct upstream_group *group, uint32_t slot)
{
    struct peer_conf *conf = arena_zalloc(&added_arena, sizeof(*conf));
    const struct peer_state *state = &group->map.peers[slot];
    struct addr addr;

    *conf = (struct peer_conf){.address = arena_dup(&added_arena, str_from(state->address)),
                               .weight = 1,
                               .max_fails = 1,
                               .fail_timeout_ms = 10000};
    struct weir_peer *peer = add_peer(group, &added_arena, conf, slot);
    if (addr_parse(peer->name, 80, &addr) == 0) {
        add_addr(peer, &added_arena, &addr.sa, addr.len);
    } else {
        peer_resolve_later(peer);
    }
}

void group_sync(struct upstream_group *group)
{
    uint64_t version = group->map.group->version;

    if (group->version == version) {
        return;
    }
    group->version = version;
    for (uint32_t slot = 0; slot < group->map.capacity; slot++) {
        if (group->map.peers[slot].kind == PEER_ADDED && !is_known(group, slot)) {
            take_added(group, slot);
        }
    }
}

/* ---- connections ---- */

int (*peer_opener)(struct weir_peer *peer);

static void unlink_idle(struct upconn *up)
{
    struct weir_peer *peer = up->peer;

    *(up->prev ? &up->prev->next : &peer->idle_first) = up->next;
    *(up->next ? &up->next->prev : &peer->idle_last) = up->prev;
    up->next = up->prev = NULL;
    peer->group->idle_n--;
}

void upconn_close(struct upconn *up)
{
    conn_close(&up->conn);
    free(up);
}

static bool is_still_open(struct upconn *up)
{
    char byte;

    return recv(up->conn.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* The peer closed an idle connection, or said something that nobody asked for. */
static void on_idle_ready(struct conn *conn)
{
    struct upconn *up = container_of(conn, struct upconn, conn);
    uint64_t age_ms = clock_now.ms - up->idle_since_ms;

    if (!conn->can_read && !conn->peer_closed) {
        return; /* room to write */
    }
    if (!conn->peer_closed && is_still_open(up)) {
        conn->can_read = false; /* told late of what was read already */
        return;
    }
    /* What one connection taught holds for the others: use them only while they are younger. */
    if (conn->peer_closed && age_ms > 2 * IDLE_MARGIN_MS &&
        (up->peer->idle_limit_ms == 0 || age_ms < up->peer->idle_limit_ms)) {
        up->peer->idle_limit_ms = age_ms;
    }
    unlink_idle(up);
    upconn_close(up);
}

static void on_idle_timer(struct timer *timer)
{
    struct upconn *up = container_of(timer, struct upconn, conn.timer);
    struct upstream_group *group = up->peer->group;
    uint64_t age_ms = clock_now.ms - up->idle_since_ms;

    if (age_ms < group->conf->keepalive_timeout_ms &&
        group->idle_n <= (uint64_t)group->conf->keepalive) {
        timer_set(&up->conn.timer, up->idle_since_ms + group->conf->keepalive_timeout_ms);
        return; /* the burst that it was one too many of is over */
    }
    unlink_idle(up);
    upconn_close(up);
}

static struct upconn *newest_idle(const struct weir_peer *peer, const struct tls_client *tls)
{
    struct upconn *up = peer->idle_first;

    while (up && up->tls != tls) {
        up = up->next;
    }
    return up;
}

struct upconn *pool_take(struct weir_peer *peer, const struct tls_client *tls, bool checked)
{
    struct upconn *up;

    while ((up = newest_idle(peer, tls))) {
        uint64_t age_ms = clock_now.ms - up->idle_since_ms;

        unlink_idle(up);
        if ((peer->idle_limit_ms && age_ms + IDLE_MARGIN_MS >= peer->idle_limit_ms) ||
            (checked && !is_still_open(up))) {
            upconn_close(up);
            continue;
        }
        return up;
    }
    return NULL;
}

/* Does it go where the peer is no more? */
static bool is_stranger(const struct upconn *up)
{
    return up->addrs_seen != up->peer->addrs_changed && !names_have(up->peer, &up->addr);
}

void pool_drop_strangers(struct weir_peer *peer)
{
    struct upconn *next;

    for (struct upconn *up = peer->idle_first; up; up = next) {
        next = up->next;
        if (is_stranger(up)) {
            unlink_idle(up);
            upconn_close(up);
        }
    }
}

void pool_put(struct upconn *up)
{
    struct weir_peer *peer = up->peer;
    struct upstream_group *group = peer->group;

    up->exchange = NULL;
    up->served++;
    if (group->conf->keepalive == 0 || up->conn.peer_closed || is_stranger(up)) {
        upconn_close(up);
        return;
    }
    /* Beyond `keepalive` a connection stays for a moment only: closing it at once would have a
     * burst of requests connect anew for each. */
    uint64_t stay_ms = group->conf->keepalive_timeout_ms;
    if (group->idle_n >= (uint64_t)group->conf->keepalive && stay_ms > SURPLUS_MS) {
        stay_ms = SURPLUS_MS;
    }
    up->conn.on_ready = on_idle_ready;
    up->conn.timer.fn = on_idle_timer;
    up->conn.can_read = false;
    conn_is_fresh(&up->conn);
    up->idle_since_ms = clock_now.ms;
    timer_set(&up->conn.timer, clock_now.ms + stay_ms);
    up->prev = NULL;
    up->next = peer->idle_first;
    *(up->next ? &up->next->prev : &peer->idle_last) = up;
    peer->idle_first = up;
    group->idle_n++;
}

/* Begins to connect; -1 with errno. */
static int open_socket(struct weir_peer *peer)
{
    const struct addr *addr = &peer->addrs[peer->addr_at % peer->addr_n];
    int family = addr->sa.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0) {
        return -1;
    }
    if (family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    if (connect(fd, &addr->sa, addr->len) != 0 && errno != EINPROGRESS) {
        int error = errno;

        close(fd);
        peer->addr_at++;
        errno = error;
        return -1;
    }
    return fd;
}

bool peer_connect(struct weir_peer *peer, struct conn *conn, const struct tls_client *tls,
                  weir_str name, void (*on_ready)(struct conn *), void (*on_timer)(struct timer *))
{
    int fd = peer_opener ? peer_opener(peer) : open_socket(peer);

    if (fd < 0) {
        return false;
    }
    conn_open(conn, fd, true, on_ready, on_timer);
    if (tls && !io_start(conn, &tls->transport, NULL, tls->settings, name)) {
        conn_close(conn);
        errno = ENOMEM;
        return false;
    }
    return true;
}

struct upconn *upconn_connect(struct weir_peer *peer, const struct tls_client *tls, weir_str name)
{
    struct upconn *up = mem_zalloc(sizeof(*up));

    up->peer = peer;
    up->tls = tls;
    up->addr = peer->addrs[peer->addr_at % peer->addr_n];
    up->addrs_seen = peer->addrs_changed;
    if (!peer_connect(peer, &up->conn, tls, name, on_idle_ready, on_idle_timer)) {
        free(up);
        return NULL;
    }
    peer->addr_at += peer->names != NULL; /* its addresses take turns */
    return up;
}
