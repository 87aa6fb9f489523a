/* SPDX-License-Identifier: Apache-2.0 */
#include "process/ipc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int ipc_send(int sock, enum ipc_type type, uint32_t index, const char *text, int fd)
{
    struct ipc_message message = {.type = type, .index = index};
    size_t n = text ? strnlen(text, sizeof(message.text) - 1) : 0;
    union control control = {0};
    struct iovec iov = {.iov_base = &message};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (n) {
        memcpy(message.text, text, n);
    }
    iov.iov_len = offsetof(struct ipc_message, text) + n + 1;
    if (fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    }
    return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int ipc_recv(int sock, struct ipc_message *message, int *fd)
{
    union control control = {0};
    struct iovec iov = {.iov_base = message, .iov_len = sizeof(*message) - 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    *fd = -1;
    do {
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return n == 0 ? -EPIPE : -errno;
    }
    const struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    if (head && head->cmsg_type == SCM_RIGHTS) {
        memcpy(fd, CMSG_DATA(head), sizeof(*fd));
    }
    if ((size_t)n < offsetof(struct ipc_message, text)) {
        return -EPROTO;
    }
    message->text[(size_t)n - offsetof(struct ipc_message, text)] = '\0';
    return 0;
}
