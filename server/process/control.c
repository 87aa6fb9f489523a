/* SPDX-License-Identifier: Apache-2.0 */
#include "process/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
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
    *control = (struct control){.listen_fd = -1, .client_fd = -1};
}

void control_close(struct control *control)
{
    if (control->client_fd >= 0) {
        close(control->client_fd);
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

void control_listen(struct control *control, const char *path)
{
    struct sockaddr_un un;

    if (path[0] == '\0' || strcmp(control->path, path) == 0) {
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
    control->listen_fd = fd;
    snprintf(control->path, sizeof(control->path), "%s", path);
}

bool control_accept(struct control *control, char *command, size_t size)
{
    struct timeval patience = {.tv_usec = 200000}; /* the master has other things to do */
    int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        return false;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ssize_t n = recv(fd, command, size - 1, 0);
    if (n <= 0) {
        close(fd);
        return false;
    }
    command[n] = '\0';
    command[strcspn(command, "\r\n")] = '\0';
    if (control->client_fd >= 0) {
        control_answer(control, "error\nsuperseded by a later command\n");
    }
    control->client_fd = fd;
    return true;
}

void control_answer(struct control *control, const char *fmt, ...)
{
    char text[16384];
    va_list args;

    if (control->client_fd < 0) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    send(control->client_fd, text, strlen(text), MSG_NOSIGNAL);
    close(control->client_fd);
    control->client_fd = -1;
}

int control_ask(const char *path, const char *command)
{
    struct sockaddr_un un;
    char text[16384];
    size_t n = 0;
    ssize_t got;

    if (!make_address(path, &un)) {
        return -ENAMETOOLONG;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) != 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    send(fd, command, strlen(command), MSG_NOSIGNAL);
    send(fd, "\n", 1, MSG_NOSIGNAL);
    while (n < sizeof(text) - 1 && (got = recv(fd, text + n, sizeof(text) - 1 - n, 0)) > 0) {
        n += (size_t)got;
    }
    close(fd);
    text[n] = '\0';
    if (n == 0) {
        return -EPIPE;
    }
    bool fine = strncmp(text, "ok", 2) == 0;
    const char *rest = text + (fine ? 2 : 5);
    while (*rest == '\n' || *rest == ' ') {
        rest++;
    }
    fputs(rest, fine ? stdout : stderr);
    return fine ? 0 : 1;
}
