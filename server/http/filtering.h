/* SPDX-License-Identifier: Apache-2.0 */
/* http/filtering.h - body filters on a request: which take part, and when they run. */
#ifndef HTTP_FILTERING_H
#define HTTP_FILTERING_H

#include "base/chain.h"
#include "http/filter_chain.h"

struct source_ops;
struct weir_req;

/* ---- responses: req->filters is NULL when none takes part ---- */

/* Asks the route's filters, and does what their props want done to the head. */
void filtering_begin_response(struct weir_req *req);
/* More of the body has come, or its end (flags as in weir_filter_ops.run). */
void filtering_put(struct weir_req *req, struct weir_chain *data, uint32_t flags);
/* As client_flush(), for a request with filters. */
bool filtering_flush(struct weir_req *req);
/* Bytes that wait in front of filters. */
uint64_t filtering_waiting(const struct weir_req *req);
/* The body comes from there from now on. */
void filtering_set_source(struct weir_req *req, const struct source_ops *source);

/* ---- requests: req->body_filters is NULL when none takes part ---- */

void filtering_begin_request(struct weir_req *req);
/* What the source may read: the filtered bytes. */
struct weir_chain *filtering_body(struct weir_req *req);
/* Is the rest of them in there, and how many were there in all? */
bool filtering_body_is_done(const struct weir_req *req);
uint64_t filtering_body_total(const struct weir_req *req);
/* The source wants more; what the codec has for it has come. */
void filtering_want_body(struct weir_req *req);
void filtering_deliver_body(struct weir_req *req);

/* ---- both ---- */

/* A filter that had said AGAIN is ready. */
void filtering_wake(struct weir_req *req);
/* The request ends. */
void filtering_end(struct weir_req *req);

#endif
