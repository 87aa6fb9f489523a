/* SPDX-License-Identifier: Apache-2.0 */
#include "module/account.h"

uint32_t account_timed;
uint64_t account_elsewhere_us;
