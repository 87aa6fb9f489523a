/* SPDX-License-Identifier: Apache-2.0 */
/* jwt/base64url.h - base64url without padding (RFC 7515, 2), strictly. */
#ifndef JWT_BASE64URL_H
#define JWT_BASE64URL_H

#include <weir/types.h>

/* Bytes that `n` characters can make. */
#define BASE64URL_ROOM(n) ((n) / 4 * 3 + 3)

/* Decodes to `out`, which has BASE64URL_ROOM(text.n) bytes. False: it is not that; bits that stand for
 * nothing have to be zero, so that a text has one spelling. */
bool base64url_decode(weir_str text, unsigned char *out, size_t *out_n);

#endif
