/* SPDX-License-Identifier: Apache-2.0 */
/* module/registry.h - which modules are installed, what they provide, and loading them.
 *
 * The index is read from each file's .weir.abi section, without running it. */
#ifndef MODULE_REGISTRY_H
#define MODULE_REGISTRY_H

#include <weir/module.h>

#include "base/arena.h"
#include "module/account.h"

/* An installed file. */
struct module_info {
    weir_str name;
    const char *path;
    uint16_t abi_major, abi_minor;
    weir_str provides;     /* space-separated capabilities */
    struct module *loaded; /* NULL: not yet */
};

/* A loaded module. */
struct module {
    const weir_module *desc;
    const struct module_info *info;
    weir_str name;
    uint32_t index;        /* among the loaded ones, in load order */
    uint32_t ctx_index;    /* slot of its per-request state */
    struct account accounts[ACCOUNT_COUNT]; /* by account_kind */
};

struct registry {
    struct arena *arena;
    const weir_host *host;
    struct module_info *infos;
    uint32_t info_n;
    struct module **modules; /* loaded */
    uint32_t module_n;
    const weir_str *allowed; /* server.modules; n 0: all */
    uint32_t allowed_n;
};

/* Indexes *.so (and, for a build tree, NAME/.libs/NAME.so) in the folders, first one wins. A file without or with a
 * broken section is passed over with a warning in the log. */
void registry_init(struct registry *registry, struct arena *arena, const weir_host *host,
                   const char *const *folders, uint32_t folder_n);

/* NULL: not installed. */
struct module_info *registry_find(const struct registry *registry, weir_str name);
/* The module that provides "handler", "balancer:least_conn", "var:geo_country" (a "var:geo_*"
 * provides it, too), "regex". NULL: none. */
struct module_info *registry_find_provider(const struct registry *registry, weir_str capability);

/* Loads (once). NULL: `error` says what is wrong and how to mend it: ABI, missing symbol, library
 * not found, not allowed by server.modules, table rows that do not make sense. */
struct module *registry_load(struct registry *registry, struct module_info *info, char *error,
                             size_t error_size);

/* See module/account.h: what a module had asked to be called for. NULL: the host had. */
static inline struct account_call account_callback(const struct module *module)
{
    return account_enter(module, module ? &module->accounts[ACCOUNT_CALLBACK] : NULL);
}

#endif
