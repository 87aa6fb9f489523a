/* SPDX-License-Identifier: Apache-2.0 */
/* process/control.h - the control socket: a line in, "ok" or "error" and text out, then the end; or
 * a line of JSON each way (process/control_json.h). Those whose command is a reload wait for it; all
 * others are answered at once, or by another process. */
#ifndef PROCESS_CONTROL_H
#define PROCESS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "process/ipc.h"

#define CONTROL_LINE IPC_TEXT /* the longest command, with its end */
#define CONTROL_WAITERS 8

struct control_client {
    int fd; /* -1: nobody */
    bool wants_json;
};

struct control {
    int listen_fd; /* -1: there is none */
    struct control_client client; /* whose command it is */
    struct {
        struct control_client client;
        unsigned generation;
    } waiters[CONTROL_WAITERS]; /* the longest-waiting first */
    unsigned waiter_n;
    char path[108];
};

void control_init(struct control *control);
/* Listens at `path`, for the owner and, unless it is (gid_t)-1, that group; moves there when it
 * changed. What fails is logged. */
void control_listen(struct control *control, const char *path, gid_t group);
/* Takes a client and its command, which is to be answered before the next one is taken. False:
 * nobody, or not a command. */
bool control_accept(struct control *control, char command[CONTROL_LINE]);
/* Answers the client at hand, if there is one. */
void control_answer(struct control *control, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The client at hand waits for what becomes of that generation. */
void control_wait(struct control *control, unsigned generation);
/* Answers those who wait for that generation or an older one. */
void control_answer_waiters(struct control *control, unsigned generation, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Somebody else answers: the client, whose connection is now the caller's. Its fd is -1: there is
 * none. */
struct control_client control_give(struct control *control);
void control_close(struct control *control);

/* The other side: sends `command` to the socket at `path`. Returns 0 for "ok", 1 for "error", with
 * *text (to be freed) what came behind it, or a negative errno when nobody answers there. */
int control_ask(const char *path, const char *command, char **text);

#endif
