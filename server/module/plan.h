/* SPDX-License-Identifier: Apache-2.0 */
/* module/plan.h - what runs for a route: flat arrays of hooks by phase, and the content handler. */
#ifndef MODULE_PLAN_H
#define MODULE_PLAN_H

#include <weir/module.h>

#include "module/account.h"

struct module;
struct plan_use;

/* The phases as small indices, in order. */
enum phase {
    PHASE_CONN_ACCEPT,
    PHASE_CONN_PREREAD,
    PHASE_CONN_CLOSE,
    PHASE_START,
    PHASE_REWRITE,
    PHASE_LIMIT,
    PHASE_ACCESS,
    PHASE_PREPARE,
    PHASE_LOOKUP,
    PHASE_UP_RESPONSE,
    PHASE_RES_START,
    PHASE_RES_HEADERS,
    PHASE_LOG,
    PHASE_END,
    PHASE_COUNT
};

/* -1: not a phase this host knows. */
int phase_index(weir_phase phase);
const char *phase_name(enum phase phase); /* "access" */

struct plan_hook {
    const void *conf;
    const struct module *module;
    const weir_hook *hook;
    struct account account;
};

/* A body filter, in the order in which bytes pass. */
struct plan_filter {
    const weir_filter_ops *ops;
    const void *conf;
    const struct module *module;
    struct account account;
};

struct plan {
    const struct plan_filter *filters[2]; /* by weir_side */
    uint32_t filter_n[2];
    const struct plan_hook *hooks[PHASE_COUNT];
    uint32_t hook_n[PHASE_COUNT];
    const struct module *handler;     /* NULL: the route has no content */
    const struct module *closed_by;   /* in quarantine: the route answers 503; NULL: it is open */
    const void *handler_conf;
    struct account handler_account;
    const struct plan_use *uses;      /* all modules that are on, hooks or not */
    uint32_t use_n;
};

/* One module that is enabled on a route, with its settings there. `outer` is the same module's
 * enclosing scope when the module is WEIR_MODULE_ADDITIVE, else NULL. */
struct plan_use {
    const struct module *module;
    const void *conf;
    const struct plan_use *outer;
};

/* Admin's order of one phase: names in the order wanted. */
struct plan_order {
    enum phase phase;
    const weir_str *names;
    uint32_t n;
};

struct arena;

/* The settings of a module that is on there. NULL: it is not. */
const void *plan_conf(const struct plan *plan, const struct module *module);

/* Sorts the hooks of `uses` (by stage; before/after; the admin's order; module name) and flattens
 * them into *plan, in `arena`. False: a cycle, or two content handlers; `error` says which. */
bool plan_build(struct arena *arena, const struct plan_use *uses, uint32_t use_n,
                const struct plan_order *orders, uint32_t order_n, struct plan *plan, char *error,
                size_t error_size);

#endif
