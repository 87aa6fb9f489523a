/* SPDX-License-Identifier: Apache-2.0 */
#include "process/sandbox.h"

#include "process/file_rules.h"
#include "process/syscall_filter.h"

bool sandbox_enter(const struct config *config)
{
    return !config->server.sandbox ||
           (file_rules_enter(config) && syscall_filter_enter(&config->registry, false));
}
