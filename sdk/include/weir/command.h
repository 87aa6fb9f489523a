/* SPDX-License-Identifier: Apache-2.0 */
/* weir/command.h - commands that a module brings: `weir NAME WORD...` asks the generation that
 * serves, over the control socket. Included by module.h; since 0.3.
 *
 *     static weir_rc on_count(weir_answer *answer, const weir_str *words, uint32_t n)
 *     {
 *         if (n > 1) {
 *             weir_say(answer, "\"%.*s\": no word is expected\n", (int)words[1].n, words[1].p);
 *             return WEIR_ERROR;
 *         }
 *         weir_say(answer, "%llu\n", (unsigned long long)*count);
 *         return WEIR_OK;
 *     }
 *
 *     static const weir_command count_command = {
 *         .size = sizeof(count_command), .name = "count", .run = on_count};
 *     static const weir_command *const commands[] = {&count_command, NULL};
 *
 * with `.commands = commands` in the weir_module, and "command:count" among what it provides. */
#ifndef WEIR_COMMAND_H
#define WEIR_COMMAND_H

#include <stdarg.h>

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_answer weir_answer;

/* Runs in a process of its own, forked for this call from the one that the workers were forked
 * from, with a worker's rights: it sees what commit() made, and in zones (weir/zone.h) what workers
 * see. It may block and take its time; no request waits for it, and its death is nobody else's. There is no
 * request, no timer fires, and what it changes outside of zones and files nobody sees.
 *
 * words[0] is the command's own name; options ("--json") are words like others. All of them are
 * borrowed. WEIR_OK: what was said goes to standard output, and the command ends with status 0;
 * anything else: to standard error, with status 1. */
typedef struct {
    uint32_t size;
    const char *name; /* one word */
    weir_rc (*run)(weir_answer *answer, const weir_str *words, uint32_t n);
} weir_command;

struct weir_command_api {
    uint32_t size;
    void (*say)(weir_answer *answer, const char *fmt, va_list args);
};

/* Adds text to the answer, as printf() does. It is kept in memory until run() returns, so this
 * never blocks: locks may be held. For programs ("--json"): one JSON object per line. */
__attribute__((format(printf, 2, 3))) static inline void weir_say(weir_answer *answer,
                                                                  const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_host_->command->say(answer, fmt, args);
    va_end(args);
}

#ifdef __cplusplus
}
#endif
#endif
