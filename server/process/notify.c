/* SPDX-License-Identifier: Apache-2.0 */
#include "process/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

void notify_state(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(un.sun_path)) {
        return;
    }
    memcpy(un.sun_path, path, strlen(path));
    if (path[0] == '@') {
        un.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&un,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
        close(fd);
    }
}

void notify_reloading(void)
{
    char state[80];

    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
             (unsigned long long)clock_us());
    notify_state(state);
}
