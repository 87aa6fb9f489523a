/* SPDX-License-Identifier: Apache-2.0 */
/* http/grpc.h - how weir's own errors look to a gRPC client: it reads grpc-status, not the status of
 * HTTP. */
#ifndef HTTP_GRPC_H
#define HTTP_GRPC_H

#include "http/request.h"

/* Is it a gRPC call whose client can read such an answer? */
bool grpc_is_call(const struct weir_req *req);
/* Puts what `status` and the request's reason mean into the response's fields: an answer without a
 * body, whose HTTP status is 200. */
void grpc_describe(struct weir_req *req, uint32_t status);

#endif
