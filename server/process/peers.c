/* SPDX-License-Identifier: Apache-2.0 */
#include "process/peers.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "upstream/group.h"

struct question {
    weir_str upstream, verb, address;
    int64_t n;
    bool as_json;
};

static struct upstream_group *find(const struct config *config, weir_str name)
{
    for (uint32_t i = 0; i < config->upstream_n; i++) {
        if (str_eq(config->upstreams[i]->name, name)) {
            return config->upstreams[i]->group;
        }
    }
    return NULL;
}

/* ---- listing ---- */

static unsigned long long seconds_since(uint64_t ms)
{
    return clock_now.ms > ms ? (clock_now.ms - ms) / 1000 : 0;
}

/* "  last error connection_refused 5 s ago, failing for 20 s" */
static void print_error(const struct weir_peer *peer, weir_answer *answer)
{
    const struct peer_state *state = peer->state;
    const char *error = peer_last_error(peer);
    uint64_t since_ms = state->failing_since_ms;

    if (error) {
        fprintf(answer->out, "  last error %s %llu s ago", error, seconds_since(state->error_ms));
        if (since_ms) {
            fprintf(answer->out, ", failing for %llu s", seconds_since(since_ms));
        }
    }
}

static void print_row(const struct weir_peer *peer, weir_answer *answer)
{
    const struct peer_state *state = peer->state;
    char note[80] = "";
    uint64_t out_ms = state->out_until_ms;

    if (out_ms > clock_now.ms) {
        snprintf(note, sizeof(note), "  for %llu s more",
                 (unsigned long long)(out_ms - clock_now.ms + 999) / 1000);
    }
    fprintf(answer->out, "  %-28.*s %-9s weight %-5lld in flight %-5u fails %u%s%s%s",
            (int)peer->name.n, peer->name.p, peer_standing(peer),
            (long long)peer_weight(peer), (unsigned)state->in_flight, (unsigned)state->fails,
            peer->conf->backup ? "  backup" : "", state->kind == PEER_ADDED ? "  added" : "", note);
    print_error(peer, answer);
    fputc('\n', answer->out);
}

static void print_json(const struct weir_peer *peer, weir_answer *answer)
{
    static const char *const health[] = {"unknown", "up", "down"};
    struct json json = {.out = answer->out};
    const struct peer_state *state = peer->state;
    uint32_t healthy = state->health;

    json_open(&json, NULL, '{');
    json_str(&json, "upstream", peer->group->conf->name);
    json_str(&json, "peer", peer->name);
    json_text(&json, "state", peer_standing(peer));
    json_int(&json, "weight", peer_weight(peer));
    json_int(&json, "in_flight", state->in_flight);
    json_int(&json, "fails", state->fails);
    json_text(&json, "health", healthy <= HEALTH_DOWN ? health[healthy] : NULL);
    json_text(&json, "last_error", peer_last_error(peer));
    if (peer_last_error(peer)) {
        json_int(&json, "last_error_s", (int64_t)seconds_since(state->error_ms));
    }
    if (state->failing_since_ms) {
        json_int(&json, "failing_s", (int64_t)seconds_since(state->failing_since_ms));
    }
    json_bool(&json, "backup", peer->conf->backup);
    json_bool(&json, "added", state->kind == PEER_ADDED);
    json_close(&json, '}');
    fputc('\n', answer->out);
}

static void list(struct upstream_group *group, const struct question *q, weir_answer *answer)
{
    group_sync(group);
    if (!q->as_json) {
        fprintf(answer->out, "%.*s\n", (int)group->conf->name.n, group->conf->name.p);
    }
    for (uint32_t i = 0; i < group->peer_n; i++) {
        (q->as_json ? print_json : print_row)(group->peers[i], answer);
    }
}

/* ---- the command ---- */

static bool refuse(weir_answer *answer, const char *what, weir_str word)
{
    fprintf(answer->out, "peers: %s \"%.*s\": expected peers [UPSTREAM [add|drain|disable|enable|"
            "weight ADDRESS [N]]]\n", what, (int)word.n, word.p);
    return false;
}

static bool parse(struct question *q, weir_answer *answer, const weir_str *words, uint32_t n)
{
    weir_str *const places[] = {&q->upstream, &q->verb, &q->address};
    uint32_t place = 0;
    uint64_t number;

    for (uint32_t i = 1; i < n; i++) {
        if (str_eq(words[i], STR("--json"))) {
            q->as_json = true;
        } else if (place < WEIR_COUNT(places)) {
            *places[place++] = words[i];
        } else if (place == WEIR_COUNT(places) && str_eq(q->verb, STR("weight")) &&
                   str_to_u64(words[i], &number)) {
            q->n = (int64_t)number;
            place++;
        } else {
            return refuse(answer, "not understood:", words[i]);
        }
    }
    return place != 2 || refuse(answer, "an address is missing after", q->verb);
}

weir_rc peers_command(const struct config *config, weir_answer *answer, const weir_str *words,
                      uint32_t n)
{
    struct question q = {0};
    char error[300];

    if (!parse(&q, answer, words, n)) {
        return WEIR_ERROR;
    }
    struct upstream_group *group = q.upstream.n ? find(config, q.upstream) : NULL;
    if (q.upstream.n && !group) {
        fprintf(answer->out, "no route uses an upstream \"%.*s\": weir peers lists those that are "
                "used\n", (int)q.upstream.n, q.upstream.p);
        return WEIR_ERROR;
    }
    if (q.verb.n) {
        if (!group_peer_command(group, q.verb, q.address, q.n, error, sizeof(error))) {
            fprintf(answer->out, "%s\n", error);
            return WEIR_ERROR;
        }
        list(group, &q, answer);
        return WEIR_OK;
    }
    for (uint32_t i = 0; i < config->upstream_n; i++) {
        struct upstream_group *other = config->upstreams[i]->group;

        if (other && (!group || other == group)) {
            list(other, &q, answer);
        }
    }
    return WEIR_OK;
}
