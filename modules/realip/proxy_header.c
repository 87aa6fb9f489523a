/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_ 107 /* bytes of a line of version 1, its end included */
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_N 12
#define FIXED_N 16    /* bytes of version 2 before the addresses */

static enum proxy_header_result found(struct proxy_header *out, int family, const void *address,
                                      unsigned port)
{
    char text[INET6_ADDRSTRLEN];

    inet_ntop(family, address, text, sizeof(text));
    out->addr_n = (size_t)snprintf(out->addr, sizeof(out->addr),
                                   family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
    return PROXY_HEADER_ADDR;
}

/* ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n" ---- */

static bool is_port(const char *text, unsigned *port)
{
    size_t n = strlen(text);

    *port = 0;
    if (n == 0 || n > 5 || (n > 1 && text[0] == '0')) {
        return false;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        *port = *port * 10 + (unsigned)(*text - '0');
    }
    return *text == '\0' && *port <= 65535;
}

/* Words are parted by single spaces. */
static size_t split(char *line, char *words[6])
{
    size_t n = 0;

    for (char *rest = line; rest && n < 6;) {
        words[n++] = strsep(&rest, " ");
        if (n == 6 && rest) {
            return 0;
        }
    }
    return n;
}

static enum proxy_header_result parse_line(char *line, struct proxy_header *out)
{
    unsigned char from[16], to[16];
    unsigned from_port, to_port;
    char *words[6];

    if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0) {
        return PROXY_HEADER_OWN;
    }
    if (split(line, words) != 6 || strcmp(words[0], "PROXY") != 0) {
        return PROXY_HEADER_BAD;
    }
    bool is_four = strcmp(words[1], "TCP4") == 0;
    int family = is_four ? AF_INET : AF_INET6;
    if ((!is_four && strcmp(words[1], "TCP6") != 0) || inet_pton(family, words[2], from) != 1 ||
        inet_pton(family, words[3], to) != 1 || !is_port(words[4], &from_port) ||
        !is_port(words[5], &to_port)) {
        return PROXY_HEADER_BAD;
    }
    return found(out, family, from, from_port);
}

static enum proxy_header_result parse_text(weir_str bytes, struct proxy_header *out)
{
    size_t most = bytes.n < LINE_MAX_ ? bytes.n : LINE_MAX_;
    const char *end = memchr(bytes.p, '\n', most);
    char line[LINE_MAX_];

    if (!end) {
        return bytes.n < LINE_MAX_ ? PROXY_HEADER_MORE : PROXY_HEADER_BAD;
    }
    size_t n = (size_t)(end - bytes.p);
    if (n == 0 || end[-1] != '\r' || memchr(bytes.p, '\0', n)) {
        return PROXY_HEADER_BAD;
    }
    memcpy(line, bytes.p, n - 1);
    line[n - 1] = '\0';
    out->used = n + 1;
    return parse_line(line, out);
}

/* ---- version 2 ---- */

static enum proxy_header_result parse_binary(weir_str bytes, struct proxy_header *out)
{
    const unsigned char *p = (const unsigned char *)bytes.p;

    if (bytes.n < FIXED_N) {
        return PROXY_HEADER_MORE;
    }
    unsigned version = p[12] >> 4, command = p[12] & 15, family = p[13] >> 4;
    size_t n = (size_t)p[14] << 8 | p[15];
    if (version != 2 || command > 1 || FIXED_N + n > PROXY_HEADER_MAX) {
        return PROXY_HEADER_BAD;
    }
    if (bytes.n < FIXED_N + n) {
        return PROXY_HEADER_MORE;
    }
    out->used = FIXED_N + n;
    p += FIXED_N;
    if (command == 0) {
        return PROXY_HEADER_OWN; /* LOCAL: what follows is to be ignored */
    }
    switch (family) {
    case 1:
        return n < 12 ? PROXY_HEADER_BAD
                      : found(out, AF_INET, p, (unsigned)p[8] << 8 | p[9]);
    case 2:
        return n < 36 ? PROXY_HEADER_BAD
                      : found(out, AF_INET6, p, (unsigned)p[32] << 8 | p[33]);
    default:
        return PROXY_HEADER_OWN; /* a unix socket, or unknown */
    }
}

enum proxy_header_result proxy_header_parse(weir_str bytes, struct proxy_header *out)
{
    size_t signature = bytes.n < SIGNATURE_N ? bytes.n : SIGNATURE_N;
    size_t word = bytes.n < 6 ? bytes.n : 6;

    *out = (struct proxy_header){0};
    if (bytes.n == 0) {
        return PROXY_HEADER_MORE;
    }
    if (memcmp(bytes.p, SIGNATURE, signature) == 0) {
        return parse_binary(bytes, out);
    }
    if (memcmp(bytes.p, "PROXY ", word) == 0) {
        return parse_text(bytes, out);
    }
    return PROXY_HEADER_BAD;
}
