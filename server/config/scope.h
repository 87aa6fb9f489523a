/* SPDX-License-Identifier: Apache-2.0 */
/* config/scope.h - the top level, a site, a route: which modules each has, with which settings. */
#ifndef CONFIG_SCOPE_H
#define CONFIG_SCOPE_H

#include "config/config.h"
#include "config/host_schema.h"
#include "config/node.h"
#include "config/schema.h"

/* Where module code is told about a mistake: see weir/host.h. */
struct weir_cfg {
    struct config *config;
    struct use *use;
    struct source at; /* file NULL: where the option stands */
};

/* A module's group, or true or false, in one scope. */
struct use {
    const struct module *module;
    struct scope *scope;
    struct use *outer;            /* the same module in the nearest scope around; may be NULL */
    const struct node *own;       /* as written */
    const struct node *effective; /* with what it inherits; NULL: `false` was written */
    bool on;                      /* it runs here: not switched off, not settings alone */
    void *conf;                   /* NULL: there was a mistake, or `false` */
    struct plan_use plan;
    struct weir_cfg cfg;
    struct use *next; /* in the scope, in file order */
};

struct scope {
    struct config *config;
    struct scope *outer; /* NULL: this is the top level */
    uint32_t kind;       /* WEIR_S_* */
    const struct node *node;
    const char *label; /* a route's path, a site's first name: for messages */
    struct use *uses, *last;
    struct site *site;     /* NULL at the top */
    struct route *route;   /* of a site: its own one */
    struct scope **routes; /* of a site, by route->index */
    bool has_log;          /* of a site: error_log is set */
    struct log_settings log;
    struct source log_at;
};

/* What a configuration keeps of its files. */
struct config_tree {
    struct node *root;
    struct scope top;
    struct scope **sites; /* by site->index */
    struct module_variables *variables;
    weir_str searched; /* folders that were searched for modules, for messages */
    bool incomplete;   /* a file could not be read: what seems missing may be in it */
    bool all_loaded;   /* every installed module was loaded, to give a hint */
};

/* The rows of a module's options. */
struct rows module_rows(const struct module *module);

/* What a scope's group and those around it amount to: groups[0] is the outermost, groups[n - 1]
 * the innermost, NULL where a scope has none. Never NULL. */
struct node *scope_merge(struct arena *arena, struct rows rows, const struct node *const *groups,
                         uint32_t n);

/* Finds the modules that the scope's node names, and makes their settings. */
void scope_read_uses(struct scope *scope);
/* The module's use in the scope or the nearest around it. NULL: none. */
struct use *scope_find_use(const struct scope *scope, const struct module *module);
/* The modules that run here, for plan_build(). The array is in the arena. */
const struct plan_use *scope_plan_uses(const struct scope *scope, uint32_t *n);

/* check() and commit() of all uses in this scope. False: it has two content handlers. */
bool scope_check(struct scope *scope);
void scope_commit(struct scope *scope);

/* The scope of a route. */
struct scope *scope_of_route(const struct config *config, const struct route *route);

#endif
