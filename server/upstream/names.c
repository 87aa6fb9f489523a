/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/names.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/running.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

#define AGAIN_MS 2000 /* after a failure */

struct names {
    struct weir_peer *peer;
    const struct module *module;
    weir_str host;
    uint16_t port;
    struct timer timer;       /* until the next lookup */
    bool has_answer;          /* one has come, of whatever kind */
    bool has_failed;          /* the last one did, which is in the log */
    struct queue queue;       /* requests that wait for the first one */
};

bool names_are_coming(const struct weir_peer *peer, struct queue **queue)
{
    *queue = peer->names ? &peer->names->queue : NULL;
    return peer->names && !peer->names->has_answer;
}

bool names_have(const struct weir_peer *peer, const struct addr *addr)
{
    for (uint32_t i = 0; i < peer->addr_n; i++) {
        if (addr_eq(&peer->addrs[i], addr)) {
            return true;
        }
    }
    return false;
}

static bool is_the_same(const struct weir_peer *peer, const struct addr *addrs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!names_have(peer, &addrs[i])) {
            return false;
        }
    }
    return n == peer->addr_n;
}

/* Of SRV records, those of the lowest priority. */
static uint32_t copy_first(const weir_address *list, uint32_t n, struct addr *addrs)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < n && list[i].priority == list[0].priority; i++) {
        if (list[i].addr_n <= sizeof(addrs->un)) {
            addrs[used] = (struct addr){.len = list[i].addr_n};
            memcpy(&addrs[used++].sa, list[i].addr, list[i].addr_n);
        }
    }
    return used;
}

static void change(struct weir_peer *peer, struct addr *addrs, uint32_t n)
{
    if (is_the_same(peer, addrs, n)) {
        free(addrs);
        return;
    }
    free(peer->addrs); /* names_start() owns what a peer with a name has */
    peer->addrs = addrs;
    peer->addr_n = n;
    peer->addr_at = 0;
    peer->addrs_changed++;
    pool_drop_strangers(peer);
}

static void note_failure(struct names *names, const char *error)
{
    const struct weir_peer *peer = names->peer;

    if (!names->has_failed) {
        log_warn("upstream %.*s: %.*s does not resolve: %s; %s", (int)peer->group->conf->name.n,
                 peer->group->conf->name.p, (int)names->host.n, names->host.p, error,
                 peer->addr_n ? "its last addresses hold" : "its requests get 502 until it does");
    }
    names->has_failed = true;
}

static void on_resolved(void *arg, const weir_address *list, uint32_t n, uint32_t ttl_s,
                        const char *error)
{
    struct names *names = arg;
    struct addr *addrs = n ? mem_alloc(n * sizeof(*addrs)) : NULL;
    uint32_t used = n ? copy_first(list, n, addrs) : 0;

    if (used == 0) {
        free(addrs);
        note_failure(names, error ? error : "there is no usable address");
        timer_set(&names->timer, clock_now.ms + AGAIN_MS);
    } else {
        names->has_failed = false;
        change(names->peer, addrs, used);
        timer_set(&names->timer, clock_now.ms + (ttl_s ? ttl_s : 1) * (uint64_t)1000);
    }
    names->has_answer = true;
    queue_wake(&names->queue);
}

static void look_up(struct timer *timer)
{
    struct names *names = container_of(timer, struct names, timer);
    struct account_call call = account_callback(names->module);
    bool has_begun =
        names->module->desc->resolver->start(names->host, names->port, on_resolved, names) != NULL;

    account_leave(&call);
    if (!has_begun) {
        note_failure(names, strerror(errno));
        names->has_answer = true;
        timer_set(&names->timer, clock_now.ms + AGAIN_MS);
    }
}

static void start(struct weir_peer *peer, const struct module *module)
{
    struct names *names = mem_zalloc(sizeof(*names));
    weir_str rest = peer->name;
    uint64_t port = 80;

    names->peer = peer;
    names->module = module;
    names->host = str_cut(&rest, ':');
    if (rest.p) {
        str_to_u64(rest, &port); /* a port, since the address was checked */
    }
    names->port = (uint16_t)port;
    queue_init(&names->queue);
    timer_init(&names->timer, look_up);
    peer->names = names;
    look_up(&names->timer);
}

void names_start(const struct config *config)
{
    for (uint32_t i = 0; i < config->upstream_n; i++) {
        const struct upstream_conf *conf = config->upstreams[i];

        for (uint32_t k = 0; conf->group && conf->resolver && k < conf->group->peer_n; k++) {
            struct weir_peer *peer = conf->group->peers[k];
            struct addr addr;

            if (addr_parse(peer->name, 80, &addr) == -ENOENT) {
                start(peer, conf->resolver);
            }
        }
    }
}
