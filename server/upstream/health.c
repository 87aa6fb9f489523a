/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/health.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/running.h"
#include "base/str.h"
#include "http/http1_parse.h"
#include "upstream/group.h"
#include "upstream/health_way.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TAKE_OVER_MS 500 /* how often a worker that does not check looks whether one still does */

struct checked_peer {
    struct weir_peer *peer;
    struct timer timer;      /* until the next check, or the end of this one's time */
    void *check;             /* the module's; NULL: none is under way */
    weir_health_check about;
    struct addr addr;
    struct health_way way;   /* to a peer that speaks TLS */
};

struct checked_group {
    struct upstream_group *group;
    struct timer timer;
    struct checked_peer **peers; /* of the worker that checks */
    uint32_t peer_n;
    struct checked_group *next;
};

static struct checked_group *groups;
static bool stopped;

/* ---- one peer ---- */

/* More or less a tenth, so that checks of many peers and machines do not fall together. */
static uint64_t jittered(uint64_t ms)
{
    uint64_t tenth = ms / 10;

    return tenth ? ms - tenth + (uint64_t)random() % (2 * tenth + 1) : ms;
}

static const weir_health_ops *call(const struct checked_peer *checked)
{
    module_running = checked->peer->group->conf->health.module;
    return module_running->desc->health;
}

static void end_check(struct checked_peer *checked, const char *why)
{
    timer_set(&checked->timer,
              clock_now.ms + jittered(checked->peer->group->conf->health.interval_ms));
    peer_checked(checked->peer, why == NULL, why);
}

static void on_checked(void *arg, const char *why)
{
    struct checked_peer *checked = arg;

    checked->check = NULL;
    health_way_close(&checked->way);
    end_check(checked, why);
}

static void set_port(struct addr *addr, int64_t port)
{
    if (port && addr->sa.sa_family == AF_INET) {
        addr->in.sin_port = htons((uint16_t)port);
    } else if (port && addr->sa.sa_family == AF_INET6) {
        addr->in6.sin6_port = htons((uint16_t)port);
    }
}

static void begin(struct checked_peer *checked)
{
    checked->check = call(checked)->start(&checked->about, on_checked, checked);
    module_running = NULL;
    if (!checked->check) {
        int error = errno;

        health_way_close(&checked->way);
        end_check(checked, strerror(error));
    }
}

/* A peer that shakes hands is connected, which is all that TCP asks. */
static void on_way_ready(struct health_way *way, int fd, const char *why)
{
    struct checked_peer *checked = container_of(way, struct checked_peer, way);

    if (fd >= 0 && checked->about.type != WEIR_HEALTH_TCP) {
        checked->about.fd = fd;
        begin(checked);
        return;
    }
    if (fd >= 0) {
        close(fd);
    }
    health_way_close(way);
    end_check(checked, why);
}

static weir_str host_of(weir_str name)
{
    weir_str host = name;
    uint16_t port;

    return http1_split_authority(name, &host, &port) ? host : name;
}

static void start_way(struct checked_peer *checked, const struct tls_client *tls)
{
    checked->way.on_ready = on_way_ready;
    if (!health_way_open(&checked->way, &checked->addr, tls, host_of(checked->peer->name))) {
        end_check(checked, strerror(errno));
    }
}

static void start_check(struct checked_peer *checked)
{
    const struct weir_peer *peer = checked->peer;
    const struct health_conf *conf = &peer->group->conf->health;

    checked->addr = peer->addrs[peer->addr_at % peer->addr_n];
    set_port(&checked->addr, conf->port);
    checked->about = (weir_health_check){
        .size = sizeof(checked->about),
        .type = conf->type,
        .addr = &checked->addr.sa,
        .addr_n = checked->addr.len,
        .name = peer->name,
        .path = conf->path,
        .host = conf->host.n ? conf->host : peer->name,
        .body = conf->body,
        .service = conf->service,
        .expect = conf->expect.words,
        .fd = -1,
    };
    timer_set(&checked->timer, clock_now.ms + conf->timeout_ms);
    if (conf->tls_client) {
        start_way(checked, conf->tls_client);
    } else {
        begin(checked);
    }
}

static void stop_check(struct checked_peer *checked)
{
    if (checked->check) {
        call(checked)->stop(checked->check);
        module_running = NULL;
        checked->check = NULL;
    }
    health_way_close(&checked->way);
}

static void on_peer_timer(struct timer *timer)
{
    struct checked_peer *checked = container_of(timer, struct checked_peer, timer);
    struct weir_peer *peer = checked->peer;

    if (checked->check || checked->way.is_open) {
        stop_check(checked);
        end_check(checked, "no answer within health.timeout");
    } else if (peer->addr_n == 0) {
        peer_resolve_later(peer);
        end_check(checked, "its name does not resolve");
    } else {
        start_check(checked);
    }
}

/* ---- who checks ---- */

static bool is_gone(int32_t pid)
{
    return pid == 0 || (kill(pid, 0) != 0 && errno == ESRCH);
}

/* Is it this worker that checks the group's peers, from now on or already? */
static bool take_role(struct upstream_group *group)
{
    _Atomic int32_t *checker = &group->map.group->checker;
    int32_t pid = *checker;

    return pid == getpid() ||
           (is_gone(pid) && atomic_compare_exchange_strong(checker, &pid, getpid()));
}

/* Peers may have been added since. */
static void add_checks(struct checked_group *checked)
{
    struct upstream_group *group = checked->group;

    group_sync(group);
    if (checked->peer_n < group->peer_n) {
        checked->peers = mem_realloc(checked->peers, group->peer_n * sizeof(*checked->peers));
    }
    while (checked->peer_n < group->peer_n) {
        struct checked_peer *one = mem_zalloc(sizeof(*one));

        one->peer = group->peers[checked->peer_n];
        timer_init(&one->timer, on_peer_timer);
        timer_set(&one->timer,
                  clock_now.ms + (uint64_t)random() % (group->conf->health.interval_ms / 10 + 1));
        checked->peers[checked->peer_n++] = one;
    }
}

static void on_group_timer(struct timer *timer)
{
    struct checked_group *checked = container_of(timer, struct checked_group, timer);

    if (stopped) {
        return;
    }
    if (take_role(checked->group)) {
        add_checks(checked);
    }
    timer_set(&checked->timer, clock_now.ms + TAKE_OVER_MS);
}

void health_start(const struct config *config)
{
    srandom((unsigned)getpid() ^ (unsigned)clock_us());
    for (uint32_t i = 0; i < config->upstream_n; i++) {
        const struct upstream_conf *conf = config->upstreams[i];

        if (!conf->group || !conf->health.module) {
            continue;
        }
        struct checked_group *checked = mem_zalloc(sizeof(*checked));
        checked->group = conf->group;
        checked->next = groups;
        groups = checked;
        timer_init(&checked->timer, on_group_timer);
        timer_set(&checked->timer, clock_now.ms);
    }
}

void health_stop(void)
{
    int32_t pid = getpid();

    stopped = true;
    for (struct checked_group *checked = groups; checked; checked = checked->next) {
        for (uint32_t i = 0; i < checked->peer_n; i++) {
            timer_stop(&checked->peers[i]->timer);
            stop_check(checked->peers[i]);
        }
        atomic_compare_exchange_strong(&checked->group->map.group->checker, &pid, 0);
        pid = getpid();
    }
}
