/* SPDX-License-Identifier: Apache-2.0 */
#include "process/figures.h"

#include <string.h>
#include <time.h>

#include "base/metrics.h"
#include "base/running.h"
#include "base/str.h"
#include "upstream/group.h"

static const struct config *config;
static time_t started;
static struct arena texts; /* labels of the last listing */

/* Who asks. */
struct reader {
    weir_metric_fn *fn;
    void *arg;
};

static void tell(const struct reader *to, const char *name, const char *labels,
                 const char *doc, int64_t value)
{
    const weir_metric_view view = {.size = sizeof(view),
                                   .kind = WEIR_METRIC_GAUGE,
                                   .name = name,
                                   .labels = labels,
                                   .doc = doc,
                                   .value = value};

    to->fn(to->arg, &view);
}

/* ---- generations ---- */

/* Their workers, counted by the slots they run in. A generation without any is gone. */
static void tell_generations(const struct reader *to)
{
    bool seen[RUNNING_SLOTS] = {false};

    for (uint32_t i = 1; i < RUNNING_SLOTS; i++) {
        unsigned generation = running_slot(i)->generation;
        int64_t workers = 0;

        if (running_slot(i)->pid == 0 || seen[i]) {
            continue;
        }
        for (uint32_t k = i; k < RUNNING_SLOTS; k++) {
            if (running_slot(k)->pid && running_slot(k)->generation == generation) {
                seen[k] = true;
                workers++;
            }
        }
        weir_str labels = arena_printf(&texts, "generation=\"%u\"", generation);
        tell(to, "weir_generation_workers", labels.p, "Workers of a generation, old ones included.",
             workers);
    }
    tell(to, "weir_generation", "", "The generation that answers this.", running->generation);
    tell(to, "weir_generation_start_time_seconds", "",
         "When its worker began, in seconds since 1970.", started);
}

/* ---- peers ---- */

static void tell_peer(const struct reader *to, const struct weir_peer *peer)
{
    weir_str group = peer->group->conf->name;
    const char *standing = peer_standing(peer);
    weir_str labels = arena_printf(&texts, "upstream=\"%.*s\",peer=\"%.*s\"", (int)group.n,
                                   group.p, (int)peer->name.n, peer->name.p);
    weir_str with_state = arena_printf(&texts, "%s,state=\"%s\"", labels.p, standing);

    tell(to, "weir_peer_up", with_state.p, "1: the peer is asked; 0: `state` says why not.",
         strcmp(standing, "up") == 0);
    tell(to, "weir_peer_requests", labels.p, "Requests under way at a peer, of all workers.",
         peer->state->in_flight);
    tell(to, "weir_peer_weight", labels.p, "As configured, or ordered at run time.",
         peer_weight(peer));
}

static void tell_peers(const struct reader *to)
{
    for (uint32_t i = 0; i < config->upstream_n; i++) {
        struct upstream_group *group = config->upstreams[i]->group;

        if (!group) {
            continue; /* no route uses it */
        }
        group_sync(group);
        for (uint32_t k = 0; k < group->peer_n; k++) {
            tell_peer(to, group->peers[k]);
        }
    }
}

static void tell_all(weir_metric_fn *fn, void *arg)
{
    const struct reader to = {fn, arg};

    arena_fini(&texts);
    arena_init(&texts);
    tell_generations(&to);
    tell_peers(&to);
}

void figures_start(const struct config *running_config)
{
    config = running_config;
    started = time(NULL);
    arena_init(&texts);
    metrics_also(tell_all);
}
