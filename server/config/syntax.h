/* SPDX-License-Identifier: Apache-2.0 */
/* config/syntax.h - what is wrong with the text of a configuration file.
 *
 * libconfig says "syntax error" and the line where it noticed. This reads the text once more, by
 * the same grammar, to tell where the mistake is likely to be and what it is. */
#ifndef CONFIG_SYNTAX_H
#define CONFIG_SYNTAX_H

#include <weir/types.h>

struct syntax_mistake {
    unsigned line, column; /* from 1 */
    char text[200];        /* what is wrong */
    char hint[200];        /* how to mend it; may be empty */
    bool is_open_comment;  /* what libconfig takes for a comment up to the end of the file */
};

/* True: the first mistake is in *out. False: the text reads well; out->line is then the first
 * place in a list where two texts stand side by side and become one (0: none). */
bool syntax_find_mistake(weir_str text, struct syntax_mistake *out);

/* Line number `line` of the text, without its end. */
weir_str syntax_line(weir_str text, unsigned line);

#endif
