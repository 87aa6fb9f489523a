/* SPDX-License-Identifier: Apache-2.0 */
/* config/cfg_api.h - what check() and commit() of modules may call: see weir_cfg_api. */
#ifndef CONFIG_CFG_API_H
#define CONFIG_CFG_API_H

#include <weir/host.h>

const weir_cfg_api *cfg_api(void);

#endif
