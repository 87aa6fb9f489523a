/* SPDX-License-Identifier: Apache-2.0 */
/* upgrade.c - a connection that began with HTTP/1.1 (RFC 7540, 3.2): the client's settings come in a
 * field of the request. */
#include "http2.h"

#include <string.h>
#include <strings.h>

#define SETTINGS_MAX 768 /* bytes in base64url: far more kinds than there are */

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* base64url (RFC 4648, 5), with or without padding. Returns the number of bytes, or -1. */
static int decode(weir_str text, uint8_t *out)
{
    unsigned bits = 0, bit_n = 0;
    int n = 0;

    while (text.n > 0 && text.p[text.n - 1] == '=') {
        text.n--;
    }
    for (size_t i = 0; i < text.n; i++) {
        int value = digit(text.p[i]);

        if (value < 0) {
            return -1;
        }
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        bit_n += 6;
        if (bit_n >= 8) {
            bit_n -= 8;
            out[n++] = (uint8_t)(bits >> bit_n);
        }
    }
    return n;
}

static bool is_settings(weir_str name)
{
    static const char wanted[] = "HTTP2-Settings";

    return name.n == sizeof(wanted) - 1 && strncasecmp(name.p, wanted, name.n) == 0;
}

weir_rc http2_upgrade(void *state, weir_stream *stream, const weir_field *fields, size_t n)
{
    struct h2 *h2 = state;
    uint8_t settings[SETTINGS_MAX];
    int settings_n = -1;

    for (size_t i = 0; i < n; i++) {
        if (!is_settings(fields[i].name)) {
            continue;
        }
        if (settings_n >= 0 || fields[i].value.n > SETTINGS_MAX) {
            return WEIR_ERROR; /* exactly one */
        }
        settings_n = decode(fields[i].value, settings);
        if (settings_n < 0) {
            return WEIR_ERROR;
        }
    }
    if (settings_n < 0 || nghttp2_session_upgrade2(h2->session, settings, (size_t)settings_n, 0,
                                                   NULL) != 0) {
        return WEIR_ERROR;
    }
    nghttp2_session_set_stream_user_data(h2->session, 1, stream);
    return WEIR_OK;
}
