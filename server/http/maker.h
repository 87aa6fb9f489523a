/* SPDX-License-Identifier: Apache-2.0 */
/* http/maker.h - bodies that a module makes bit by bit: a handler's pull(), or what
 * weir_respond_from() was given. */
#ifndef HTTP_MAKER_H
#define HTTP_MAKER_H

#include <weir/module.h>

struct maker;

/* The response has begun; its body is what the route's handler pulls. */
void maker_attach_handler(struct weir_req *req);
/* See weir_respond_from(). */
weir_rc maker_respond(struct weir_req *req, uint32_t status, int64_t length, weir_pull_fn *pull,
                      void (*end)(struct weir_req *req, void *state), void *state);
/* See weir_pull_ready(). */
void maker_ready(struct weir_req *req);

#endif
