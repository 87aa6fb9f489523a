/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h - the settings of a route's files. */
#ifndef STATIC_CONF_H
#define STATIC_CONF_H

#include <weir/module.h>

enum {
    ETAG_STRONG,
    ETAG_WEAK,
    ETAG_OFF
};

struct conf {
    weir_str root, mount;
    weir_list index; /* of weir_str */
    weir_list try_;  /* of const weir_template * */
    weir_list precompressed, images; /* of weir_str */
    uint32_t symlinks, etag;
    bool hidden, autoindex;
    /* made by check and commit */
    struct folder *folder;
    uint32_t variants;       /* bits of those that may be chosen: see variant.h */
    uint8_t preferred[8];    /* their numbers, the admin's favourite first */
    uint32_t preferred_n;
};

#endif
