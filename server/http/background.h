/* SPDX-License-Identifier: Apache-2.0 */
/* http/background.h - requests that no client waits for: copies of one that a client has made. */
#ifndef HTTP_BACKGROUND_H
#define HTTP_BACKGROUND_H

#include "http/request.h"

/* Starts a GET for what `from` asks for, whole: without a body, conditions and ranges. It runs the
 * same phases; its response goes to filters and logs. `extra` fields are set, or removed where the
 * value is empty. It begins from the top of the loop, and lives on when `from` ends. */
weir_rc background_start(struct weir_req *from, const weir_field *extra, size_t extra_n);
bool background_is(const struct weir_req *req);

#endif
