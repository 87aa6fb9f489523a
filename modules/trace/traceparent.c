/* SPDX-License-Identifier: Apache-2.0 */
#include "traceparent.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

/* `n` lower-case digits. */
static bool is_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\0' || !strchr(digits, p[i])) {
            return false;
        }
    }
    return true;
}

static bool is_zero(const char *p, size_t n)
{
    return strspn(p, "0") >= n;
}

bool traceparent_parse(weir_str field, struct traceparent *out)
{
    char text[TRACEPARENT_BYTES + 1];

    if (field.n < TRACEPARENT_BYTES) {
        return false;
    }
    memcpy(text, field.p, TRACEPARENT_BYTES);
    text[TRACEPARENT_BYTES] = '\0';
    bool is_00 = memcmp(text, "00", 2) == 0;
    /* A later version may have more behind another dash; 255 is none. */
    if (field.n > TRACEPARENT_BYTES && (is_00 || field.p[TRACEPARENT_BYTES] != '-')) {
        return false;
    }
    if (!is_hex(text, 2) || memcmp(text, "ff", 2) == 0 || text[2] != '-' || !is_hex(text + 3, 32) ||
        text[35] != '-' || !is_hex(text + 36, 16) || text[52] != '-' || !is_hex(text + 53, 2) ||
        is_zero(text + 3, 32) || is_zero(text + 36, 16)) {
        return false;
    }
    memcpy(out->trace_id, text + 3, 32);
    memcpy(out->parent_id, text + 36, 16);
    out->flags = (unsigned char)((strchr(digits, text[53]) - digits) << 4 |
                                 (strchr(digits, text[54]) - digits));
    return true;
}

void traceparent_write(const struct traceparent *trace, char out[TRACEPARENT_BYTES])
{
    memcpy(out, "00-", 3);
    memcpy(out + 3, trace->trace_id, 32);
    out[35] = '-';
    memcpy(out + 36, trace->parent_id, 16);
    out[52] = '-';
    out[53] = digits[trace->flags >> 4];
    out[54] = digits[trace->flags & 15];
}
