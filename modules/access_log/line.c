/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include <stdio.h>
#include <string.h>

#include <weir/utf8.h>

static size_t room_of(const struct line *line)
{
    size_t taken = line->n + line->reserved + 1;

    return taken < sizeof(line->text) ? sizeof(line->text) - taken : 0;
}

void line_put(struct line *line, const char *p, size_t n)
{
    size_t room = room_of(line);

    n = n < room ? n : room;
    if (n) {
        memcpy(line->text + line->n, p, n);
        line->n += n;
    }
}

void line_put_text(struct line *line, const char *text)
{
    line_put(line, text, strlen(text));
}

void line_put_escaped(struct line *line, weir_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char hex[5];

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            if (room_of(line) < 4) {
                return;
            }
            snprintf(hex, sizeof(hex), "\\x%02X", c);
            line_put(line, hex, 4);
        } else {
            line_put(line, s.p + i, 1);
        }
    }
}

#define KEY_BYTES 28 /* a key's quotes, colon and comma, and its value's quotes or a number */

size_t line_json_room(size_t key_bytes, size_t keys)
{
    return key_bytes + KEY_BYTES * keys + 2;
}

void line_json_begin(struct line *line, size_t room)
{
    line->n = 0;
    line->text[line->n++] = '{';
    line->reserved = room;
}

/* From what was set aside. */
static void put_key(struct line *line, weir_str key)
{
    line->reserved -= key.n + KEY_BYTES;
    if (line->text[line->n - 1] != '{') {
        line->text[line->n++] = ',';
    }
    line->text[line->n++] = '"';
    memcpy(line->text + line->n, key.p, key.n);
    line->n += key.n;
    line->text[line->n++] = '"';
    line->text[line->n++] = ':';
}

void line_json(struct line *line, weir_str key, weir_str value)
{
    put_key(line, key);
    line->text[line->n++] = '"';
    line->reserved++;
    for (size_t i = 0; i < value.n;) {
        unsigned char c = (unsigned char)value.p[i];
        size_t length = weir_utf8_length(value.p + i, value.n - i);
        bool is_escaped = c < 0x20 || c == 0x7f || c == '"' || c == '\\' || length == 0;
        char hex[7];

        if (room_of(line) < (is_escaped ? 6 : length)) {
            break;
        }
        if (is_escaped) {
            snprintf(hex, sizeof(hex), "\\u%04x", c);
            line_put(line, hex, 6);
            i++;
        } else {
            line_put(line, value.p + i, length);
            i += length;
        }
    }
    line->reserved--;
    line->text[line->n++] = '"';
}

/* Digits, and perhaps a point between them. */
static bool is_number(weir_str s)
{
    size_t points = 0;

    for (size_t i = 0; i < s.n; i++) {
        points += s.p[i] == '.';
        if (s.p[i] != '.' && (s.p[i] < '0' || s.p[i] > '9')) {
            return false;
        }
    }
    return s.n > 0 && s.n <= 20 && points <= 1 && s.p[0] != '.' && s.p[s.n - 1] != '.' &&
           (s.n == 1 || s.p[0] != '0' || s.p[1] == '.');
}

void line_json_number(struct line *line, weir_str key, weir_str value)
{
    put_key(line, key);
    if (is_number(value)) {
        line_put(line, value.p, value.n);
    } else {
        line_put(line, "null", 4);
    }
}

void line_json_end(struct line *line)
{
    line->reserved = 0;
    line->text[line->n++] = '}';
}

void line_end(struct line *line)
{
    line->text[line->n++] = '\n';
}
