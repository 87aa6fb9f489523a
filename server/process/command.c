/* SPDX-License-Identifier: Apache-2.0 */
#include "process/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/running.h"
#include "base/str.h"
#include "net/loop.h"
#include "process/control_json.h"
#include "process/ipc.h"
#include "process/peers.h"
#include "process/privilege.h"
#include "process/sandbox.h"

#define WORDS_MAX 64
#define PATIENCE_S 600 /* for a command and its answer */

/* ---- lines ---- */

bool command_split(const char *line, char *room, weir_str *words, uint32_t max, uint32_t *n)
{
    *n = 0;
    for (;;) {
        line += strspn(line, " \t");
        if (*line == '\0') {
            return true;
        }
        if (*n == max) {
            return false;
        }
        weir_str *word = &words[(*n)++];
        bool quoted = *line == '"';

        word->p = room;
        for (line += quoted; *line && (quoted ? *line != '"' : *line != ' ' && *line != '\t');
             line++) {
            if (quoted && *line == '\\' && line[1]) {
                line++;
            }
            *room++ = *line;
        }
        word->n = (size_t)(room - word->p);
        if (quoted && *line++ != '"') {
            return false;
        }
    }
}

bool command_append(char *line, size_t size, const char *word)
{
    size_t at = strlen(line);
    bool quoted = *word == '\0' || strpbrk(word, " \t\"\\");

    if (at + 2 * strlen(word) + 4 > size || strpbrk(word, "\r\n")) {
        return false;
    }
    if (at) {
        line[at++] = ' ';
    }
    if (quoted) {
        line[at++] = '"';
    }
    for (; *word; word++) {
        if (quoted && (*word == '"' || *word == '\\')) {
            line[at++] = '\\';
        }
        line[at++] = *word;
    }
    if (quoted) {
        line[at++] = '"';
    }
    line[at] = '\0';
    return true;
}

/* ---- commands of the host's own ---- */

/* The effective configuration as it was loaded, for `weir diff`. */
static weir_rc tell_config(const struct config *config, weir_answer *answer, const weir_str *words,
                           uint32_t n)
{
    (void)words;
    (void)n;
    config_print_flat(config, answer->out);
    return WEIR_OK;
}

static const struct {
    weir_str name;
    weir_rc (*run)(const struct config *config, weir_answer *answer, const weir_str *words,
                   uint32_t n);
} own[] = {{STR("peers"), peers_command}, {STR("config"), tell_config}};

static weir_rc run_module(const struct config *config, weir_answer *answer, const weir_str *words,
                          uint32_t n)
{
    const struct module *module = NULL;
    const weir_command *command = registry_find_command(&config->registry, words[0], &module);

    if (!command) {
        fprintf(answer->out, "unknown command \"%.*s\": no module that the configuration uses has "
                "it\n", (int)words[0].n, words[0].p);
        return WEIR_ERROR;
    }
    module_running = module;
    weir_rc rc = command->run(answer, words, n);
    module_running = NULL;
    return rc;
}

static weir_rc run(const struct config *config, weir_answer *answer, const char *line)
{
    static char room[IPC_TEXT];
    weir_str words[WORDS_MAX];
    uint32_t n;

    if (!command_split(line, room, words, WORDS_MAX, &n) || n == 0) {
        fprintf(answer->out, "a quote is open, or there are more than %d words\n", WORDS_MAX);
        return WEIR_ERROR;
    }
    for (size_t i = 0; i < WEIR_COUNT(own); i++) {
        if (str_eq(own[i].name, words[0])) {
            return own[i].run(config, answer, words, n);
        }
    }
    return run_module(config, answer, words, n);
}

/* ---- the process ---- */

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR) {
            return; /* who asked has left, or does not read */
        }
        p += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
}

void command_answer(struct control_client client, bool fine, const char *text, size_t n)
{
    char *line = NULL;
    size_t length = 0;
    FILE *out = client.wants_json ? open_memstream(&line, &length) : NULL;

    if (out) {
        control_json_write(out, fine, text, n);
        fclose(out);
        send_all(client.fd, line, length);
        free(line);
        return;
    }
    send_all(client.fd, fine ? "ok\n" : "error\n", fine ? 3 : 6);
    send_all(client.fd, text, n);
}

/* The rights are a worker's: what a command does wrong must not be worse than what a worker does. */
static _Noreturn void serve(struct config *config, const char *line, struct control_client client)
{
    static const char no_rights[] = "the worker user cannot be assumed: the error log says why\n";
    struct timeval patience = {.tv_sec = PATIENCE_S};
    struct privilege privilege;
    weir_answer said;
    char error[256];

    alarm(PATIENCE_S);
    setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (!privilege_find(&config->server, &privilege, error, sizeof(error)) ||
        !privilege_drop(&privilege) || !sandbox_enter(config) || !answer_open(&said)) {
        command_answer(client, false, no_rights, sizeof(no_rights) - 1);
        _exit(1);
    }
    clock_update();
    loop_init();
    weir_rc rc = run(config, &said, line);
    answer_end(&said);
    command_answer(client, rc == WEIR_OK, said.text, said.n);
    close(client.fd);
    _exit(0);
}

pid_t command_start(struct config *config, const char *line, struct control_client client, int master)
{
    static const char no_process[] = "no process could be started\n";
    pid_t pid = fork();

    if (pid == 0) {
        close(master);
        serve(config, line, client);
    }
    if (pid < 0) {
        int error = errno;

        command_answer(client, false, no_process, sizeof(no_process) - 1);
        return -error;
    }
    return pid;
}
