/* SPDX-License-Identifier: Apache-2.0 */
#include "process/loader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/running.h"
#include "base/zone.h"
#include "config/config.h"
#include "http/server.h"
#include "http/traffic.h"
#include "module/watch.h"
#include "process/command.h"
#include "process/cpu.h"
#include "process/held.h"
#include "process/ipc.h"
#include "process/last_good.h"
#include "process/postmortem.h"
#include "process/privilege.h"
#include "process/sockets.h"
#include "process/worker.h"
#include "upstream/spill.h"

#define QUICK_DEATH_MS 1000
#define HEALTH_MS 200   /* between two looks at the answers of a generation on probation */
#define HEALTH_LEAST 10 /* fewer answers say nothing */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000

struct worker {
    pid_t pid;          /* 0: not running */
    int sock;
    bool ready, draining;
    uint64_t started_ms;
    uint64_t backoff_ms;
    uint64_t start_at_ms; /* when to start it again; 0: not waiting */
    uint32_t slot;        /* see base/running.h; 0: none was free */
    int64_t responses, failed; /* what its slot had counted before it began */
    uint64_t turn;        /* of its loop when it was last looked at, and since when it is that */
    uint64_t turn_since_ms;
    uint64_t turn_cpu_ms; /* what it had had of the CPU then */
    bool stalled;         /* it was told to end, since its loop is stuck */
};

/* A process that answers on the control socket. */
struct errand {
    pid_t pid; /* 0: free */
    char line[100];
};

struct loader {
    struct config config;
    int master;
    unsigned generation;
    struct held sockets;
    int lobby[2];       /* connections of draining workers: out of it, into it */
    struct worker *workers;
    uint32_t worker_n;
    bool announced;     /* the master knows that all workers accept */
    bool ending;        /* drain or stop */
    bool paused;        /* another generation takes new connections for now */
    uint32_t max_5xx;   /* of 10000 answers; more are reported to the master */
    uint64_t health_at_ms; /* when they are counted again; 0: nobody asked */
    bool drain_told;    /* the master knows that no worker accepts any more */
    uint64_t kill_at_ms; /* 0: never */
    uint64_t stall_at_ms; /* when workers' loops are looked at again; 0: never */
    char quarantined[512]; /* modules that are taken out, separated by spaces */
    struct errand errands[COMMANDS_MAX];
    uint64_t watch_at_ms; /* when modules look after their files again; 0: none does */
};

/* Says why the generation cannot start, to the terminal and to the master. */
__attribute__((format(printf, 2, 3))) static bool refuse(struct loader *l, const char *fmt, ...)
{
    char text[IPC_TEXT];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ipc_send(l->master, IPC_FAILED, 0, text, -1);
    return false;
}

static bool refuse_config(struct loader *l)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (!out) {
        return refuse(l, "the configuration has errors");
    }
    diag_print(&l->config.diag, out);
    fclose(out);
    refuse(l, "%s", text);
    free(text);
    return false;
}

/* ---- sockets ---- */

static void take_secret(const char *digits)
{
    for (size_t i = 0; i < CONFIG_SECRET; i++) {
        unsigned byte = 0;

        sscanf(digits + 2 * i, "%2x", &byte);
        config_secret[i] = (unsigned char)byte;
    }
}

static bool receive_sockets(struct loader *l)
{
    struct ipc_message message;
    int fd;

    for (;;) {
        int rc = ipc_recv(l->master, &message, &fd);

        if (rc != 0) {
            return false;
        }
        if (message.type == IPC_SOCKETS_END) {
            l->generation = message.index;
            return true;
        }
        if (message.type == IPC_LOBBY && fd >= 0) {
            l->lobby[message.index != 0] = fd;
        }
        if (message.type == IPC_QUARANTINE) {
            snprintf(l->quarantined, sizeof(l->quarantined), "%.500s", message.text);
        }
        if (message.type == IPC_SECRET) {
            take_secret(message.text);
        }
        if (message.type == IPC_SOCKET && fd >= 0) {
            held_put(&l->sockets, message.text, message.index, fd, 0);
        }
        if (message.type == IPC_ZONE && fd >= 0) {
            zone_hold(message.text, fd);
        }
    }
}

static bool refuse_socket(struct loader *l, const struct listener *listener, int error)
{
    const char *hint = "";

    if (error == EADDRINUSE) {
        hint = ": another process listens there: stop it, or choose another port";
    } else if (error == EACCES && addr_port(&listener->addr) < 1024) {
        hint = ": ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE";
    } else if (error == EADDRNOTAVAIL) {
        hint = ": this machine does not have that address";
    }
    return refuse(l, "%s:%u: error: cannot listen on %.*s: %s%s\n",
                  listener->source.file ? listener->source.file : "-", listener->source.line,
                  (int)listener->text.n, listener->text.p, strerror(error), hint);
}

/* SO_REUSEPORT lets several of one user's sockets share a port; that another weir (or anything
 * else of this user's) listens there already must still be an error. */
static int probe(const struct addr *addr)
{
    int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1, rc = 0;

    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (addr->sa.sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd, &addr->sa, addr->len) != 0) {
        rc = -errno;
    }
    close(fd);
    return rc;
}

/* The kernel spreads connections over all sockets of an address. One that is closed loses those in
 * its queue, so when workers become fewer their sockets stay, and the others serve them. */
static void keep_surplus(const struct loader *l, const char *address, uint32_t from)
{
    for (uint32_t i = 0; i < l->sockets.n; i++) {
        const struct held_fd *socket = &l->sockets.list[i];

        if (socket->index >= from && strcmp(socket->name, address) == 0) {
            ipc_send(l->master, IPC_SOCKET, socket->index, address, -1);
        }
    }
}

static bool open_sockets(struct loader *l)
{
    char address[ADDR_TEXT];

    for (uint32_t i = 0; i < l->config.listener_n; i++) {
        const struct listener *listener = l->config.listeners[i];
        bool is_unix = listener->addr.sa.sa_family == AF_UNIX;

        addr_format(&listener->addr, address);
        if (!is_unix && held_get(&l->sockets, address, 0) < 0) {
            int rc = probe(&listener->addr);

            if (rc < 0) {
                return refuse_socket(l, listener, -rc);
            }
        }
        for (uint32_t w = 0; w < (is_unix ? 1 : l->worker_n); w++) {
            int fd = held_get(&l->sockets, address, w);
            bool is_new = fd < 0;

            if (is_new && (fd = socket_listen(&listener->addr)) < 0) {
                return refuse_socket(l, listener, -fd);
            }
            if (is_new) {
                held_put(&l->sockets, address, w, fd, 0);
            }
            ipc_send(l->master, IPC_SOCKET, w, address, is_new ? fd : -1);
        }
        keep_surplus(l, address, is_unix ? 1 : l->worker_n);
    }
    return true;
}

/* ---- workers ---- */

/* A worker's own sockets, its share of those that were opened when there were more workers, and the
 * unix sockets, which all have in common. */
static const struct listen_fd *sockets_of(const struct loader *l, uint32_t index, uint32_t *n)
{
    struct listen_fd *fds = mem_zalloc((l->sockets.n + l->config.listener_n + 1) * sizeof(*fds));
    char address[ADDR_TEXT];

    *n = 0;
    for (uint32_t i = 0; i < l->config.listener_n; i++) {
        const struct listener *listener = l->config.listeners[i];
        bool is_unix = listener->addr.sa.sa_family == AF_UNIX;

        addr_format(&listener->addr, address);
        for (uint32_t k = 0; k < l->sockets.n; k++) {
            const struct held_fd *socket = &l->sockets.list[k];

            if (strcmp(socket->name, address) == 0 &&
                (is_unix || socket->index % l->worker_n == index)) {
                fds[(*n)++] = (struct listen_fd){socket->fd, listener};
            }
        }
    }
    return fds;
}

static void start_worker(struct loader *l, uint32_t index)
{
    struct worker *worker = &l->workers[index];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("socketpair: %s", strerror(errno));
        worker->start_at_ms = clock_now.ms + BACKOFF_MAX_MS;
        return;
    }
    uint32_t slot = running_take_slot(l->generation, index);
    metrics_release_slot(slot); /* what a killed loader could not */
    int64_t responses, failed;
    traffic_of_slot(slot, &responses, &failed);
    pid_t pid = fork();
    if (pid < 0) {
        running_release_slot(slot);
        log_error("fork: %s", strerror(errno));
        close(pair[0]);
        close(pair[1]);
        worker->start_at_ms = clock_now.ms + BACKOFF_MAX_MS;
        return;
    }
    if (pid == 0) {
        uint32_t n;
        const struct listen_fd *fds = sockets_of(l, index, &n);

        running_use_slot(slot);
        if (slot) {
            metrics_use_slot(slot);
        }
        close(pair[0]);
        close(l->master);
        worker_main(&l->config, fds, n, l->lobby, pair[1]);
    }
    close(pair[1]);
    *worker = (struct worker){.pid = pid,
                              .slot = slot,
                              .responses = responses,
                              .failed = failed,
                              .sock = pair[0],
                              .started_ms = clock_now.ms,
                              .backoff_ms = worker->backoff_ms};
}

static void log_death(const struct loader *l, const struct worker *worker, int status)
{
    char where[POSTMORTEM_TEXT], text[POSTMORTEM_TEXT + 100];

    postmortem_where(running_slot(worker->slot), where);
    if (WIFSIGNALED(status)) {
        snprintf(text, sizeof(text), "worker %d died of signal %d (%s) %s", (int)worker->pid,
                 WTERMSIG(status), strsignal(WTERMSIG(status)), where);
    } else {
        snprintf(text, sizeof(text), "worker %d ended with status %d %s", (int)worker->pid,
                 WEXITSTATUS(status), where);
    }
    log_error("%s", text);
    ipc_send(l->master, IPC_TROUBLE, 0, text, -1);
}

/* Who is to blame is remembered; the third time in a minute the module is taken out. SIGKILL and
 * SIGTERM come from outside, unless it was the loader that lost patience. */
static void blame(struct loader *l, const struct worker *worker, int status)
{
    const struct module *module = running_slot(worker->slot)->module;
    int signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    postmortem_count(module, "deaths");
    if (!module || (!worker->stalled && (signo == SIGKILL || signo == SIGTERM)) ||
        !postmortem_is_enough(module, clock_now.ms)) {
        return;
    }
    if (!quarantine_is_possible(module)) {
        log_error("module %.*s kills workers again and again, and cannot be taken out: connections "
                  "need it", (int)module->name.n, module->name.p);
        return;
    }
    ipc_send(l->master, IPC_QUARANTINE, 0, module->desc->name, -1);
}

static void release_slot(struct worker *worker)
{
    if (worker->slot) {
        metrics_release_slot(worker->slot);
        running_release_slot(worker->slot);
        worker->slot = 0;
    }
}

static void worker_died(struct loader *l, struct worker *worker, int status)
{
    bool is_ours = l->ending && (WIFEXITED(status) || WTERMSIG(status) == SIGKILL ||
                                 WTERMSIG(status) == SIGTERM);

    close(worker->sock);
    worker->sock = -1;
    if (!is_ours) {
        log_death(l, worker, status);
        blame(l, worker, status);
    }
    release_slot(worker);
    worker->pid = 0;
    if (l->ending) {
        return;
    }
    if (clock_now.ms - worker->started_ms >= QUICK_DEATH_MS) {
        worker->backoff_ms = 0;
    } else {
        worker->backoff_ms = worker->backoff_ms ? worker->backoff_ms * 2 : BACKOFF_FIRST_MS;
        if (worker->backoff_ms > BACKOFF_MAX_MS) {
            worker->backoff_ms = BACKOFF_MAX_MS;
        }
    }
    worker->start_at_ms = clock_now.ms + worker->backoff_ms;
}

/* ---- commands ---- */

static void start_errand(struct loader *l, const char *line, struct control_client client)
{
    static const char busy[] = "too many commands run: try again\n";

    for (size_t i = 0; i < COMMANDS_MAX; i++) {
        struct errand *errand = &l->errands[i];

        if (errand->pid == 0) {
            pid_t pid = command_start(&l->config, line, client, l->master);

            errand->pid = pid > 0 ? pid : 0;
            snprintf(errand->line, sizeof(errand->line), "%.99s", line);
            return;
        }
    }
    command_answer(client, false, busy, sizeof(busy) - 1);
}

static void errand_ended(struct loader *l, pid_t pid, int status)
{
    for (size_t i = 0; i < COMMANDS_MAX; i++) {
        struct errand *errand = &l->errands[i];

        if (errand->pid != pid) {
            continue;
        }
        errand->pid = 0;
        if (WIFSIGNALED(status)) {
            log_error("the process of the command \"%s\" died of signal %d (%s)", errand->line,
                      WTERMSIG(status), strsignal(WTERMSIG(status)));
        }
    }
}

static void reap(struct loader *l)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        errand_ended(l, pid, status);
        for (uint32_t i = 0; i < l->worker_n; i++) {
            if (l->workers[i].pid == pid) {
                worker_died(l, &l->workers[i], status);
            }
        }
    }
}

static unsigned workers_left(const struct loader *l)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < l->worker_n; i++) {
        n += l->workers[i].pid != 0;
    }
    return n;
}

static void tell_workers(const struct loader *l, enum ipc_type type, uint32_t index)
{
    for (uint32_t i = 0; i < l->worker_n; i++) {
        if (l->workers[i].pid) {
            ipc_send(l->workers[i].sock, type, index, NULL, -1);
        }
    }
}

static void kill_workers(const struct loader *l, int signo)
{
    for (uint32_t i = 0; i < l->worker_n; i++) {
        if (l->workers[i].pid) {
            kill(l->workers[i].pid, signo);
        }
    }
}

/* ---- the loop ---- */

static void begin_end(struct loader *l, enum ipc_type type, uint32_t index)
{
    uint64_t grace_ms = type == IPC_DRAIN ? l->config.server.drain_timeout_ms : 2000;

    l->ending = true;
    l->kill_at_ms = clock_now.ms + (grace_ms ? grace_ms : 1);
    tell_workers(l, type, index);
}

static void reopen(struct loader *l)
{
    struct privilege privilege;
    char error[256];

    /* Files are made here, as root, and given to the workers, who could not make them. */
    log_reopen_all();
    for (uint32_t i = 0; i < l->config.registry.module_n; i++) {
        const weir_module *desc = l->config.registry.modules[i]->desc;

        if (desc->reopen) {
            desc->reopen();
        }
    }
    if (privilege_find(&l->config.server, &privilege, error, sizeof(error)) && privilege.drops) {
        log_chown_all(privilege.uid, privilege.gid);
    }
    tell_workers(l, IPC_REOPEN, 0);
}

/* Another generation takes new connections for now; this one is kept, in case that one fails. */
static void pause_workers(struct loader *l, bool pauses)
{
    l->paused = pauses;
    l->drain_told = false;
    for (uint32_t i = 0; i < l->worker_n; i++) {
        l->workers[i].draining = false;
    }
    tell_workers(l, pauses ? IPC_PAUSE : IPC_RESUME, 0);
}

static void on_master(struct loader *l)
{
    struct ipc_message message;
    int fd;

    if (ipc_recv(l->master, &message, &fd) != 0) {
        close(l->master);
        l->master = -1;
        begin_end(l, IPC_STOP, 0);
        return;
    }
    if (message.type == IPC_COMMAND && fd >= 0) {
        start_errand(l, message.text, (struct control_client){fd, message.index != 0});
    }
    if (fd >= 0) {
        close(fd);
    }
    if (message.type == IPC_DRAIN || message.type == IPC_STOP) {
        begin_end(l, (enum ipc_type)message.type, message.index);
    } else if (message.type == IPC_REOPEN) {
        reopen(l);
    } else if (message.type == IPC_PAUSE || message.type == IPC_RESUME) {
        pause_workers(l, message.type == IPC_PAUSE);
    } else if (message.type == IPC_KEEP) {
        last_good_save(&l->config);
    } else if (message.type == IPC_LIMIT) {
        l->max_5xx = message.index;
        l->health_at_ms = clock_now.ms;
    }
}

static void on_worker(struct loader *l, struct worker *worker)
{
    struct ipc_message message;
    int fd;

    if (ipc_recv(worker->sock, &message, &fd) != 0) {
        return; /* waitpid() will tell */
    }
    worker->ready = worker->ready || message.type == IPC_READY;
    if (message.type == IPC_READY && l->paused) {
        ipc_send(worker->sock, IPC_PAUSE, 0, NULL, -1);
    }
    worker->draining = worker->draining || message.type == IPC_DRAINING;
    for (uint32_t i = 0; i < l->worker_n; i++) {
        if (!l->workers[i].ready) {
            return;
        }
    }
    if (!l->announced) {
        char sites[16];

        l->announced = true;
        snprintf(sites, sizeof(sites), "%u", l->config.site_n);
        ipc_send(l->master, IPC_READY, l->worker_n, sites, -1);
    }
}

/* Once no worker accepts any more, the new generation alone decides about new connections. */
static void tell_draining(struct loader *l)
{
    for (uint32_t i = 0; i < l->worker_n; i++) {
        if (l->workers[i].pid && !l->workers[i].draining) {
            return;
        }
    }
    if (!l->drain_told && l->master >= 0) {
        l->drain_told = true;
        ipc_send(l->master, IPC_DRAINING, 0, NULL, -1);
    }
}

static void send_told(void *arg, uint32_t module, int fd)
{
    const struct loader *l = arg;

    for (uint32_t i = 0; i < l->worker_n; i++) {
        if (l->workers[i].pid) {
            ipc_send(l->workers[i].sock, IPC_TOLD, module, NULL, fd);
        }
    }
}

static int wait_ms(const struct loader *l)
{
    uint64_t due = l->ending ? l->kill_at_ms : l->watch_at_ms; /* 0: nothing */

    if (l->health_at_ms && !l->ending && (due == 0 || l->health_at_ms < due)) {
        due = l->health_at_ms;
    }
    if (l->stall_at_ms && (due == 0 || l->stall_at_ms < due)) {
        due = l->stall_at_ms;
    }

    for (uint32_t i = 0; i < l->worker_n && !l->ending; i++) {
        uint64_t at = l->workers[i].start_at_ms;

        if (l->workers[i].pid == 0 && at && (due == 0 || at < due)) {
            due = at;
        }
    }
    if (due == 0) {
        return -1;
    }
    return due <= clock_now.ms ? 0 : (int)(due - clock_now.ms) + 1;
}

/* It wants to run and could not: the machine is busy, or stood still. That is no fault of its. */
static bool is_starved(const struct loader *l, const struct worker *worker)
{
    struct cpu cpu;

    return cpu_of(worker->pid, &cpu) && cpu.runs &&
           cpu.ms - worker->turn_cpu_ms < l->config.server.stall_timeout_ms / 2;
}

/* A loop that is awake and does not turn is stuck. It cannot say so itself, so it is looked at from
 * here; SIGABRT lets its handler note where it is. */
static void look_at(struct loader *l, struct worker *worker)
{
    const struct running *slot = running_slot(worker->slot);
    char where[POSTMORTEM_TEXT], text[POSTMORTEM_TEXT + 100];
    struct cpu cpu;

    if (!worker->pid || !worker->ready || !worker->slot) {
        return;
    }
    if (!slot->awake || slot->turn != worker->turn || worker->turn_since_ms == 0) {
        worker->turn = slot->turn;
        worker->turn_since_ms = clock_now.ms;
        worker->turn_cpu_ms = cpu_of(worker->pid, &cpu) ? cpu.ms : 0;
        return;
    }
    uint64_t stuck_ms = clock_now.ms - worker->turn_since_ms;
    if (stuck_ms < l->config.server.stall_timeout_ms || is_starved(l, worker)) {
        return;
    }
    if (worker->stalled) {
        kill(worker->pid, SIGKILL);
        return;
    }
    postmortem_where(slot, where);
    snprintf(text, sizeof(text), "worker %d is stuck for %llu ms %s: it is ended", (int)worker->pid,
             (unsigned long long)stuck_ms, where);
    log_error("%s", text);
    ipc_send(l->master, IPC_TROUBLE, 1, text, -1);
    postmortem_count(slot->module, "stalls");
    worker->stalled = true;
    kill(worker->pid, SIGABRT);
}

static void look_for_stalls(struct loader *l)
{
    uint64_t interval_ms = l->config.server.stall_timeout_ms / 4;

    for (uint32_t i = 0; i < l->worker_n; i++) {
        look_at(l, &l->workers[i]);
    }
    l->stall_at_ms = clock_now.ms + (interval_ms > 50 ? interval_ms : 50);
}

/* Is this generation worse than the master was told to bear? */
static void look_at_health(struct loader *l)
{
    int64_t all = 0, failed = 0;

    for (uint32_t i = 0; i < l->worker_n; i++) {
        const struct worker *worker = &l->workers[i];
        int64_t of_slot, failed_of_slot;

        if (worker->slot) {
            traffic_of_slot(worker->slot, &of_slot, &failed_of_slot);
            all += of_slot - worker->responses;
            failed += failed_of_slot - worker->failed;
        }
    }
    l->health_at_ms = clock_now.ms + HEALTH_MS;
    if (all >= HEALTH_LEAST && failed * 10000 > all * (int64_t)l->max_5xx) {
        char text[100];

        snprintf(text, sizeof(text), "%lld of its %lld answers had a status of 500 and up",
                 (long long)failed, (long long)all);
        ipc_send(l->master, IPC_UNHEALTHY, 0, text, -1);
        l->health_at_ms = 0;
    }
}

static void do_what_is_due(struct loader *l)
{
    if (l->health_at_ms && l->health_at_ms <= clock_now.ms && !l->ending) {
        look_at_health(l);
    }
    if (l->stall_at_ms && l->stall_at_ms <= clock_now.ms) {
        look_for_stalls(l);
    }
    if (l->kill_at_ms && l->kill_at_ms <= clock_now.ms) {
        log_warn("%u workers did not end in time and are killed", workers_left(l));
        kill_workers(l, SIGKILL);
        l->kill_at_ms = clock_now.ms + 1000;
    }
    if (l->watch_at_ms && l->watch_at_ms <= clock_now.ms && !l->ending) {
        watch_run(&l->config.registry, send_told, l);
        l->watch_at_ms = clock_now.ms + WATCH_MS;
    }
    for (uint32_t i = 0; i < l->worker_n && !l->ending; i++) {
        struct worker *worker = &l->workers[i];

        if (worker->pid == 0 && worker->start_at_ms && worker->start_at_ms <= clock_now.ms) {
            start_worker(l, i);
        }
    }
}

static void supervise(struct loader *l, int signals)
{
    struct pollfd *polls = mem_zalloc((l->worker_n + 2) * sizeof(*polls));

    while (!l->ending || workers_left(l) > 0) {
        polls[0] = (struct pollfd){.fd = signals, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = l->master, .events = POLLIN};
        for (uint32_t i = 0; i < l->worker_n; i++) {
            polls[i + 2] = (struct pollfd){
                .fd = l->workers[i].pid ? l->workers[i].sock : -1, .events = POLLIN};
        }
        clock_update();
        poll(polls, l->worker_n + 2, wait_ms(l));
        clock_update();
        if (polls[0].revents) {
            struct signalfd_siginfo info;
            ssize_t n = read(signals, &info, sizeof(info));

            (void)n;
        }
        for (uint32_t i = 0; i < l->worker_n; i++) {
            if (polls[i + 2].revents & POLLIN && l->workers[i].pid) {
                on_worker(l, &l->workers[i]);
            }
        }
        reap(l);
        if (polls[1].revents) {
            on_master(l);
        }
        do_what_is_due(l);
        if (l->ending || l->paused) {
            tell_draining(l);
        }
    }
    free(polls);
}

static int block_signals(void)
{
    sigset_t set;

    /* Those of the terminal go to the master; here only children matter. */
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void open_default_log(struct loader *l)
{
    const struct server_conf *server = &l->config.server;
    struct log *log =
        log_open(server->error_log_path.n ? server->error_log_path.p : NULL,
                 (weir_log_level)server->error_log_level);

    if (!log) {
        log_error("error_log %s: %s: lines go to standard error", server->error_log_path.p,
                  strerror(errno));
        return;
    }
    log_default = log;
}

static void make_temp_folder(const struct loader *l, const struct privilege *privilege)
{
    const char *path = l->config.server.temp_path.n ? l->config.server.temp_path.p : NULL;

    if (!path) {
        return;
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        log_warn("server.temp_path %s: %s", path, strerror(errno));
    } else if (privilege->drops && chown(path, privilege->uid, privilege->gid) != 0) {
        log_warn("server.temp_path %s cannot be given to the worker user: %s", path,
                 strerror(errno));
    }
    spill_set_folder(path);
}

static void keep_zone(void *arg, const char *name, int fd)
{
    const struct loader *l = arg;

    ipc_send(l->master, IPC_ZONE, 0, name, fd);
}

/* The number of server.control_group as text, or nothing. */
static bool find_control_group(const struct loader *l, char out[24], char *error, size_t error_size)
{
    gid_t gid;

    out[0] = '\0';
    if (l->config.server.control_group.n == 0) {
        return true;
    }
    if (!privilege_find_group("server.control_group", l->config.server.control_group.p, &gid, error,
                              error_size)) {
        return false;
    }
    snprintf(out, 24, "%lu", (unsigned long)gid);
    return true;
}

static bool prepare(struct loader *l, const char *config_path)
{
    struct privilege privilege;
    char text[512], control_group[24];

    if (!config_load(&l->config, config_path, host_tables())) {
        return refuse_config(l);
    }
    if (!privilege_find(&l->config.server, &privilege, text, sizeof(text)) ||
        !find_control_group(l, control_group, text, sizeof(text))) {
        return refuse(l, "%s\n", text);
    }
    l->worker_n = (uint32_t)l->config.server.workers;
    l->workers = mem_zalloc(l->worker_n * sizeof(*l->workers));
    if (!open_sockets(l)) {
        return false;
    }
    open_default_log(l);
    make_temp_folder(l, &privilege);
    if (!metrics_open() || !running_open()) {
        return refuse(l, "no shared memory for metrics: %s\n", strerror(errno));
    }
    if (!config_commit(&l->config)) {
        return refuse_config(l);
    }
    quarantine_apply(&l->config, l->quarantined);
    zones_complete(keep_zone, l);
    l->stall_at_ms = l->config.server.stall_timeout_ms ? clock_now.ms : 0;
    if (privilege.drops) {
        log_chown_all(privilege.uid, privilege.gid);
    }
    snprintf(text, sizeof(text), "%s\n%s\n%s",
             l->config.server.pid_file.p ? l->config.server.pid_file.p : "",
             l->config.server.control.p ? l->config.server.control.p : "", control_group);
    ipc_send(l->master, IPC_PATHS, 0, text, -1);
    return true;
}

int loader_main(const char *config_path, int sock)
{
    struct loader l = {.master = sock, .lobby = {-1, -1}};
    int signals = block_signals();

    clock_update();
    if (!receive_sockets(&l) || !prepare(&l, config_path)) {
        return 1;
    }
    if (l.config.diag.warnings) {
        diag_print(&l.config.diag, stderr);
    }
    for (uint32_t i = 0; i < l.worker_n; i++) {
        start_worker(&l, i);
    }
    if (watch_is_wanted(&l.config.registry)) {
        l.watch_at_ms = clock_now.ms + WATCH_MS;
    }
    supervise(&l, signals);
    if (l.master >= 0) {
        ipc_send(l.master, IPC_GONE, 0, NULL, -1);
    }
    return 0;
}
