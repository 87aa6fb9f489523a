/* SPDX-License-Identifier: Apache-2.0 */
/* config/variables.h - the variables that templates of a configuration may use. */
#ifndef CONFIG_VARIABLES_H
#define CONFIG_VARIABLES_H

#include "http/variable.h"

struct config;

/* A template_lookup; `arg` is the configuration. The host's variables come first, then those of
 * loaded modules, then those of a module that is installed and gets loaded for it. */
const struct variable *variables_lookup(void *arg, weir_str name, weir_str *suffix);

/* Reports names in groups such as `map` that cannot be variables. After the top level was read. */
void variables_check(struct config *config);

/* The known variable that is spelled most like `name`; p NULL: none is near. */
weir_str variables_nearest(struct config *config, weir_str name);

#endif
