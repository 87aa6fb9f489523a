/* SPDX-License-Identifier: Apache-2.0 */
/* listing.h - what is in a folder, as a page or as JSON. */
#ifndef STATIC_LISTING_H
#define STATIC_LISTING_H

#include "conf.h"

/* Answers with the folder at `path` (below `root_fd`, ending with '/'). WEIR_NEXT with errno: it
 * cannot be read. */
weir_rc listing_send(weir_req *req, const struct conf *conf, int root_fd, weir_str path);

#endif
