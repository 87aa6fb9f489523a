/* SPDX-License-Identifier: Apache-2.0 */
/* process/command.h - what the master does not know is asked of the generation that serves: of its
 * peers, of its configuration, of a module (weir/command.h).
 *
 * The master hands the client's connection to the loader, and the loader forks a process that
 * answers on it: neither waits, neither can be taken down, and the answer may be long. */
#ifndef PROCESS_COMMAND_H
#define PROCESS_COMMAND_H

#include "config/config.h"
#include "module/answer.h"
#include "process/control.h"

#define COMMANDS_MAX 8 /* that run at a time */

/* Words of a line: separated by spaces, or within double quotes, where \ goes before " and \. They
 * are written into `room`, which is as long as the line. False: more than `max`, or an open quote. */
bool command_split(const char *line, char *room, weir_str *words, uint32_t max, uint32_t *n);
/* The other way: appends a word to a line of `size` bytes. False: it does not fit. */
bool command_append(char *line, size_t size, const char *word);

/* Loader: forks the process that answers `line` on the client's connection, which is the caller's
 * still; `master` is closed in it. Negative: -errno; it was answered. */
pid_t command_start(struct config *config, const char *line, struct control_client client, int master);

/* Answers in the form that the client wants; waits as long as its socket does. */
void command_answer(struct control_client client, bool fine, const char *text, size_t n);

#endif
