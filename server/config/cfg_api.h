/* SPDX-License-Identifier: Apache-2.0 */
/* config/cfg_api.h - what check() and commit() of modules may call: see weir_cfg_api. */
#ifndef CONFIG_CFG_API_H
#define CONFIG_CFG_API_H

#include <weir/host.h>

const weir_cfg_api *cfg_api(void);

/* For weir_metric_api. */
uint32_t cfg_api_metric(weir_cfg *cfg, const char *name, int kind, const char *labels,
                        const char *doc);
/* For weir_zone_api. */
weir_zone *cfg_api_zone(weir_cfg *cfg, const char *name, uint64_t bytes, uint32_t layout,
                        uint32_t version);
weir_zone *cfg_api_table(weir_cfg *cfg, const char *name, uint64_t bytes);

#endif
