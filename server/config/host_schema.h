/* SPDX-License-Identifier: Apache-2.0 */
/* config/host_schema.h - the host's own settings, as tables of options. */
#ifndef CONFIG_HOST_SCHEMA_H
#define CONFIG_HOST_SCHEMA_H

#include "config/config.h"
#include "config/schema.h"

struct log_settings {
    weir_str path;
    uint32_t level;
};

/* What a site sets, but for what has code of its own. */
struct site_settings {
    weir_list names; /* weir_str */
    bool is_default;
    uint32_t satisfy; /* enum satisfy */
};

/* Values are const weir_regex *. */
struct match_settings {
    weir_map header, query, cookie;
};

/* One entry of `on_error`. */
struct on_error_settings {
    weir_list status;      /* weir_str */
    const weir_template *path;
    weir_str answer;       /* "keep", "own" or a status */
    bool upstream;
    const weir_template *text;
    weir_str file, type;
    int64_t respond_status; /* 0: as it was */
};

struct route_settings {
    struct match_settings match;
    weir_str path, exact, regex, name;
    bool final, internal;
    uint32_t satisfy; /* enum satisfy */
    weir_list methods; /* weir_str */
};

/* The names that are the host's own in a scope of that kind. */
struct rows host_rows(uint32_t kind);

struct rows server_rows(void);   /* struct server_conf */
struct rows log_rows(void);      /* struct log_settings */
struct rows client_rows(void);   /* struct client_conf */
struct rows on_error_rows(void); /* struct on_error_settings */
struct rows upstream_rows(void); /* struct upstream_conf */
struct rows test_rows(void);     /* struct test */

#endif
