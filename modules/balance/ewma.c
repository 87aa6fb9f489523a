/* SPDX-License-Identifier: Apache-2.0 */
/* ewma - of two peers by chance, the one where a request is likely to be answered first: what
 * answers took lately, times what is under way.
 *
 * A slower answer counts at once, faster ones only bit by bit (a peak-sensitive moving average), so
 * that a peer which begins to struggle is relieved with its first slow answer. What was measured
 * fades: a peer that is asked no more is tried again. All workers measure together. */
#include "balance.h"
#include "chance.h"

#include <math.h>
#include <stdlib.h>

#define FADE_MS 10000.0         /* after which a measurement counts for a third */
#define FAILURE_US 1000000      /* a failure is as bad as a second more */

/* Of a peer, shared. Racing updates lose one measurement, which does not matter. */
struct latency {
    uint64_t us;
    uint64_t at_ms;
};

struct ewma {
    weir_peer *const *peers;
    uint32_t n;
    struct chance chance;
    struct latency *latencies; /* by slot */
};

static void *ewma_create(const weir_balancer_group *group)
{
    struct ewma *ewma = calloc(1, sizeof(*ewma));

    if (ewma) {
        ewma->peers = group->peers;
        ewma->n = group->n;
        ewma->latencies = (struct latency *)group->shared;
        chance_init(&ewma->chance);
    }
    return ewma;
}

static struct latency *latency_of(const struct ewma *ewma, uint32_t index)
{
    return &ewma->latencies[weir_peer_info(ewma->peers[index], WEIR_PEER_SLOT)];
}

static double fading(const struct latency *latency)
{
    uint64_t at_ms = __atomic_load_n(&latency->at_ms, __ATOMIC_RELAXED);
    uint64_t now_ms = weir_now_ms();

    return exp(-(double)(now_ms > at_ms ? now_ms - at_ms : 0) / FADE_MS);
}

static double cost(const struct ewma *ewma, uint32_t index)
{
    const weir_peer *peer = ewma->peers[index];
    const struct latency *latency = latency_of(ewma, index);
    double us = (double)__atomic_load_n(&latency->us, __ATOMIC_RELAXED) * fading(latency);

    return (us + 1) * (double)(weir_peer_info(peer, WEIR_PEER_IN_FLIGHT) + 1) /
           (double)weir_peer_info(peer, WEIR_PEER_SHARE);
}

static weir_rc ewma_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    struct ewma *ewma = state;
    uint32_t two[2];
    int n = chance_two(&ewma->chance, ewma->peers, ewma->n, usable, two);

    (void)req;
    if (n == 0) {
        return WEIR_NEXT;
    }
    *index = n == 2 && cost(ewma, two[1]) < cost(ewma, two[0]) ? two[1] : two[0];
    return WEIR_OK;
}

static void ewma_done(void *state, uint32_t index, weir_outcome outcome, uint64_t usec)
{
    const struct ewma *ewma = state;
    struct latency *latency = latency_of(ewma, index);
    uint64_t before = __atomic_load_n(&latency->us, __ATOMIC_RELAXED);

    if (outcome == WEIR_PEER_ABORTED) {
        return; /* the client's haste says nothing */
    }
    uint64_t us = outcome == WEIR_PEER_FAILED ? usec + FAILURE_US : usec;
    if (us < before) {
        /* At least a hundredth of the way, so that many quick answers count as well as time. */
        double keep = fading(latency);

        keep = keep < 0.99 ? keep : 0.99;
        us = (uint64_t)((double)before * keep + (double)us * (1 - keep));
    }
    __atomic_store_n(&latency->us, us, __ATOMIC_RELAXED);
    __atomic_store_n(&latency->at_ms, weir_now_ms(), __ATOMIC_RELAXED);
}

const weir_balancer_ops balance_ewma = {
    .size = sizeof(balance_ewma),
    .name = "ewma",
    .create = ewma_create,
    .close = free,
    .pick = ewma_pick,
    .done = ewma_done,
    .shared_peer = sizeof(struct latency),
};
