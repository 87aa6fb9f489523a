/* SPDX-License-Identifier: Apache-2.0 */
/* http/fetch.h - requests that modules make of upstreams for their own use: see weir/async.h. */
#ifndef HTTP_FETCH_H
#define HTTP_FETCH_H

#include <weir/async.h>

weir_fetch *fetch_start(const weir_fetch_conf *conf, weir_fetch_fn *done, void *arg);
void fetch_stop(weir_fetch *fetch);

#endif
