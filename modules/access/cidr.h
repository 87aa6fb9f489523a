/* SPDX-License-Identifier: Apache-2.0 */
/* access/cidr.h - networks and their longest match: "10.0.0.0/8", "2001:db8::/32", "192.0.2.1".
 *
 * The tree of prefixes is flattened when it is complete: to the sorted beginnings of the ranges in
 * which one prefix is the longest, and what that prefix says. A look-up is one binary search in 5
 * (IPv4) or 17 (IPv6) bytes per range, whatever the number of prefixes or their nesting. */
#ifndef ACCESS_CIDR_H
#define ACCESS_CIDR_H

#include <weir/types.h>

typedef unsigned __int128 cidr_bits;

/* Left-aligned: an IPv4 address is in the upper 32 bits. An IPv4 address that was mapped into IPv6
 * (RFC 4291, 2.5.5.2) is an IPv4 address. */
struct cidr {
    cidr_bits address;
    uint8_t length; /* of the prefix; of an address: 32 or 128 */
    bool is_v6;
};

/* False: neither an address nor a network. Bits behind the prefix must be zero, since who writes
 * 10.1.2.3/8 means something else than what it says; *stray (may be NULL) tells that this was it. */
bool cidr_parse(weir_str text, struct cidr *out, bool *stray);
/* An address alone. */
bool cidr_parse_address(weir_str text, struct cidr *out);

struct cidr_rule {
    struct cidr cidr;
    uint8_t says; /* 1 to 255; of two equal prefixes the larger one counts */
};

struct cidr_set {
    uint32_t *v4;   /* where ranges begin, sorted; the first is 0 */
    cidr_bits *v6;
    uint8_t *v4_says, *v6_says;
    uint32_t v4_n, v6_n;
};

/* Makes the set, sorting `rules`. `alloc` gives memory that lives as long as the set. */
void cidr_set_build(struct cidr_set *set, struct cidr_rule *rules, size_t n,
                    void *alloc(void *arg, size_t size), void *arg);
/* What the longest prefix around the address says; 0: there is none. */
uint8_t cidr_set_find(const struct cidr_set *set, const struct cidr *address);

#endif
