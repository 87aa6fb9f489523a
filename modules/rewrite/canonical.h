/* SPDX-License-Identifier: Apache-2.0 */
/* canonical.h - one address for each page: clients that ask at another name, or with or without a
 * slash at the end, are sent to it. */
#ifndef REWRITE_CANONICAL_H
#define REWRITE_CANONICAL_H

#include <weir/module.h>

struct canonical {
    weir_str host;
    uint32_t slash;
    int64_t status;
};

#define CANONICAL_OPTS 3
extern const weir_opt canonical_opts[CANONICAL_OPTS];

void canonical_check(weir_cfg *cfg, const struct canonical *canonical);

/* HANDLED: the client is sent to the other address; NEXT: it is at the right one. */
weir_rc canonical_redirect(weir_req *req, const struct canonical *canonical);

#endif
