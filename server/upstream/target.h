/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/target.h - from `to = "http://NAME-or-host:port[/prefix]"` to a group. */
#ifndef UPSTREAM_TARGET_H
#define UPSTREAM_TARGET_H

#include "upstream/group.h"

/* Finds the group that `url` names, or makes one of a single peer. *prefix (may be NULL) gets the
 * path in it, without a trailing slash. NULL: `error` says what is wrong. */
const weir_upstream *upstream_resolve(struct config *config, weir_str url, weir_str *prefix,
                                      char *error, size_t error_size);

#endif
