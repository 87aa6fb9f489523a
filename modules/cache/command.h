/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - weir cache stat, ls, purge. */
#ifndef CACHE_COMMAND_H
#define CACHE_COMMAND_H

#include <weir/module.h>

extern const weir_command *const cache_commands[];

#endif
