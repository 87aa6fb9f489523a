/* SPDX-License-Identifier: Apache-2.0 */
#include "http/chunked.h"

#include <string.h>

#include "base/str.h"

#define EXT_MAX 256
#define TRAILER_MAX 8192

enum {
    S_SIZE,      /* digits */
    S_EXT,       /* chunk extension, skipped */
    S_SIZE_LF,
    S_DATA,
    S_DATA_CR,
    S_DATA_LF,
    S_TRAILER,   /* a trailer line, or the empty one */
    S_TRAILER_LF,
    S_END
};

void chunked_init(struct chunked *chunked)
{
    *chunked = (struct chunked){0};
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum chunked_result broken(const char **what, const char *text)
{
    if (what) {
        *what = text;
    }
    return CHUNKED_ERROR;
}

/* Trailers may not change how the message is framed or where it goes (RFC 9110, 6.5.1). */
static bool is_allowed_trailer(uint32_t id)
{
    return id != WEIR_F_CONTENT_LENGTH && id != WEIR_F_HOST && id != WEIR_F_AUTHORIZATION &&
           id != WEIR_F_CONTENT_TYPE && id != WEIR_F_CONTENT_ENCODING &&
           !(id && field_is_hop_by_hop(id));
}

/* A complete line: "Name: value". False: malformed. */
static bool take_trailer(struct chunked *chunked, struct fields *trailers)
{
    weir_str value = {chunked->line, chunked->line_n};
    weir_str name = str_cut(&value, ':');

    if (!value.p || !field_name_is_valid(name)) {
        return false;
    }
    value = str_trim(value);
    uint32_t id = field_id(name);
    if (!field_value_is_valid(value) || !is_allowed_trailer(id)) {
        return false;
    }
    fields_add(trailers, id, arena_dup(trailers->arena, name), arena_dup(trailers->arena, value),
               0);
    return true;
}

static bool add_to_line(struct chunked *chunked, char c, struct fields *trailers)
{
    if (++chunked->trailer_bytes > TRAILER_MAX) {
        return false;
    }
    if (trailers) {
        if (!chunked->line) {
            chunked->line = arena_alloc(trailers->arena, TRAILER_MAX);
        }
        chunked->line[chunked->line_n] = c;
    } else if (chunked->line_n == 0 && (c == ' ' || c == '\t' || c == ':')) {
        return false;
    }
    chunked->line_n++;
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

/* One byte outside of data. Returns MORE to go on. */
static enum chunked_result step(struct chunked *chunked, char c, struct fields *trailers,
                                const char **what)
{
    int digit;

    switch (chunked->state) {
    case S_SIZE:
        digit = hex(c);
        if (digit >= 0) {
            if (++chunked->digits > 16 || chunked->left >> 58) {
                return broken(what, "a chunk's size is too large");
            }
            chunked->left = chunked->left << 4 | (unsigned)digit;
        } else if (chunked->digits && c == '\r') {
            chunked->state = S_SIZE_LF;
        } else if (chunked->digits && c == ';') {
            chunked->state = S_EXT;
            chunked->ext_bytes = 0;
        } else {
            return broken(what, "a chunk's size is not hexadecimal digits");
        }
        return CHUNKED_MORE;
    case S_EXT:
        if (c == '\r') {
            chunked->state = S_SIZE_LF;
        } else if (++chunked->ext_bytes > EXT_MAX ||
                   (c != '\t' && ((unsigned char)c < 0x20 || c == 0x7f))) {
            return broken(what, "a chunk extension is malformed or too long");
        }
        return CHUNKED_MORE;
    case S_SIZE_LF:
        if (c != '\n') {
            return broken(what, "a chunk's size does not end with CRLF");
        }
        chunked->digits = 0;
        chunked->line_n = 0;
        chunked->state = chunked->left ? S_DATA : S_TRAILER;
        return CHUNKED_MORE;
    case S_DATA_CR:
        chunked->state = S_DATA_LF;
        return c == '\r' ? CHUNKED_MORE : broken(what, "a chunk is longer than its size");
    case S_DATA_LF:
        chunked->state = S_SIZE;
        return c == '\n' ? CHUNKED_MORE : broken(what, "a chunk does not end with CRLF");
    case S_TRAILER:
        if (c == '\r') {
            chunked->state = S_TRAILER_LF;
        } else if (!add_to_line(chunked, c, trailers)) {
            return broken(what, "the trailer section is malformed or too long");
        }
        return CHUNKED_MORE;
    case S_TRAILER_LF:
        if (c != '\n') {
            return broken(what, "a trailer line does not end with CRLF");
        }
        if (chunked->line_n == 0) {
            chunked->state = S_END;
            return CHUNKED_END;
        }
        if (trailers && !take_trailer(chunked, trailers)) {
            return broken(what, "a trailer field is malformed or not allowed there");
        }
        chunked->line_n = 0;
        chunked->state = S_TRAILER;
        return CHUNKED_MORE;
    default:
        return CHUNKED_END;
    }
}

enum chunked_result chunked_decode(struct chunked *chunked, const char **p, size_t *n,
                                   weir_str *data, struct fields *trailers, const char **what)
{
    if (chunked->state == S_END) {
        return CHUNKED_END;
    }
    while (*n > 0) {
        if (chunked->state == S_DATA) {
            size_t part = chunked->left < *n ? (size_t)chunked->left : *n;

            *data = (weir_str){*p, part};
            chunked->left -= part;
            *p += part;
            *n -= part;
            if (chunked->left == 0) {
                chunked->state = S_DATA_CR;
            }
            return CHUNKED_DATA;
        }
        enum chunked_result result = step(chunked, **p, trailers, what);
        (*p)++;
        (*n)--;
        if (result != CHUNKED_MORE) {
            return result;
        }
    }
    return CHUNKED_MORE;
}

size_t chunked_head(uint64_t size, char out[18])
{
    static const char digits[] = "0123456789abcdef";
    char text[16];
    size_t n = 0;

    do {
        text[sizeof(text) - ++n] = digits[size & 15];
        size >>= 4;
    } while (size);
    memcpy(out, text + sizeof(text) - n, n);
    out[n] = '\r';
    out[n + 1] = '\n';
    return n + 2;
}
