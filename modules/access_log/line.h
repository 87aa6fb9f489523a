/* SPDX-License-Identifier: Apache-2.0 */
/* line.h - one line of a log as it grows; what does not fit is cut. No I/O. */
#ifndef ACCESS_LOG_LINE_H
#define ACCESS_LOG_LINE_H

#include <weir/types.h>

#define LINE_MAX_BYTES 16384

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
    size_t reserved; /* bytes that values leave for what follows */
};

static inline void line_init(struct line *line)
{
    line->n = line->reserved = 0;
}

void line_put(struct line *line, const char *p, size_t n);
void line_put_text(struct line *line, const char *text);
/* As nginx and Apache do it: what could end a line or a quoted part becomes \xHH. */
void line_put_escaped(struct line *line, weir_str s);

/* One JSON object: begin, keys, end. Each key is there whatever the values are: `room` are the
 * bytes of all keys, by line_json_room(). What is not UTF-8 becomes the character of that number.
 */
size_t line_json_room(size_t key_bytes, size_t keys);
void line_json_begin(struct line *line, size_t room);
void line_json(struct line *line, weir_str key, weir_str value);
/* A number; what is none is null. */
void line_json_number(struct line *line, weir_str key, weir_str value);
void line_json_end(struct line *line);

/* Ends the line: the newline always fits. */
void line_end(struct line *line);

#endif
