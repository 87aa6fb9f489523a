/* SPDX-License-Identifier: Apache-2.0 */
/* config/tests.h - the lists `tests` of sites: what a site promises to answer. Nobody but `weir test`
 * reads more of them than their names. */
#ifndef CONFIG_TESTS_H
#define CONFIG_TESTS_H

#include "config/config.h"

/* A field of the answer. */
struct expected_field {
    weir_str name, value;
    bool absent; /* NAME = false */
    struct source at;
};

struct test {
    const struct site *site;
    struct source source;
    weir_str request;  /* as written: "GET https://host/path" */
    weir_str method, target, host; /* host: with its port if that was written */
    bool has_scheme, tls;
    uint16_t port;     /* 0: not written */
    weir_map headers;  /* weir_str */
    weir_str body;
    weir_str from;     /* the client's address */
    struct {
        int64_t status;
        weir_map headers; /* weir_str */
        weir_str body;
    } backend;
    struct {
        int64_t status; /* 0: any */
        weir_str site, route, upstream, reason, body; /* p NULL: any */
        struct expected_field *fields;
        uint32_t field_n;
    } expect;
};

/* The tests of a site, `n` of them, in the configuration's arena. Mistakes are in config->diag. */
struct test *tests_read(struct config *config, const struct site *site, uint32_t *n);

#endif
