/* SPDX-License-Identifier: Apache-2.0 */
/* network.h - addresses and networks that may purge. */
#ifndef CACHE_NETWORK_H
#define CACHE_NETWORK_H

#include <weir/types.h>

/* IPv4 is held as its mapped form, so that one comparison serves both. */
struct network {
    unsigned char address[16];
    uint8_t bits;
};

/* "10.0.0.0/8", "::1", "all". False: it is none. */
bool network_parse(weir_str text, struct network *network);
bool network_has(const struct network *network, weir_str address);

#endif
