/* SPDX-License-Identifier: Apache-2.0 */
#include "process/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/running.h"
#include "http/server.h"
#include "module/watch.h"
#include "net/loop.h"
#include "process/figures.h"
#include "process/ipc.h"
#include "process/privilege.h"
#include "process/sandbox.h"

#define SPARE_FILES 256 /* logs, modules' files, pipes */

static struct config *current;
static int loader_sock;
static int lobby[2];

/* Each connection may need one more descriptor for its backend. */
static void raise_file_limit(int64_t connections)
{
    rlim_t wanted = (rlim_t)connections * 2 + SPARE_FILES;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    struct rlimit higher = {.rlim_cur = wanted, .rlim_max = wanted};
    if (wanted > limit.rlim_max && setrlimit(RLIMIT_NOFILE, &higher) == 0) {
        return; /* only root may */
    }
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        log_warn("server.connections = %lld may need %llu open files, and %llu are allowed: raise "
                 "the limit (LimitNOFILE= of the service, ulimit -n), or lower the option",
                 (long long)connections, (unsigned long long)wanted,
                 (unsigned long long)limit.rlim_cur);
    }
}

/* A leak ends here, in this process, and not with the machine's memory. Zones do not count. */
static void limit_memory(uint64_t bytes)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)bytes, .rlim_max = (rlim_t)bytes};

    memory_watch(bytes);
    if (bytes && setrlimit(RLIMIT_DATA, &limit) != 0) {
        log_warn("server.worker_memory: %s", strerror(errno));
    }
}

static void finish(void)
{
    const struct registry *registry = &current->registry;

    for (uint32_t i = 0; i < registry->module_n; i++) {
        if (registry->modules[i]->desc->worker_stop) {
            registry->modules[i]->desc->worker_stop();
        }
    }
    loop_stop();
}

static void reopen(void)
{
    const struct registry *registry = &current->registry;

    log_reopen_all();
    for (uint32_t i = 0; i < registry->module_n; i++) {
        if (registry->modules[i]->desc->reopen) {
            registry->modules[i]->desc->reopen();
        }
    }
}

static void on_message(evutil_socket_t sock, short what, void *arg)
{
    struct ipc_message message;
    int fd;

    (void)what;
    (void)arg;
    loop_woke();
    if (ipc_recv(sock, &message, &fd) != 0) {
        finish(); /* the loader is gone */
        return;
    }
    switch (message.type) {
    case IPC_DRAIN:
        server_drain(finish, message.index ? lobby[1] : -1);
        ipc_send(sock, IPC_DRAINING, 0, NULL, -1);
        break;
    case IPC_PAUSE:
        server_pause();
        ipc_send(sock, IPC_DRAINING, 0, NULL, -1);
        break;
    case IPC_RESUME:
        server_resume();
        break;
    case IPC_STOP:
        finish();
        break;
    case IPC_REOPEN:
        reopen();
        break;
    case IPC_TOLD:
        watch_told(&current->registry, message.index, fd);
        break;
    default:
        break;
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void reset_signals(void)
{
    static const int ours[] = {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGCHLD};
    sigset_t none;

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        /* The master speaks for a terminal's or a service manager's signals to the group. */
        signal(ours[i], ours[i] == SIGTERM || ours[i] == SIGCHLD ? SIG_DFL : SIG_IGN);
    }
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void worker_start_modules(const struct registry *registry)
{
    for (uint32_t i = 0; i < registry->module_n; i++) {
        const struct module *module = registry->modules[i];

        if (module->desc->worker_start && module->desc->worker_start() != WEIR_OK) {
            log_error("module %.*s failed to start in this worker", (int)module->name.n,
                      module->name.p);
        }
    }
}

_Noreturn void worker_main(struct config *config, const struct listen_fd *fds, uint32_t n,
                           const int lobby_ends[2], int sock)
{
    struct privilege privilege;
    struct event event;
    char error[256];

    current = config;
    loader_sock = sock;
    lobby[0] = lobby_ends[0];
    lobby[1] = lobby_ends[1];
    reset_signals();
    running_catch_faults();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    raise_file_limit(config->server.connections);
    limit_memory(config->server.worker_memory);
    if (!privilege_find(&config->server, &privilege, error, sizeof(error)) ||
        !privilege_drop(&privilege)) {
        log_error("the worker user cannot be assumed: %s", strerror(errno));
        _exit(1);
    }
    /* Changing the user forgets it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (!sandbox_enter(config)) {
        _exit(1);
    }
    clock_update();
    loop_init();
    worker_start_modules(&config->registry);
    figures_start(config);
    event_assign(&event, loop.base, sock, EV_READ | EV_PERSIST, on_message, NULL);
    event_add(&event, NULL);
    if (server_start(config, fds, n, lobby[0]) != 0 || ipc_send(sock, IPC_READY, 0, NULL, -1) != 0) {
        _exit(1);
    }
    loop_run();
    exit(0);
}
