/* SPDX-License-Identifier: Apache-2.0 */
/* http/conn_phase.h - the phases of a client's connection: accepted, first bytes, closed. */
#ifndef HTTP_CONN_PHASE_H
#define HTTP_CONN_PHASE_H

#include "http/client.h"

/* False: a module wants the connection closed. */
bool conn_phase_accept(struct client *client);

/* Is there anybody who looks at the first bytes? */
bool conn_phase_has_preread(const struct client *client);
/* Goes on with that. WEIR_NEXT: all have seen what they wanted; WEIR_WANT_READ: more has to come;
 * WEIR_HANDLED: close. */
weir_rc conn_phase_preread(struct client *client);

void conn_phase_close(struct client *client);

/* For the modules' table: see weir/host.h. */
weir_conn *conn_phase_handle(const weir_req *req);
weir_str conn_phase_addr(const weir_conn *conn);
weir_rc conn_phase_set_addr(weir_conn *conn, weir_str addr);
weir_rc conn_phase_peek(weir_conn *conn, weir_str *bytes);
weir_rc conn_phase_consume(weir_conn *conn, size_t n);
void **conn_phase_slot(weir_conn *conn);

#endif
