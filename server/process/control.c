/* SPDX-License-Identifier: Apache-2.0 */
#include "process/control.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "process/control_json.h"
#include "process/folder.h"

static bool make_address(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(out->sun_path)) {
        return false;
    }
    memcpy(out->sun_path, path, strlen(path) + 1);
    return true;
}

void control_init(struct control *control)
{
    *control = (struct control){.listen_fd = -1, .client.fd = -1};
}

void control_close(struct control *control)
{
    control_answer_waiters(control, UINT_MAX, "error\nweir ends\n");
    if (control->client.fd >= 0) {
        close(control->client.fd);
    }
    if (control->listen_fd >= 0) {
        close(control->listen_fd);
        unlink(control->path);
    }
    control_init(control);
}

/* Two that were started with one path: the later one must not take the other's away. */
static bool is_answered(const struct sockaddr_un *un)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return answered;
}

/* The group's members may do what the owner may. */
static void set_group(const char *path, gid_t group)
{
    mode_t mode = group == (gid_t)-1 ? 0600 : 0660;

    if (chown(path, (uid_t)-1, group == (gid_t)-1 ? getegid() : group) != 0) {
        log_warn("server.control_group: %s: %s: the socket stays its owner's alone", path,
                 strerror(errno));
        mode = 0600;
    }
    if (chmod(path, mode) != 0) {
        log_warn("server.control %s: %s", path, strerror(errno));
    }
}

void control_listen(struct control *control, const char *path, gid_t group)
{
    struct sockaddr_un un;

    if (path[0] == '\0') {
        return;
    }
    if (strcmp(control->path, path) == 0) {
        set_group(path, group);
        return;
    }
    if (control->listen_fd >= 0) {
        close(control->listen_fd);
        unlink(control->path);
        control->listen_fd = -1;
    }
    if (!make_address(path, &un)) {
        log_warn("server.control %s: the path is longer than a socket's may be", path);
        return;
    }
    if (is_answered(&un)) {
        log_warn("server.control %s is another weir's: give this one a path of its own, so that "
                 "weir -s and weir status reach it", path);
        return;
    }
    folder_make_for(path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    int rc = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&un, sizeof(un));
    umask(mask);
    if (rc != 0 || listen(fd, 16) != 0) {
        log_warn("server.control %s: %s: weir -s works by signal only", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    if (group != (gid_t)-1) {
        set_group(path, group);
    }
    control->listen_fd = fd;
    snprintf(control->path, sizeof(control->path), "%s", path);
}

/* The request at hand as a plain line. False: it was none, and answered. */
static bool read_json(struct control *control, char command[CONTROL_LINE])
{
    static char line[CONTROL_LINE];
    const char *error;

    if (!control_json_read(command, line, sizeof(line), &error)) {
        control_answer(control, "error\n%s\n", error);
        return false;
    }
    memcpy(command, line, strlen(line) + 1);
    return true;
}

bool control_accept(struct control *control, char command[CONTROL_LINE])
{
    struct timeval patience = {.tv_usec = 200000}; /* the master has other things to do */
    int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        return false;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ssize_t n = recv(fd, command, CONTROL_LINE - 1, 0);
    if (n <= 0) {
        close(fd);
        return false;
    }
    command[n] = '\0';
    command[strcspn(command, "\r\n")] = '\0';
    control->client = (struct control_client){fd, command[0] == '{'};
    return !control->client.wants_json || read_json(control, command);
}

/* ---- answers ---- */

/* Where the text behind "ok" or "error" begins. */
static const char *behind_word(const char *said, bool *fine)
{
    *fine = strncmp(said, "ok", 2) == 0;
    said += *fine ? 2 : strncmp(said, "error", 5) == 0 ? 5 : 0;
    return said + strspn(said, "\n ");
}

static void answer(struct control_client client, const char *fmt, va_list args)
{
    char *text = NULL, *line = NULL;
    size_t n = 0;
    bool fine;

    if (vasprintf(&text, fmt, args) < 0) {
        text = NULL;
    }
    FILE *out = text && client.wants_json ? open_memstream(&line, &n) : NULL;
    if (out) {
        const char *rest = behind_word(text, &fine);

        control_json_write(out, fine, rest, strlen(rest));
        fclose(out);
    }
    const char *said = line ? line : text ? text : "error\nout of memory\n";
    send(client.fd, said, strlen(said), MSG_NOSIGNAL);
    free(line);
    free(text);
    close(client.fd);
}

void control_answer(struct control *control, const char *fmt, ...)
{
    va_list args;

    if (control->client.fd >= 0) {
        va_start(args, fmt);
        answer(control->client, fmt, args);
        va_end(args);
        control->client.fd = -1;
    }
}

struct control_client control_give(struct control *control)
{
    struct control_client client = control->client;

    control->client.fd = -1;
    return client;
}

void control_wait(struct control *control, unsigned generation)
{
    if (control->client.fd < 0) {
        return;
    }
    if (control->waiter_n == CONTROL_WAITERS) {
        control_answer(control, "error\n%d others wait for a reload: try again\n", CONTROL_WAITERS);
        return;
    }
    control->waiters[control->waiter_n].client = control_give(control);
    control->waiters[control->waiter_n++].generation = generation;
}

void control_answer_waiters(struct control *control, unsigned generation, const char *fmt, ...)
{
    unsigned left = 0;
    va_list args;

    for (unsigned i = 0; i < control->waiter_n; i++) {
        if (control->waiters[i].generation > generation) {
            control->waiters[left++] = control->waiters[i];
            continue;
        }
        va_start(args, fmt);
        answer(control->waiters[i].client, fmt, args);
        va_end(args);
    }
    control->waiter_n = left;
}

/* ---- the other side ---- */

/* All of it, as text. */
static char *read_all(int fd)
{
    char *text = NULL, part[16384];
    size_t n = 0;
    ssize_t got;
    FILE *out = open_memstream(&text, &n);

    while (out && (got = recv(fd, part, sizeof(part), 0)) > 0) {
        fwrite(part, 1, (size_t)got, out);
    }
    if (out) {
        fclose(out);
    }
    return text;
}

static int connect_to(const char *path)
{
    struct sockaddr_un un;

    if (!make_address(path, &un)) {
        return -ENAMETOOLONG;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0) {
        return fd;
    }
    int error = errno;

    if (fd >= 0) {
        close(fd);
    }
    return -error;
}

int control_ask(const char *path, const char *command, char **text)
{
    char line[CONTROL_LINE];
    int n = snprintf(line, sizeof(line), "%s\n", command);
    int fd = n < (int)sizeof(line) ? connect_to(path) : -EMSGSIZE;

    if (fd < 0) {
        return fd;
    }
    send(fd, line, (size_t)n, MSG_NOSIGNAL);
    char *said = read_all(fd);
    close(fd);
    if (!said || !*said) {
        free(said);
        *text = strdup("weir: the answer did not come: the error log may say why\n");
        return 1;
    }
    bool fine;
    *text = strdup(behind_word(said, &fine));
    free(said);
    return fine ? 0 : 1;
}
