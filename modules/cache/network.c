/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <arpa/inet.h>
#include <string.h>

#include "words.h"

#define MAPPED_BITS 96

static bool parse_address(weir_str text, unsigned char out[16], bool *is_v4)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[64];

    if (text.n == 0 || text.n >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    memcpy(out, mapped, sizeof(mapped));
    *is_v4 = inet_pton(AF_INET, copy, out + 12) == 1;
    return *is_v4 || inet_pton(AF_INET6, copy, out) == 1;
}

bool network_parse(weir_str text, struct network *network)
{
    const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
    weir_str address = {text.p, slash ? (size_t)(slash - text.p) : text.n};
    int64_t bits;
    bool is_v4;

    if (word_is(text, WEIR_STR("all"))) {
        *network = (struct network){.bits = 0};
        return true;
    }
    if (!parse_address(address, network->address, &is_v4)) {
        return false;
    }
    network->bits = 128;
    if (slash) {
        weir_str rest = {slash + 1, text.n - address.n - 1};

        if (!word_number(rest, 1000, &bits) || bits > (is_v4 ? 32 : 128)) {
            return false;
        }
        network->bits = (uint8_t)(bits + (is_v4 ? MAPPED_BITS : 0));
    }
    return true;
}

bool network_has(const struct network *network, weir_str text)
{
    unsigned char address[16];
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    bool is_v4;

    if (network->bits == 0) {
        return true;
    }
    if (!parse_address(text, address, &is_v4) || memcmp(address, network->address, whole) != 0) {
        return false;
    }
    return rest == 0 || (address[whole] ^ network->address[whole]) >> (8 - rest) == 0;
}
