/* SPDX-License-Identifier: Apache-2.0 */
#include "process/sockets.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel caps it at net.core.somaxconn */

/* A socket file that nobody listens on is left over from a process that was killed. */
static void remove_stale(const struct addr *addr)
{
    struct stat st;

    if (lstat(addr->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &addr->sa, addr->len) != 0 && errno == ECONNREFUSED) {
        unlink(addr->un.sun_path);
    }
    if (fd >= 0) {
        close(fd);
    }
}

int socket_listen(const struct addr *addr)
{
    int family = addr->sa.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0) {
        return -errno;
    }
    if (family == AF_UNIX) {
        remove_stale(addr);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
        /* Accepted sockets inherit it, which saves a call for each. It is set before listen(): a
         * connection takes over what holds when the kernel completes it, not when it is accepted. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd, &addr->sa, addr->len) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    return fd;
}
