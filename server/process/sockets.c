/* SPDX-License-Identifier: Apache-2.0 */
#include "process/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define BACKLOG 4096 /* the kernel caps it at net.core.somaxconn */

static struct held_socket *find(const struct sockets *sockets, const char *address,
                                uint32_t index)
{
    for (uint32_t i = 0; i < sockets->n; i++) {
        struct held_socket *held = &sockets->list[i];

        if (held->index == index && strcmp(held->address, address) == 0) {
            return held;
        }
    }
    return NULL;
}

int sockets_get(const struct sockets *sockets, const char *address, uint32_t index)
{
    const struct held_socket *held = find(sockets, address, index);

    return held ? held->fd : -1;
}

void sockets_put(struct sockets *sockets, const char *address, uint32_t index, int fd,
                 unsigned generation)
{
    struct held_socket *held = find(sockets, address, index);

    if (held) {
        held->used_by = generation;
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    if (fd < 0) {
        return;
    }
    if (sockets->n == sockets->cap) {
        sockets->cap = sockets->cap ? sockets->cap * 2 : 16;
        sockets->list = mem_realloc(sockets->list, sockets->cap * sizeof(*sockets->list));
    }
    held = &sockets->list[sockets->n++];
    *held = (struct held_socket){.index = index, .fd = fd, .used_by = generation};
    snprintf(held->address, sizeof(held->address), "%s", address);
}

void sockets_drop_older(struct sockets *sockets, unsigned generation)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < sockets->n; i++) {
        struct held_socket *held = &sockets->list[i];

        if (held->used_by >= generation) {
            sockets->list[kept++] = *held;
        } else {
            close(held->fd);
        }
    }
    sockets->n = kept;
}

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
