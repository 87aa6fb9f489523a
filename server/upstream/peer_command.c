/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/peer_command.c - orders for peers at run time. See group.h. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "upstream/group.h"

#include <errno.h>
#include <stdio.h>

#define WEIGHT_MAX 65535

static struct weir_peer *find(const struct upstream_group *group, weir_str address)
{
    for (uint32_t i = 0; i < group->peer_n; i++) {
        if (str_eq(group->peers[i]->name, address)) {
            return group->peers[i];
        }
    }
    return NULL;
}

static bool add(struct upstream_group *group, weir_str address, char *error, size_t size)
{
    struct addr addr;

    if (find(group, address)) {
        snprintf(error, size, "%.*s is in upstream %.*s already", (int)address.n, address.p,
                 (int)group->conf->name.n, group->conf->name.p);
        return false;
    }
    if (address.n >= ADDR_TEXT || addr_parse(address, 80, &addr) == -EINVAL) {
        snprintf(error, size,
                 "\"%.*s\" is no address: expected host:port, [v6]:port or unix:/path",
                 (int)address.n, address.p);
        return false;
    }
    uint32_t slot = state_slot(&group->map, address, PEER_ADDED);
    if (slot == UINT32_MAX) {
        snprintf(error, size, "upstream %.*s has no room for more than %u peers: write them into "
                 "the configuration", (int)group->conf->name.n, group->conf->name.p,
                 group->map.capacity);
        return false;
    }
    group->map.peers[slot].back_since_ms = clock_now.ms;
    atomic_fetch_add(&group->map.group->version, 1);
    group_sync(group);
    return true;
}

static bool set_order(struct weir_peer *peer, weir_str verb, int64_t n)
{
    struct peer_state *state = peer->state;

    if (str_eq(verb, STR("drain"))) {
        state->order = ORDER_DRAIN;
    } else if (str_eq(verb, STR("disable"))) {
        state->order = ORDER_DISABLED;
    } else if (str_eq(verb, STR("enable"))) {
        state->order = ORDER_ENABLED;
        state->out_until_ms = 0;
        state->fails = 0;
        state->back_since_ms = clock_now.ms;
    } else if (str_eq(verb, STR("weight")) && n > 0 && n <= WEIGHT_MAX) {
        state->weight = (uint32_t)n;
    } else {
        return false;
    }
    return true;
}

bool group_peer_command(struct upstream_group *group, weir_str verb, weir_str address, int64_t n,
                        char *error, size_t size)
{
    group_sync(group);
    if (str_eq(verb, STR("add"))) {
        return add(group, address, error, size);
    }
    struct weir_peer *peer = find(group, address);
    if (!peer) {
        snprintf(error, size, "there is no peer %.*s in upstream %.*s", (int)address.n, address.p,
                 (int)group->conf->name.n, group->conf->name.p);
        return false;
    }
    if (!set_order(peer, verb, n)) {
        snprintf(error, size,
                 "\"%.*s\": expected add, drain, disable, enable, or weight with a number from 1 "
                 "to %d", (int)verb.n, verb.p, WEIGHT_MAX);
        return false;
    }
    log_info("upstream %.*s: peer %.*s: %.*s was ordered", (int)group->conf->name.n,
             group->conf->name.p, (int)peer->name.n, peer->name.p, (int)verb.n, verb.p);
    return true;
}
