/* SPDX-License-Identifier: Apache-2.0 */
/* process/control.h - the control socket: one command in, one answer out, one client at a time
 * that waits. */
#ifndef PROCESS_CONTROL_H
#define PROCESS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

struct control {
    int listen_fd; /* -1: there is none */
    int client_fd; /* waits for an answer; -1: nobody */
    char path[108];
};

void control_init(struct control *control);
/* Listens at `path`, for the owner only; moves there when it changed. What fails is logged. */
void control_listen(struct control *control, const char *path);
/* Takes a client and its command. False: nobody, or not a command. */
bool control_accept(struct control *control, char *command, size_t size);
/* Answers whoever waits, if anybody does. */
void control_answer(struct control *control, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void control_close(struct control *control);

/* The other side: sends `command` to the socket at `path` and prints what comes back, to standard
 * output or, if it begins with "error", to standard error. Returns 0 for "ok", 1 for "error", or a
 * negative errno when nobody answers there. */
int control_ask(const char *path, const char *command);

#endif
