/* SPDX-License-Identifier: Apache-2.0 */
/* realip/forwarded.h - the hops that X-Forwarded-For and Forwarded (RFC 7239) tell of. No I/O; what
 * comes out are slices of what went in. */
#ifndef REALIP_FORWARDED_H
#define REALIP_FORWARDED_H

#include <weir/types.h>

#define HOPS_MAX 32 /* nearest to weir; what is further away is forgotten */

struct hop {
    weir_str addr;  /* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80"; or no address at all */
    weir_str proto; /* "http" or "https"; empty: it is not said */
};

/* All zeroes: none yet. The last one is the nearest. */
struct hops {
    struct hop list[HOPS_MAX];
    size_t n;
};

/* Appends what one field line says; lines in the order in which they came. One that is malformed makes
 * all before it worthless. */
void hops_add_x_forwarded_for(struct hops *hops, weir_str line);
void hops_add_forwarded(struct hops *hops, weir_str line);

#endif
