/* SPDX-License-Identifier: Apache-2.0 */
/* base/addr.h - socket addresses: IPv4, IPv6, unix. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <weir/types.h>

struct addr {
    socklen_t len;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
};

#define ADDR_TEXT 128 /* bytes that any printed address fits in */

/* Parses "1.2.3.4:80", "[::1]:80", "*:80" (IPv4 any), "[::]:80", "unix:/path". A missing port is
 * `port` (host order); `port` < 0 makes it an error. A host name is not an address: returns
 * -ENOENT for something that could be one, -EINVAL for what is neither. */
int addr_parse(weir_str text, int port, struct addr *out);
/* What somebody says a client's address is: "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80". 0, or
 * -EINVAL. The port is 0 when there is none. */
int addr_parse_client(weir_str text, struct addr *out);
/* "1.2.3.4:80", "[::1]:80", "unix:/path". Returns the length. */
size_t addr_format(const struct addr *addr, char out[ADDR_TEXT]);
/* The same without the port: "1.2.3.4", "::1", "unix:". */
size_t addr_format_host(const struct addr *addr, char out[ADDR_TEXT]);
/* Host order; 0 for unix. */
uint16_t addr_port(const struct addr *addr);
bool addr_eq(const struct addr *a, const struct addr *b);

#endif
