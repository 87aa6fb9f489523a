/* SPDX-License-Identifier: Apache-2.0 */
/* http/chunked.h - the chunked transfer coding, decoded (RFC 9112, 7.1). No I/O, no copies.
 *
 * Strict: sizes are hexadecimal digits only, at most 16, below 2^62; lines end with CRLF; chunk
 * extensions are skipped and may not hold control characters, nor be longer than 256 bytes; a
 * trailer section obeys the rules of heads, at most 8 KiB, and names no framing field. */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include "http/fields.h"

struct chunked {
    uint8_t state;
    uint8_t digits;
    uint16_t ext_bytes;
    uint64_t left;       /* of the chunk at hand */
    uint32_t line_n;     /* bytes collected in `line` */
    uint32_t trailer_bytes;
    char *line;          /* a trailer line that came in pieces; in the arena */
};

enum chunked_result {
    CHUNKED_MORE,  /* all input was used, the body goes on */
    CHUNKED_DATA,  /* *data is a run of the body inside the input */
    CHUNKED_END,   /* the body and its trailers are complete */
    CHUNKED_ERROR
};

void chunked_init(struct chunked *chunked);

/* Reads on at *p, of *n bytes; both move over what was used. Call again with the rest until it
 * says MORE (all was used), END or ERROR. Trailer fields are appended to `trailers`, copied into
 * its arena; NULL: they are checked and dropped. ERROR: *what (may be NULL) gets a constant text. */
enum chunked_result chunked_decode(struct chunked *chunked, const char **p, size_t *n,
                                   weir_str *data, struct fields *trailers, const char **what);

/* Writes "SIZE CRLF" in hexadecimal; returns its length, at most 18. */
size_t chunked_head(uint64_t size, char out[18]);

#endif
