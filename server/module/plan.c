/* SPDX-License-Identifier: Apache-2.0 */
#include "module/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/str.h"
#include "module/registry.h"

static const struct {
    weir_phase phase;
    const char *name;
} phases[PHASE_COUNT] = {
    [PHASE_CONN_ACCEPT] = {WEIR_CONN_ACCEPT, "accept"},
    [PHASE_CONN_PREREAD] = {WEIR_CONN_PREREAD, "preread"},
    [PHASE_CONN_CLOSE] = {WEIR_CONN_CLOSE, "close"},
    [PHASE_START] = {WEIR_REQ_START, "start"},
    [PHASE_REWRITE] = {WEIR_REQ_REWRITE, "rewrite"},
    [PHASE_LIMIT] = {WEIR_REQ_LIMIT, "limit"},
    [PHASE_ACCESS] = {WEIR_REQ_ACCESS, "access"},
    [PHASE_PREPARE] = {WEIR_REQ_PREPARE, "prepare"},
    [PHASE_LOOKUP] = {WEIR_REQ_LOOKUP, "lookup"},
    [PHASE_UP_RESPONSE] = {WEIR_UP_RESPONSE, "upstream"},
    [PHASE_RES_START] = {WEIR_RES_START, "response"},
    [PHASE_RES_HEADERS] = {WEIR_RES_HEADERS, "headers"},
    [PHASE_LOG] = {WEIR_LOG, "log"},
    [PHASE_END] = {WEIR_REQ_END, "end"},
};

int phase_index(weir_phase phase)
{
    for (int i = 0; i < PHASE_COUNT; i++) {
        if (phases[i].phase == phase) {
            return i;
        }
    }
    return -1;
}

const char *phase_name(enum phase phase)
{
    return phases[phase].name;
}

/* ---- sorting one phase ---- */

/* A module's hook in the phase, once per module: its scopes stay together, outermost first. */
struct node {
    const struct plan_use *use;
    const weir_hook *hook;          /* or */
    const weir_filter_ops *filter;
    int32_t stage;
    const char *before, *after;
    int64_t admin;  /* place in the admin's order; -1: not named */
    bool placed;
};

struct sorter {
    struct node *nodes;
    uint32_t n;
};

static bool word_names(const char *words, const struct node *node)
{
    weir_str rest = str_from(words);

    while (rest.p) {
        weir_str word = str_cut(&rest, ' ');
        weir_str provided = node->use->module->info ? node->use->module->info->provides
                                                    : (weir_str){0};

        if (word.n && str_eq(word, node->use->module->name)) {
            return true;
        }
        while (word.n && provided.p) {
            if (str_eq(word, str_cut(&provided, ' '))) {
                return true;
            }
        }
    }
    return false;
}

/* Must a run before b? */
static bool must_precede(const struct node *a, const struct node *b)
{
    if (a->admin >= 0 && b->admin >= 0) {
        return a->admin < b->admin;
    }
    return (a->before && word_names(a->before, b)) ||
           (b->after && word_names(b->after, a));
}

/* Of two that may both run next: stage, then name. */
static bool is_better(const struct node *a, const struct node *b)
{
    if (!b) {
        return true;
    }
    if (a->stage != b->stage) {
        return a->stage < b->stage;
    }
    weir_str x = a->use->module->name, y = b->use->module->name;
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return order ? order < 0 : x.n < y.n;
}

static bool is_blocked(const struct sorter *s, const struct node *node)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct node *other = &s->nodes[i];

        if (!other->placed && other != node && must_precede(other, node)) {
            return true;
        }
    }
    return false;
}

static struct node *next_node(struct sorter *s)
{
    struct node *best = NULL;

    for (uint32_t i = 0; i < s->n; i++) {
        struct node *node = &s->nodes[i];

        if (!node->placed && !is_blocked(s, node) && is_better(node, best)) {
            best = node;
        }
    }
    return best;
}

static void describe_cycle(const struct sorter *s, const char *what, char *error,
                           size_t error_size)
{
    const struct node *node = NULL;
    size_t n = (size_t)snprintf(error, error_size, "%s wait for each other:", what);

    for (uint32_t i = 0; i < s->n && !node; i++) {
        node = s->nodes[i].placed ? NULL : &s->nodes[i];
    }
    for (uint32_t step = 0; node && step <= s->n && n < error_size; step++) {
        n += (size_t)snprintf(error + n, error_size - n, "%s %.*s", step ? " after" : "",
                              (int)node->use->module->name.n, node->use->module->name.p);
        const struct node *before = NULL;
        for (uint32_t i = 0; i < s->n && !before; i++) {
            if (!s->nodes[i].placed && &s->nodes[i] != node && must_precede(&s->nodes[i], node)) {
                before = &s->nodes[i];
            }
        }
        node = before;
    }
}

/* ---- building ---- */

static int64_t admin_place(const struct plan_order *orders, uint32_t n, enum phase phase,
                           weir_str name)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; orders[i].phase == phase && k < orders[i].n; k++) {
            if (str_eq(orders[i].names[k], name)) {
                return k;
            }
        }
    }
    return -1;
}

static uint32_t scopes_of(const struct plan_use *use)
{
    uint32_t n = 0;

    for (; use; use = use->outer) {
        n++;
    }
    return n;
}

/* The outermost scope's first. */
static struct plan_hook *put_scopes(struct plan_hook *at, const struct node *node,
                                    const struct plan_use *use)
{
    if (!use) {
        return at;
    }
    at = put_scopes(at, node, use->outer);
    *at = (struct plan_hook){
        .conf = use->conf, .module = use->module, .hook = node->hook};
    return at + 1;
}

static void reverse(struct plan_hook *hooks, uint32_t n)
{
    for (uint32_t i = 0; i < n / 2; i++) {
        struct plan_hook swap = hooks[i];

        hooks[i] = hooks[n - 1 - i];
        hooks[n - 1 - i] = swap;
    }
}

static bool flatten(struct arena *arena, struct sorter *s, uint32_t total, enum phase phase,
                    struct plan *plan, char *error, size_t error_size)
{
    struct plan_hook *hooks = total ? arena_alloc(arena, total * sizeof(*hooks)) : NULL;
    struct plan_hook *at = hooks;

    for (uint32_t i = 0; i < s->n; i++) {
        struct node *node = next_node(s);

        if (!node) {
            char what[64];

            snprintf(what, sizeof(what), "the hooks of phase %s", phase_name(phase));
            describe_cycle(s, what, error, error_size);
            return false;
        }
        node->placed = true;
        at = put_scopes(at, node, node->use);
    }
    if (phase == PHASE_LOG || phase == PHASE_END || phase == PHASE_CONN_CLOSE) {
        reverse(hooks, total); /* what began last ends first */
    }
    plan->hooks[phase] = hooks;
    plan->hook_n[phase] = total;
    return true;
}

static bool build_phase(struct arena *arena, const struct plan_use *uses, uint32_t use_n,
                        const struct plan_order *orders, uint32_t order_n, enum phase phase,
                        struct plan *plan, char *error, size_t error_size)
{
    struct sorter s = {0};
    uint32_t total = 0, most = 0;

    for (uint32_t i = 0; i < use_n; i++) {
        most += uses[i].module->desc->hook_n;
    }
    s.nodes = mem_zalloc((most + 1) * sizeof(*s.nodes));
    for (uint32_t i = 0; i < use_n; i++) {
        const weir_module *desc = uses[i].module->desc;

        for (uint32_t k = 0; k < desc->hook_n; k++) {
            if (phase_index(desc->hooks[k].phase) == (int)phase) {
                s.nodes[s.n++] = (struct node){
                    .use = &uses[i],
                    .hook = &desc->hooks[k],
                    .stage = desc->hooks[k].stage,
                    .before = desc->hooks[k].before,
                    .after = desc->hooks[k].after,
                    .admin = admin_place(orders, order_n, phase, uses[i].module->name)};
                total += scopes_of(&uses[i]);
            }
        }
    }
    bool fine = flatten(arena, &s, total, phase, plan, error, error_size);
    free(s.nodes);
    return fine;
}

static uint32_t filters_of(const struct plan_use *use, weir_side side, struct node *nodes)
{
    const weir_filter_ops *const *at = use->module->desc->filters;
    uint32_t n = 0;

    for (; at && *at; at++) {
        if ((*at)->side == side) {
            nodes[n++] = (struct node){.use = use,
                                       .filter = *at,
                                       .stage = (int32_t)(*at)->stage,
                                       .before = (*at)->before,
                                       .after = (*at)->after,
                                       .admin = -1};
        }
    }
    return n;
}

static uint32_t filters_in(const weir_module *desc)
{
    uint32_t n = 0;

    while (desc->filters && desc->filters[n]) {
        n++;
    }
    return n;
}

static bool build_filters(struct arena *arena, const struct plan_use *uses, uint32_t use_n,
                          weir_side side, struct plan *plan, char *error, size_t error_size)
{
    struct sorter s = {0};
    uint32_t most = 0;
    bool fine = true;

    for (uint32_t i = 0; i < use_n; i++) {
        most += filters_in(uses[i].module->desc);
    }
    s.nodes = mem_zalloc((most + 1) * sizeof(*s.nodes));
    for (uint32_t i = 0; i < use_n; i++) {
        s.n += filters_of(&uses[i], side, s.nodes + s.n);
    }
    struct plan_filter *filters = arena_alloc(arena, (s.n + 1) * sizeof(*filters));
    for (uint32_t i = 0; i < s.n && fine; i++) {
        struct node *node = next_node(&s);

        if (node) {
            node->placed = true;
            filters[i] = (struct plan_filter){
                .ops = node->filter, .conf = node->use->conf, .module = node->use->module};
        } else {
            describe_cycle(&s, "the body filters", error, error_size);
            fine = false;
        }
    }
    plan->filters[side] = filters;
    plan->filter_n[side] = fine ? s.n : 0;
    free(s.nodes);
    return fine;
}

const void *plan_conf(const struct plan *plan, const struct module *module)
{
    for (uint32_t i = 0; i < plan->use_n; i++) {
        if (plan->uses[i].module == module) {
            return plan->uses[i].conf;
        }
    }
    return NULL;
}

bool plan_build(struct arena *arena, const struct plan_use *uses, uint32_t use_n,
                const struct plan_order *orders, uint32_t order_n, struct plan *plan, char *error,
                size_t error_size)
{
    *plan = (struct plan){.uses = uses, .use_n = use_n};
    for (uint32_t i = 0; i < use_n; i++) {
        const struct module *module = uses[i].module;

        if (!module->desc->handler) {
            continue;
        }
        if (plan->handler) {
            snprintf(error, error_size, "there are two content handlers, %.*s and %.*s: keep one, "
                     "or give each a route", (int)plan->handler->name.n, plan->handler->name.p,
                     (int)module->name.n, module->name.p);
            return false;
        }
        plan->handler = module;
        plan->handler_conf = uses[i].conf;
    }
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        if (!build_phase(arena, uses, use_n, orders, order_n, (enum phase)phase, plan, error,
                         error_size)) {
            return false;
        }
    }
    return build_filters(arena, uses, use_n, WEIR_REQUEST, plan, error, error_size) &&
           build_filters(arena, uses, use_n, WEIR_RESPONSE, plan, error, error_size);
}
