/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/peer.c - which peer is asked, and what its answers mean for it. See group.h. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "http/request.h"
#include "upstream/group.h"
#include "upstream/sticky.h"

#define RATIO_MIN 10 /* answers in a window before their ratio says something */
#define START_PERCENT 1 /* of its share that a peer begins with */

/* ---- what holds for a peer now ---- */

int64_t peer_weight(const struct weir_peer *peer)
{
    uint32_t ordered = peer->state->weight;

    return ordered ? ordered : peer->conf->weight;
}

uint32_t peer_share(const struct weir_peer *peer)
{
    const struct peer_state *state = peer->state;
    uint64_t share = (uint32_t)peer_weight(peer) * (uint64_t)1000;
    uint64_t back_ms = state->back_since_ms;

    if (back_ms && peer->conf->slow_start_ms) {
        uint64_t age_ms = clock_now.ms > back_ms ? clock_now.ms - back_ms : 0;

        if (age_ms < peer->conf->slow_start_ms) {
            uint64_t least = share * START_PERCENT / 100;

            share = share * age_ms / peer->conf->slow_start_ms;
            share = share > least ? share : least;
        }
    }
    return (uint32_t)(share ? share : 1);
}

static bool is_down(const struct weir_peer *peer)
{
    uint32_t order = peer->state->order;

    return order == ORDER_DISABLED || (order == ORDER_NONE && peer->conf->down);
}

static bool is_draining(const struct weir_peer *peer)
{
    uint32_t order = peer->state->order;

    return order == ORDER_DRAIN || (order == ORDER_NONE && peer->conf->drain);
}

static bool is_out(const struct weir_peer *peer)
{
    return peer->state->out_until_ms > clock_now.ms || peer->state->health == HEALTH_DOWN;
}

const char *peer_standing(const struct weir_peer *peer)
{
    if (is_down(peer)) {
        return peer->state->order == ORDER_DISABLED ? "disabled" : "down";
    }
    if (is_draining(peer)) {
        return "draining";
    }
    return !is_out(peer) ? "up" : peer->state->health == HEALTH_DOWN ? "unhealthy" : "out";
}

static bool has_place(const struct weir_peer *peer)
{
    return peer->conf->max_connections == 0 ||
           peer->state->in_flight < (uint64_t)peer->conf->max_connections;
}

/* ---- choosing ---- */

static bool has_bit(const uint64_t *set, uint32_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

/* The peers of one kind that may be asked; returns how many, *any is one of them. */
static uint32_t usable_peers(const struct upstream_group *group, const uint64_t *tried,
                             bool backup, bool panic, uint64_t *usable, uint32_t *any,
                             bool *is_full)
{
    uint32_t n = 0;

    memset(usable, 0, group->word_n * sizeof(*usable));
    for (uint32_t i = 0; i < group->peer_n; i++) {
        const struct weir_peer *peer = group->peers[i];

        if (peer->conf->backup != backup || has_bit(tried, i) || is_down(peer) ||
            is_draining(peer) || (!panic && is_out(peer))) {
            continue;
        }
        if (!has_place(peer)) {
            *is_full = true;
            continue;
        }
        usable[i / 64] |= (uint64_t)1 << (i % 64);
        *any = i;
        n++;
    }
    return n;
}

static void open_balancer(struct upstream_group *group)
{
    const weir_balancer_ops *ops = group->conf->balancer;
    const weir_balancer_group about = {
        .size = sizeof(about),
        .peers = group->peers,
        .n = group->peer_n,
        .capacity = group->map.capacity,
        .key = group->conf->key,
        .shared = group->map.balancer,
    };

    group->balanced_n = group->peer_n;
    group->balancer = BALANCER_HAS(ops, create) ? ops->create(&about)
                                                : ops->open(group->peers, group->peer_n);
}

static bool balance(struct upstream_group *group, struct weir_req *req, const uint64_t *usable,
                    uint32_t *index)
{
    const weir_balancer_ops *ops = group->conf->balancer;

    if (!ops) {
        return true; /* *index is one that may be asked */
    }
    if (group->balancer && group->balanced_n != group->peer_n) {
        ops->close(group->balancer);
        group->balancer = NULL;
    }
    if (!group->balancer) {
        open_balancer(group);
    }
    if (!group->balancer) {
        return false;
    }
    const struct module *module = group->conf->balancer_module;
    struct account_call call = account_enter(module, &module->accounts[ACCOUNT_BALANCER]);
    weir_rc rc = ops->pick(group->balancer, req, usable, index);
    account_leave(&call);
    return rc == WEIR_OK;
}

/* Other workers choose at the same time: the last place, and the one probe of a peer that was out,
 * go to whoever is first. */
static bool take(struct weir_peer *peer)
{
    struct peer_state *state = peer->state;
    struct state_map *map = &peer->group->map;
    uint32_t n = state_begin(map, peer->slot);
    uint64_t out_ms = state->out_until_ms;

    if ((peer->conf->max_connections && n > (uint64_t)peer->conf->max_connections) ||
        (out_ms && out_ms <= clock_now.ms &&
         !atomic_compare_exchange_strong(&state->out_until_ms, &out_ms,
                                         clock_now.ms + peer->conf->fail_timeout_ms))) {
        state_end(map, peer->slot);
        return false;
    }
    return true;
}

static struct weir_peer *choose(struct upstream_group *group, struct weir_req *req,
                                uint64_t *usable, uint32_t n, uint32_t index)
{
    while (n > 0) {
        if (n > 1 && !balance(group, req, usable, &index)) {
            return NULL;
        }
        if (take(group->peers[index])) {
            return group->peers[index];
        }
        usable[index / 64] &= ~((uint64_t)1 << (index % 64));
        n--;
        for (index = 0; n > 0 && !has_bit(usable, index); index++) {
        }
    }
    return NULL;
}

/* A client keeps its peer while that drains, and gets it back from a backup. */
static struct weir_peer *keep(struct upstream_group *group, struct weir_req *req,
                              const uint64_t *tried)
{
    struct weir_peer *peer = sticky_peer(group, req);

    return peer && !has_bit(tried, peer->index) && !is_down(peer) && !is_out(peer) && take(peer)
               ? peer
               : NULL;
}

struct weir_peer *group_pick(struct upstream_group *group, struct weir_req *req,
                             const uint64_t *tried, bool *is_full)
{
    uint64_t one_word;
    uint64_t *usable = &one_word;
    struct weir_peer *peer;
    uint32_t index = 0;

    *is_full = false;
    group_sync(group);
    if (group->word_n > 1) {
        usable = arena_alloc(&req->arena, group->word_n * sizeof(*usable));
    }
    if (group->conf->sticky_cookie.n && (peer = keep(group, req, tried))) {
        return peer;
    }
    /* In order: primaries, backups; when all are out, whoever may come back: asking one that
     * failed is better than an answer that is certainly an error. */
    for (int round = 0; round < 4; round++) {
        if (round == 2 && *is_full && group->conf->queue_length) {
            return NULL; /* a place is worth waiting for */
        }
        uint32_t n =
            usable_peers(group, tried, round & 1, round >= 2, usable, &index, is_full);

        if ((peer = choose(group, req, usable, n, index))) {
            return peer;
        }
    }
    return NULL;
}

/* ---- judging ---- */

#define LOG_PEER(peer)                                                                             \
    (int)(peer)->group->conf->name.n, (peer)->group->conf->name.p, (int)(peer)->name.n,            \
        (peer)->name.p

/* It stays out for fail_timeout; where active checks are made, until they go well. */
static void eject(struct weir_peer *peer, const char *why)
{
    struct peer_state *state = peer->state;
    uint64_t not_out = 0;

    state->fails = 0;
    if (state->health == HEALTH_UP) {
        state->rise = 0;
        state->health = HEALTH_DOWN;
        log_warn("upstream %.*s: peer %.*s is out until its checks go well, after %s",
                 LOG_PEER(peer), why);
    } else if (atomic_compare_exchange_strong(&state->out_until_ms, &not_out,
                                              clock_now.ms + peer->conf->fail_timeout_ms)) {
        log_warn("upstream %.*s: peer %.*s is out for %llu ms after %s", LOG_PEER(peer),
                 (unsigned long long)peer->conf->fail_timeout_ms, why);
    }
}

/* A single peer is never put out: there is no better one. */
static bool can_be_ejected(const struct weir_peer *peer)
{
    return peer->conf->max_fails > 0 && peer->group->peer_n > 1;
}

static void note_failure(struct weir_peer *peer)
{
    struct peer_state *state = peer->state;
    uint64_t since_ms = state->fail_since_ms;
    char why[40];

    if (!can_be_ejected(peer)) {
        return;
    }
    if (state->out_until_ms) { /* a probe, or all are out */
        state->out_until_ms = clock_now.ms + peer->conf->fail_timeout_ms;
        return;
    }
    if (clock_now.ms > since_ms + peer->conf->fail_timeout_ms &&
        atomic_compare_exchange_strong(&state->fail_since_ms, &since_ms, clock_now.ms)) {
        state->fails = 0;
    }
    uint32_t fails = atomic_fetch_add(&state->fails, 1) + 1;
    if (fails >= (uint64_t)peer->conf->max_fails) {
        snprintf(why, sizeof(why), "%u failures", fails);
        eject(peer, why);
    }
}

/* Counts one answer in the window of `eject`. */
static void count_answer(struct weir_peer *peer, bool is_bad)
{
    const struct upstream_conf *conf = peer->group->conf;
    struct peer_state *state = peer->state;
    uint64_t since_ms = state->window_since_ms;
    char why[80];

    if (clock_now.ms > since_ms + conf->eject_window_ms &&
        atomic_compare_exchange_strong(&state->window_since_ms, &since_ms, clock_now.ms)) {
        state->window_n = 0;
        state->window_bad = 0;
    }
    uint32_t n = atomic_fetch_add(&state->window_n, 1) + 1;
    uint32_t bad = is_bad ? atomic_fetch_add(&state->window_bad, 1) + 1 : state->window_bad;
    if (is_bad && n >= RATIO_MIN && bad * (uint64_t)100 >= n * (uint64_t)conf->eject_ratio &&
        can_be_ejected(peer)) {
        snprintf(why, sizeof(why), "%u bad answers of %u", bad, n);
        state->window_n = 0;
        state->window_bad = 0;
        eject(peer, why);
    }
}

void peer_note_error(struct weir_peer *peer, uint32_t error)
{
    struct peer_state *state = peer->state;
    uint64_t fine = 0;

    state->error = error;
    state->error_ms = clock_now.ms;
    atomic_compare_exchange_strong(&state->failing_since_ms, &fine, clock_now.ms);
}

const char *peer_last_error(const struct weir_peer *peer)
{
    uint32_t error = peer->state->error;

    return error == ERROR_CHECK            ? "check_failed"
           : error && error < WEIR_REASON_COUNT ? reason_name((weir_reason)error).p
                                                : NULL;
}

/* Written only where it says something else: all workers look at it. */
static void went_well(struct peer_state *state)
{
    if (state->failing_since_ms) {
        state->failing_since_ms = 0;
    }
}

void peer_answered(struct weir_peer *peer, uint32_t status, uint64_t usec)
{
    const struct upstream_conf *conf = peer->group->conf;
    struct peer_state *state = peer->state;
    bool is_bad = status_set_has(&conf->eject_status, status) ||
                  (conf->eject_latency_ms && usec > conf->eject_latency_ms * 1000);

    if (conf->eject_ratio && (conf->eject_status.is_any || conf->eject_latency_ms)) {
        count_answer(peer, is_bad);
    } else if (is_bad) {
        note_failure(peer);
    }
    if (!is_bad) {
        went_well(state);
    }
    if (!is_bad && state->out_until_ms && atomic_exchange(&state->out_until_ms, 0)) {
        state->back_since_ms = clock_now.ms;
        log_info("upstream %.*s: peer %.*s is back", LOG_PEER(peer));
    }
}

void peer_done(struct weir_peer *peer, weir_outcome outcome, uint64_t usec)
{
    struct upstream_group *group = peer->group;
    const weir_balancer_ops *ops = group->conf->balancer;

    state_end(&group->map, peer->slot);
    metric_count(peer->outcome_metrics[outcome], 1);
    metric_add(peer->duration_metric, (int64_t)usec);
    if (outcome == WEIR_PEER_FAILED) {
        note_failure(peer);
    }
    if (ops && ops->done && group->balancer && peer->index < group->balanced_n) {
        ops->done(group->balancer, peer->index, outcome, usec);
    }
    queue_wake(&group->queue);
}

/* ---- active checks ---- */

static void check_went_well(struct weir_peer *peer)
{
    struct peer_state *state = peer->state;
    bool is_first = state->health == HEALTH_UNKNOWN;

    went_well(state);
    state->fall = 0;
    if (state->health == HEALTH_UP ||
        (++state->rise < (uint64_t)peer->group->conf->health.rise && !is_first)) {
        return;
    }
    state->health = HEALTH_UP;
    state->out_until_ms = 0;
    state->fails = 0;
    if (!is_first) {
        state->back_since_ms = clock_now.ms;
        log_info("upstream %.*s: peer %.*s is back: its checks go well", LOG_PEER(peer));
    }
}

void peer_checked(struct weir_peer *peer, bool is_well, const char *why)
{
    struct peer_state *state = peer->state;

    if (is_well) {
        check_went_well(peer);
        return;
    }
    peer_note_error(peer, ERROR_CHECK);
    state->rise = 0;
    if (state->health == HEALTH_DOWN ||
        ++state->fall < (uint64_t)peer->group->conf->health.fall) {
        return;
    }
    state->health = HEALTH_DOWN;
    log_warn("upstream %.*s: peer %.*s is out: %u checks in a row failed: %s", LOG_PEER(peer),
             state->fall, why);
}
