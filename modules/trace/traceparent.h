/* SPDX-License-Identifier: Apache-2.0 */
/* traceparent.h - the field that names a trace (W3C Trace Context, level 1). No I/O. */
#ifndef TRACE_TRACEPARENT_H
#define TRACE_TRACEPARENT_H

#include <weir/types.h>

#define TRACEPARENT_BYTES 55

struct traceparent {
    char trace_id[32], parent_id[16]; /* lower-case hexadecimal digits, not all zero */
    unsigned char flags;              /* bit 0: sampled */
};

bool traceparent_parse(weir_str field, struct traceparent *out);
/* In the form of version 00, without a NUL. */
void traceparent_write(const struct traceparent *trace, char out[TRACEPARENT_BYTES]);

#endif
