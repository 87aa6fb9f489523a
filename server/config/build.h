/* SPDX-License-Identifier: Apache-2.0 */
/* config/build.h - from the tree of settings to what workers run. All report into config->diag. */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "config/scope.h"

/* upstreams.c: the groups of `upstream`. */
void build_upstreams(struct config *config);
/* What of them is left for config_commit(). */
void upstreams_commit(struct config *config);

/* build.c: the sites with their routes, settings and plans. The top scope's uses are read. */
void build_sites(struct config *config);
/* The settings of `client` that hold in a scope. */
void build_client(struct scope *scope, const struct client_conf *outer, struct client_conf *out);

/* on_error.c: what `on_error` says in a scope, before what holds around it (NULL: nothing). */
void build_on_error(struct scope *scope, const struct on_errors *outer, struct on_errors *out);
/* Once the site's routes are there: do the names in its entries exist? */
void build_on_error_done(struct scope *site_scope);

/* listeners.c: adds a site to what its `listen` names. */
void build_listen(struct config *config, struct site *site, const struct node *node);
/* Once all sites are there: sorts the host patterns. */
void build_listeners_done(struct config *config);

#endif
