/* SPDX-License-Identifier: Apache-2.0 */
/* config/diag.h - what is wrong with a configuration: collected, then printed all at once. */
#ifndef CONFIG_DIAG_H
#define CONFIG_DIAG_H

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"

enum diag_level {
    DIAG_ERROR,
    DIAG_WARNING
};

struct diag_entry {
    enum diag_level level;
    const char *file; /* NULL: no place */
    unsigned line;    /* 0: none */
    const char *text; /* may hold further lines: the source line and a caret, a hint */
    struct diag_entry *next;
};

struct diag {
    struct arena *arena;
    struct diag_entry *first, *last;
    unsigned errors, warnings;
};

void diag_init(struct diag *diag, struct arena *arena);
void diag_add(struct diag *diag, enum diag_level level, const char *file, unsigned line,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void diag_vadd(struct diag *diag, enum diag_level level, const char *file, unsigned line,
               const char *fmt, va_list args) __attribute__((format(printf, 5, 0)));
/* "FILE:LINE: error: text", sorted by file and line. */
void diag_print(const struct diag *diag, FILE *out);
/* {"ok": ..., "messages": [{"level", "file", "line", "text"}, ...]}, in the same order; line 0: none. */
void diag_print_json(const struct diag *diag, FILE *out);

/* The nearest of `n` words to `word`, if near enough to be a slip; p NULL: none. */
weir_str diag_nearest(weir_str word, const weir_str *words, size_t n);

#endif
