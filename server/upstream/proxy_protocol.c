/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static bool is_ip(const struct addr *from, const struct addr *to)
{
    return from->sa.sa_family == to->sa.sa_family &&
           (from->sa.sa_family == AF_INET || from->sa.sa_family == AF_INET6);
}

static size_t write_text(const struct addr *from, const struct addr *to, char *out)
{
    char source[ADDR_TEXT], destination[ADDR_TEXT];

    if (!is_ip(from, to)) {
        return (size_t)snprintf(out, PROXY_PROTOCOL_MAX, "PROXY UNKNOWN\r\n");
    }
    addr_format_host(from, source);
    addr_format_host(to, destination);
    return (size_t)snprintf(out, PROXY_PROTOCOL_MAX, "PROXY %s %.45s %.45s %u %u\r\n",
                            from->sa.sa_family == AF_INET6 ? "TCP6" : "TCP4", source, destination,
                            addr_port(from), addr_port(to));
}

static char *put(char *at, const void *p, size_t n)
{
    memcpy(at, p, n);
    return at + n;
}

static size_t write_binary(const struct addr *from, const struct addr *to, char *out)
{
    bool is_known = is_ip(from, to);
    bool is_six = from->sa.sa_family == AF_INET6;
    size_t n = !is_known ? 0 : is_six ? 36 : 12;
    char *at = put(out, SIGNATURE, sizeof(SIGNATURE) - 1);

    *at++ = is_known ? 0x21 : 0x20; /* version 2: PROXY, or LOCAL: a connection of our own */
    *at++ = (char)(!is_known ? 0 : is_six ? 0x21 : 0x11);
    *at++ = 0;
    *at++ = (char)n;
    if (is_known && is_six) {
        at = put(at, &from->in6.sin6_addr, 16);
        at = put(at, &to->in6.sin6_addr, 16);
        at = put(at, &from->in6.sin6_port, 2);
        at = put(at, &to->in6.sin6_port, 2);
    } else if (is_known) {
        at = put(at, &from->in.sin_addr, 4);
        at = put(at, &to->in.sin_addr, 4);
        at = put(at, &from->in.sin_port, 2);
        at = put(at, &to->in.sin_port, 2);
    }
    return (size_t)(at - out);
}

/* IPv4 as IPv6 writes it: both ends have to be of one family, and a client that a field names may
 * be of another than the connection is. */
static struct addr as_six(const struct addr *addr)
{
    struct addr six = {.len = sizeof(six.in6), .in6 = {.sin6_family = AF_INET6}};

    if (addr->sa.sa_family != AF_INET) {
        return *addr;
    }
    six.in6.sin6_port = addr->in.sin_port;
    six.in6.sin6_addr.s6_addr[10] = six.in6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(six.in6.sin6_addr.s6_addr + 12, &addr->in.sin_addr, 4);
    return six;
}

size_t proxy_protocol_write(int version, const struct addr *from, const struct addr *to,
                            char out[PROXY_PROTOCOL_MAX])
{
    struct addr six_from = as_six(from), six_to = as_six(to);

    if (from->sa.sa_family != to->sa.sa_family) {
        from = &six_from;
        to = &six_to;
    }
    return version == 1 ? write_text(from, to, out) : write_binary(from, to, out);
}
