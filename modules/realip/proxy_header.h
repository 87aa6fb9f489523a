/* SPDX-License-Identifier: Apache-2.0 */
/* realip/proxy_header.h - what a connection begins with whose other side speaks the PROXY protocol,
 * version 1 or 2. No I/O. */
#ifndef REALIP_PROXY_HEADER_H
#define REALIP_PROXY_HEADER_H

#include <weir/types.h>

#define PROXY_HEADER_MAX 16000 /* bytes; with more extensions than that it is refused */
#define PROXY_ADDR_TEXT 64

enum proxy_header_result {
    PROXY_HEADER_MORE, /* it is not complete */
    PROXY_HEADER_BAD,  /* it is none */
    PROXY_HEADER_ADDR, /* `addr` is the client's */
    PROXY_HEADER_OWN   /* it speaks for itself (a health check), or of no address: nothing changes */
};

struct proxy_header {
    size_t used;                /* bytes that it takes */
    char addr[PROXY_ADDR_TEXT]; /* "192.0.2.1:80", "[2001:db8::1]:80" */
    size_t addr_n;
};

enum proxy_header_result proxy_header_parse(weir_str bytes, struct proxy_header *out);

#endif
