/* SPDX-License-Identifier: Apache-2.0 */
/* http/codec_server.h - a client's connection that a module's codec speaks on: many requests at a
 * time. The codec only frames; reading, writing, time limits and the requests are here. */
#ifndef HTTP_CODEC_SERVER_H
#define HTTP_CODEC_SERVER_H

#include "http/client.h"

struct module;

/* The connection speaks `module`'s protocol from now on; `name` is the server name that the
 * transport was asked for. What client->in holds is its beginning. */
void codec_server_start(struct client *client, const struct module *module, weir_str name);
/* client->req, which came in HTTP/1.1 and asks for it, becomes the first stream of `module`'s protocol; 101
 * goes ahead of that. False: the codec does not want it, and nothing has happened. */
bool codec_server_upgrade(struct client *client, const struct module *module);
/* Does all that can be done now. */
void codec_server_process(struct client *client);
void codec_server_on_timer(struct client *client);
void codec_server_drain(struct client *client);
/* Ends the requests and the codec. */
void codec_server_end(struct client *client);

/* For the module's table: see weir/host.h. */
weir_stream *codec_stream_open(weir_conn *conn, uint32_t id, const weir_stream_head *head);

#endif
