/* SPDX-License-Identifier: Apache-2.0 */
/* config/keys.h - what a name in a configuration means: the host's own, a module's, or a mistake.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/scope.h"

/* The module that a key of the scope names; it is loaded for that. NULL: the key is the host's
 * own, or a mistake was reported. */
const struct module *keys_module(struct scope *scope, const struct node *key);

/* Reports an option that the group `what` does not have. */
void keys_unknown_option(struct config *config, const char *what, struct rows rows, uint32_t scope,
                         const struct node *option);

/* Loads the module that provides regular expressions. NULL: the mistake was reported, at `at`. */
const weir_regex_ops *keys_regex(struct config *config, const struct source *at);

/* Loads the module that makes https:// possible. NULL: the mistake was reported, at `at`. */
const struct module *keys_transport(struct config *config, const struct source *at);

/* Scopes as words: "at the top level", "in a site or a route". */
const char *keys_in(uint32_t scopes);

#endif
