/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted of a traceparent can be written, and is accepted again as the same. */
#include <stdlib.h>
#include <string.h>

#include "traceparent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str field = {(const char *)data, size};
    struct traceparent trace, again;
    char text[TRACEPARENT_BYTES];

    if (!traceparent_parse(field, &trace)) {
        return 0;
    }
    traceparent_write(&trace, text);
    if (!traceparent_parse((weir_str){text, sizeof(text)}, &again) ||
        memcmp(trace.trace_id, again.trace_id, 32) != 0 ||
        memcmp(trace.parent_id, again.parent_id, 16) != 0 || trace.flags != again.flags) {
        abort();
    }
    return 0;
}
