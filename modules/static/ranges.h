/* SPDX-License-Identifier: Apache-2.0 */
/* ranges.h - the parts of a file that a Range field asks for (RFC 9110, 14.1). No I/O. */
#ifndef STATIC_RANGES_H
#define STATIC_RANGES_H

#include <weir/types.h>

#define RANGES_MAX 32

struct range {
    uint64_t first, last; /* both within the file */
};

enum {
    RANGES_NONE = 0, /* not understood, too many, or more than the file has: send it whole */
    RANGES_BAD = -1  /* none of them begins within the file: 416 */
};

/* Fills out[0 .. RANGES_MAX) in the order asked for, without those behind the end. Returns how
 * many, or one of the above. */
int ranges_parse(weir_str field, uint64_t size, struct range *out);

#endif
