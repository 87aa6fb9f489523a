/* SPDX-License-Identifier: Apache-2.0 */
#include "remote.h"

#include <string.h>

#define FETCH_MS 10000    /* time for a fetch */
#define AGAIN_MS 5000     /* between two that tokens or failures have caused */
#define REFRESH_MS 300000
#define BODY_MAX 262144

struct remote {
    struct remote *next;
    weir_str url;
    weir_forward_conf forward;
    struct key *keys;
    weir_fetch *fetch;   /* NULL: none is under way */
    uint64_t asked_ms;   /* 0: never */
    uint64_t timer;      /* of the next fetch; 0: none */
    struct remote_waiter *waiters;
    struct remote_waiter *waking; /* those whose turn has come; one may end another that is behind it */
};

static struct remote *remotes; /* of this configuration */

static void ask(struct remote *remote);

static void on_timer(void *arg)
{
    struct remote *remote = arg;

    remote->timer = 0;
    if (!remote->fetch) {
        ask(remote);
    }
}

static void wake_all(struct remote *remote)
{
    struct remote_waiter *waiter;

    remote->waking = remote->waiters;
    remote->waiters = NULL;
    while ((waiter = remote->waking)) {
        remote->waking = waiter->next;
        waiter->fn(waiter);
    }
}

/* What there was before stays until something better has come. */
static void on_answer(void *arg, const weir_fetch_answer *answer)
{
    struct remote *remote = arg;
    char error[200] = "";
    struct key *keys = answer->status == 200
                           ? keys_read(answer->body.p, answer->body.n, error, sizeof(error))
                           : NULL;

    remote->fetch = NULL;
    if (keys) {
        keys_free(remote->keys);
        remote->keys = keys;
    } else {
        weir_log(WEIR_LOG_ERROR, NULL, "jwt: no keys from %.*s: status %u, %s%.*s",
                 (int)remote->url.n, remote->url.p, answer->status, error, (int)answer->detail.n,
                 answer->detail.n ? answer->detail.p : "");
    }
    weir_timer_stop(remote->timer); /* tokens may have asked in between */
    remote->timer = weir_timer_start(keys ? REFRESH_MS : AGAIN_MS, on_timer, remote);
    wake_all(remote);
}

static void ask(struct remote *remote)
{
    const weir_fetch_conf conf = {
        .size = sizeof(conf), .forward = &remote->forward, .body_max = BODY_MAX};

    remote->asked_ms = weir_now_ms();
    remote->fetch = weir_fetch_start(&conf, on_answer, remote);
}

void remotes_start(void)
{
    for (struct remote *remote = remotes; remote; remote = remote->next) {
        ask(remote);
    }
}

const struct key *remote_keys(const struct remote *remote)
{
    return remote->keys;
}

bool remote_wait(struct remote *remote, struct remote_waiter *waiter)
{
    if (!remote->fetch && weir_now_ms() - remote->asked_ms < AGAIN_MS) {
        return false;
    }
    if (!remote->fetch) {
        ask(remote);
    }
    waiter->next = remote->waiters;
    remote->waiters = waiter;
    return true;
}

static void take_out(struct remote_waiter **at, const struct remote_waiter *waiter)
{
    while (*at && *at != waiter) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = waiter->next;
    }
}

void remote_leave(struct remote *remote, struct remote_waiter *waiter)
{
    take_out(&remote->waiters, waiter);
    take_out(&remote->waking, waiter);
}

/* ---- configuration ---- */

struct remote *remote_open(weir_cfg *cfg, const char *opt, weir_str url)
{
    weir_str path;

    for (struct remote *known = remotes; known; known = known->next) {
        if (known->url.n == url.n && memcmp(known->url.p, url.p, url.n) == 0) {
            return known;
        }
    }
    const weir_upstream *upstream = weir_cfg_upstream(cfg, opt, url, &path);
    if (!upstream) {
        return NULL;
    }
    struct remote *remote = weir_cfg_alloc(cfg, sizeof(*remote));
    remote->url = url;
    remote->forward = (weir_forward_conf){
        .size = sizeof(remote->forward),
        .upstream = upstream,
        .target = path.n ? path : WEIR_STR("/"),
        .retry = true,
        .connect_timeout_ms = FETCH_MS,
        .send_timeout_ms = FETCH_MS,
        .read_timeout_ms = FETCH_MS,
        .deadline_ms = FETCH_MS,
        .buffer_head = 65536,
        .tls = weir_cfg_tls_for(cfg, opt, url),
    };
    remote->next = remotes;
    remotes = remote;
    return remote;
}
