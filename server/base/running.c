/* SPDX-License-Identifier: Apache-2.0 */
#include "base/running.h"

#include <stddef.h>

const struct module *module_running;
