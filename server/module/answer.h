/* SPDX-License-Identifier: Apache-2.0 */
/* module/answer.h - what a command says (weir/command.h): text in memory until the command ends. */
#ifndef MODULE_ANSWER_H
#define MODULE_ANSWER_H

#include <stdio.h>

#include "module/registry.h"

struct weir_answer {
    FILE *out; /* of open_memstream() */
    char *text;
    size_t n;
};

/* False: out of memory. */
bool answer_open(weir_answer *answer);
/* Ends the text: answer->text, answer->n, valid until answer_free(). */
void answer_end(weir_answer *answer);
void answer_free(weir_answer *answer);

/* The command of that name of a loaded module, and the module. NULL: there is none. */
const weir_command *registry_find_command(const struct registry *registry, weir_str name,
                                          const struct module **module);

/* For the modules' table. */
void answer_api_say(weir_answer *answer, const char *fmt, va_list args);

#endif
