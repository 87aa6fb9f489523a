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

/* Half of what the manager waits for (sd_watchdog_enabled(3)). */
static uint64_t watchdog_interval_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    uint64_t ms = strtoull(usec, NULL, 10) / 2000;
    return ms ? ms : 1;
}

uint64_t notify_watchdog(void)
{
    static uint64_t due_ms;
    uint64_t interval_ms = watchdog_interval_ms();

    if (interval_ms == 0) {
        return 0;
    }
    if (due_ms <= clock_now.ms) {
        notify_state("WATCHDOG=1\n");
        due_ms = clock_now.ms + interval_ms;
    }
    return due_ms;
}
