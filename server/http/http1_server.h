/* SPDX-License-Identifier: Apache-2.0 */
/* http/http1_server.h - HTTP/1 towards clients. */
#ifndef HTTP_HTTP1_SERVER_H
#define HTTP_HTTP1_SERVER_H

#include "http/client.h"

/* http1_server.c: the connection speaks HTTP/1 from now on. */
void http1_start(struct client *client);
/* Does all that can be done now. */
void http1_process(struct client *client);
void http1_on_timer(struct client *client);
/* What came is plain HTTP on a port for something else: says so, and ends. */
void http1_refuse_plain(struct client *client);
/* The worker drains, and the connection is idle. */
bool http1_is_idle(const struct client *client);

/* http1_write.c: see client_ops. */
void http1_head(struct weir_req *req);
void http1_interim(struct weir_req *req, uint32_t status, const struct fields *fields);
void http1_add(struct weir_req *req, struct weir_chain *data);
void http1_finish(struct weir_req *req);

#endif
