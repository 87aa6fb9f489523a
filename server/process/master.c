/* SPDX-License-Identifier: Apache-2.0 */
#include "process/master.h"

#include <errno.h>
#include <sys/random.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "process/ipc.h"
#include "process/last_good.h"
#include "process/loader.h"
#include "process/master_state.h"
#include "process/notify.h"
#include "process/pidfile.h"

#define RESTART_FIRST_MS 100
#define RESTART_MAX_MS 5000
#define ENDING_FEW 2          /* a reload waits while more generations than this are ending */
#define ENDING_WAIT_MS 10000  /* for so long */
#define ENDING_MAX 8          /* more than these never are: the oldest does not end its connections */

/* ---- generations ---- */

static void send_held(const struct master *m, const struct generation *g)
{
    for (uint32_t i = 0; i < m->sockets.n; i++) {
        const struct held_fd *socket = &m->sockets.list[i];

        ipc_send(g->sock, IPC_SOCKET, socket->index, socket->name, socket->fd);
    }
    for (uint32_t i = 0; i < m->zones.n; i++) {
        ipc_send(g->sock, IPC_ZONE, 0, m->zones.list[i].name, m->zones.list[i].fd);
    }
    ipc_send(g->sock, IPC_LOBBY, 0, NULL, m->lobby[0]);
    ipc_send(g->sock, IPC_LOBBY, 1, NULL, m->lobby[1]);
    if (m->quarantined[0]) {
        ipc_send(g->sock, IPC_QUARANTINE, 0, m->quarantined, -1);
    }
    ipc_send(g->sock, IPC_SECRET, 0, m->secret, -1);
    ipc_send(g->sock, IPC_SOCKETS_END, g->number, NULL, -1);
}

/* What modules make keys from (of session tickets): it outlives generations, and never leaves
 * memory. */
static void make_secret(struct master *m)
{
    unsigned char bytes[sizeof(m->secret) / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
        log_error("getrandom: %s", strerror(errno));
        exit(1);
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        snprintf(m->secret + 2 * i, 3, "%02x", bytes[i]);
    }
}

static _Noreturn void exec_loader(const struct master *m, const char *config_path, int sock)
{
    char fd[16];
    sigset_t none;

    fcntl(sock, F_SETFD, 0);
    snprintf(fd, sizeof(fd), "%d", sock);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl(m->self, "weir", LOADER_ARGUMENT, fd, config_path, (char *)NULL);
    log_error("%s cannot be executed: %s", m->self, strerror(errno));
    _exit(127);
}

static struct generation *start_generation_of(struct master *m, const char *config_path)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("socketpair: %s", strerror(errno));
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0) {
        exec_loader(m, config_path, pair[1]);
    }
    close(pair[1]);
    if (pid < 0) {
        log_error("fork: %s", strerror(errno));
        close(pair[0]);
        return NULL;
    }
    struct generation *g = mem_zalloc(sizeof(*g));
    *g = (struct generation){
        .next = m->newest, .number = ++m->counter, .pid = pid, .sock = pair[0]};
    m->newest = g;
    send_held(m, g);
    return g;
}

static struct generation *start_generation(struct master *m)
{
    return start_generation_of(m, m->config_path);
}

static void tell_ready(struct master *m, char status)
{
    if (m->ready_fd >= 0) {
        ssize_t n = write(m->ready_fd, &status, 1);

        (void)n;
        close(m->ready_fd);
        m->ready_fd = -1;
    }
}

/* A reload is done when the new generation accepts and no older one does: from then on every new
 * connection meets the new configuration. */
static void answer_reload(struct master *m)
{
    for (const struct generation *g = m->newest; g; g = g->next) {
        if (g != m->serving && g->accepts) {
            return;
        }
    }
    if (m->serving) {
        control_answer_waiters(&m->control, m->serving->number,
                               "ok generation %u serves%s\n", m->serving->number,
                               m->before ? " until weir -s confirm, or no longer" : "");
    }
}

/* ---- generations that are ending ---- */

static bool is_ending(const struct master *m, const struct generation *g)
{
    return g->ready && g != m->serving && g != m->before;
}

static unsigned ending_count(const struct master *m)
{
    unsigned n = 0;

    for (const struct generation *g = m->newest; g; g = g->next) {
        n += is_ending(m, g);
    }
    return n;
}

/* Connections that can neither move nor end (tunnels through TLS) hold their generation for up to
 * drain_timeout; there must be a bound all the same to what that costs. */
static void limit_ending(struct master *m)
{
    struct generation *oldest = NULL;

    if (ending_count(m) <= ENDING_MAX) {
        return;
    }
    for (struct generation *g = m->newest; g; g = g->next) {
        oldest = is_ending(m, g) && !g->stopped ? g : oldest;
    }
    if (oldest) {
        log_warn("generation %u still has connections and is the oldest of more than %d that are "
                 "ending: it ends now", oldest->number, ENDING_MAX);
        oldest->stopped = true;
        ipc_send(oldest->sock, IPC_STOP, 0, NULL, -1);
    }
}

/* ---- the service manager ---- */

/* `more` (may be empty) is what else there is to say. */
static void tell_serving(const struct master *m, const char *more)
{
    const struct generation *g = m->serving;
    char state[200];

    if (g->sites) {
        snprintf(state, sizeof(state), "READY=1\nSTATUS=Serving %u site%s with %u worker%s%s\n", g->sites,
                 g->sites == 1 ? "" : "s", g->workers, g->workers == 1 ? "" : "s", more);
    } else {
        snprintf(state, sizeof(state), "READY=1\nSTATUS=Serving%s\n", more);
    }
    notify_state(state);
}

/* ---- probation: weir -s reload --confirm ---- */

static void begin_probation(struct master *m, struct generation *before)
{
    m->before = before;
    m->confirm_at_ms = clock_now.ms + m->confirm_ms;
    ipc_send(before->sock, IPC_PAUSE, 0, NULL, -1);
    if (m->max_5xx != UINT32_MAX) {
        ipc_send(m->serving->sock, IPC_LIMIT, m->max_5xx, NULL, -1);
    }
}

static void confirm(struct master *m)
{
    ipc_send(m->before->sock, IPC_DRAIN, 1, NULL, -1);
    m->before = NULL;
    m->confirm_at_ms = 0;
}

/* It has proved itself. */
static void keep(const struct generation *g)
{
    if (last_good_path() && !g->is_last_good) {
        ipc_send(g->sock, IPC_KEEP, 0, NULL, -1);
    }
}

/* The generation before takes over again. What has failed drains. */
static void go_back(struct master *m, const char *why)
{
    struct generation *failed = m->serving;

    m->serving = m->before;
    m->before = NULL;
    m->confirm_at_ms = 0;
    m->serving->accepts = true;
    ipc_send(m->serving->sock, IPC_RESUME, 0, NULL, -1);
    log_error("generation %u is taken back, since %s; generation %u serves again. The files still "
              "hold what was taken back", failed ? failed->number : m->counter, why,
              m->serving->number);
    if (failed) {
        ipc_send(failed->sock, IPC_DRAIN, 1, NULL, -1);
    }
    tell_serving(m, "; the last reload was taken back");
}

static void become_serving(struct master *m, struct generation *g)
{
    struct generation *before = m->serving;

    m->serving = g;
    g->ready = g->accepts = true;
    g->since = time(NULL);
    m->restart_ms = 0;
    if (m->before) {
        confirm(m); /* whoever goes on from there means it */
    }
    if (before && m->confirm_ms) {
        begin_probation(m, before);
    } else {
        keep(g);
        if (before) {
            ipc_send(before->sock, IPC_DRAIN, 1, NULL, -1);
        }
    }
    tell_serving(m, g->is_last_good ? "; the configuration was refused, this is the last good one" : "");
    tell_ready(m, 0);
    limit_ending(m);
    answer_reload(m);
}

/* Nothing serves yet, and there is a configuration that did. */
static bool begin_with_last_good(struct master *m, const struct generation *refused)
{
    if (m->serving || m->ending || refused->is_last_good || !last_good_exists()) {
        return false;
    }
    struct generation *g = start_generation_of(m, last_good_path());
    if (!g) {
        return false;
    }
    g->is_last_good = true;
    log_error("the configuration was refused: starting with the last good one, %s. A reload takes the "
              "mended files", last_good_path());
    return true;
}

static void refuse_generation(struct master *m, struct generation *g, const char *why)
{
    g->refused = true;
    fputs(why, stderr);
    if (m->serving) {
        log_error("the new configuration was refused; the old one goes on");
    }
    if (m->serving) {
        tell_serving(m, "; the last reload was refused");
    } else {
        notify_state("STATUS=The configuration was refused\n");
    }
    control_answer_waiters(&m->control, g->number, "error\n%s", why);
    if (!m->serving && !begin_with_last_good(m, g)) {
        m->status = 1;
        m->ending = true;
    }
}

static bool is_loading(const struct master *m)
{
    return m->newest && !m->newest->ready && !m->newest->refused;
}

static void begin_reload(struct master *m)
{
    m->reload_wanted = false;
    m->quarantined[0] = '\0';
    notify_reloading();
    if (!start_generation(m)) {
        control_answer_waiters(&m->control, m->counter + 1,
                               "error\nno process could be started\n");
        if (m->serving) {
            tell_serving(m, "; no process could be started for the last reload");
        }
    }
}

/* Generations that are ending each hold a set of workers. In a burst of reloads those of the first
 * ones would pile up, so the later ones wait a little for them; what cannot end soon is bounded by
 * limit_ending(). */
static bool may_reload(const struct master *m)
{
    return !is_loading(m) &&
           (ending_count(m) <= ENDING_FEW || m->reload_wanted_ms + ENDING_WAIT_MS <= clock_now.ms);
}

/* One that is being loaded may have read the files before they were changed: another follows. */
static void reload(struct master *m)
{
    control_wait(&m->control, m->counter + 1);
    if (!m->reload_wanted) {
        m->reload_wanted = true;
        m->reload_wanted_ms = clock_now.ms;
    }
    if (may_reload(m)) {
        begin_reload(m);
    }
}

static void stop(struct master *m, enum ipc_type type)
{
    notify_state("STOPPING=1\n");
    m->ending = true;
    m->restart_at_ms = 0;
    for (struct generation *g = m->newest; g; g = g->next) {
        ipc_send(g->sock, type, 0, NULL, -1);
    }
}

static void reopen(struct master *m)
{
    for (struct generation *g = m->newest; g; g = g->next) {
        ipc_send(g->sock, IPC_REOPEN, 0, NULL, -1);
    }
}

/* A module kills workers again and again: a generation without it takes over. */
static void quarantine(struct master *m, const char *module)
{
    size_t n = strlen(m->quarantined);

    if (strstr(m->quarantined, module) || n + strlen(module) + 2 > sizeof(m->quarantined)) {
        return;
    }
    snprintf(m->quarantined + n, sizeof(m->quarantined) - n, "%s%s", n ? " " : "", module);
    log_error("module %s is in quarantine: workers died in it three times within a minute. Routes "
              "that cannot do without it answer 503, others go on. A reload lets it in again", module);
    if (!m->ending && !is_loading(m)) {
        start_generation(m);
    }
}

static void take_paths(struct master *m, char *text)
{
    char *control = strchr(text, '\n');
    char *group = control ? strchr(control + 1, '\n') : NULL;

    if (!group) {
        return;
    }
    *control++ = '\0';
    *group++ = '\0';
    if (strcmp(m->pid_path, text) != 0 && strlen(text) < sizeof(m->pid_path)) {
        pidfile_remove(m->pid_path);
        memcpy(m->pid_path, text, strlen(text) + 1);
        pidfile_write(m->pid_path);
    }
    control_listen(&m->control, control, *group ? (gid_t)strtoul(group, NULL, 10) : (gid_t)-1);
}

static void on_loader(struct master *m, struct generation *g)
{
    struct ipc_message message;
    int fd;

    if (ipc_recv(g->sock, &message, &fd) != 0) {
        return; /* waitpid() will tell */
    }
    switch (message.type) {
    case IPC_SOCKET:
        held_put(&m->sockets, message.text, message.index, fd, g->number);
        return;
    case IPC_ZONE:
        held_put(&m->zones, message.text, 0, fd, g->number);
        return;
    case IPC_PATHS:
        take_paths(m, message.text);
        break;
    case IPC_READY:
        g->workers = message.index;
        g->sites = (uint32_t)strtoul(message.text, NULL, 10);
        become_serving(m, g);
        break;
    case IPC_DRAINING:
        g->accepts = false;
        answer_reload(m);
        break;
    case IPC_QUARANTINE:
        quarantine(m, message.text);
        break;
    case IPC_TROUBLE:
        *(message.index ? &g->stalls : &g->deaths) += 1;
        g->trouble_at = time(NULL);
        snprintf(g->trouble, sizeof(g->trouble), "%.199s", message.text);
        break;
    case IPC_UNHEALTHY:
        if (m->before && g == m->serving) {
            go_back(m, message.text);
        }
        break;
    case IPC_FAILED:
        refuse_generation(m, g, message.text);
        break;
    default:
        break;
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* What the loader said last may still be unread. */
static void drain_messages(struct master *m, struct generation *g)
{
    struct pollfd p = {.fd = g->sock, .events = POLLIN};

    while (poll(&p, 1, 0) > 0 && p.revents & POLLIN) {
        char byte;

        if (recv(g->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
            return;
        }
        on_loader(m, g);
    }
}

static void generation_died(struct master *m, struct generation *g, int status)
{
    struct generation **at = &m->newest;
    bool was_serving = m->serving == g;
    bool was_loading = !g->ready && !g->refused;

    while (*at != g) {
        at = &(*at)->next;
    }
    *at = g->next;
    close(g->sock);
    if (m->before == g) {
        m->before = NULL;
        m->confirm_at_ms = 0;
    }
    if (was_serving) {
        m->serving = NULL;
    }
    if (was_serving && m->before && !m->ending) {
        go_back(m, "it died");
        was_serving = false;
    }
    if (was_loading && !m->ending) {
        control_answer_waiters(&m->control, g->number,
                               "error\nthe loader died while it was loading\n");
        if (m->serving) {
            tell_serving(m, "; the loader of the last reload died");
        }
    }
    if ((was_serving || (was_loading && !m->serving)) && !m->ending) {
        log_error("the loader %d died (%s %d); starting another one", (int)g->pid,
                  WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        m->restart_ms = m->restart_ms ? m->restart_ms * 2 : RESTART_FIRST_MS;
        m->restart_ms = m->restart_ms < RESTART_MAX_MS ? m->restart_ms : RESTART_MAX_MS;
        m->restart_at_ms = clock_now.ms + m->restart_ms;
    }
    free(g);
    answer_reload(m);
    if (m->newest && m->newest == m->serving && !m->newest->next) {
        held_drop_older(&m->sockets, m->newest->number);
        held_drop_older(&m->zones, m->newest->number);
    }
}

static void reap(struct master *m)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct generation *g = m->newest;

        while (g && g->pid != pid) {
            g = g->next;
        }
        if (g) {
            drain_messages(m, g);
            generation_died(m, g, status);
        }
    }
}

/* ---- another binary ---- */

/* Can what is on disk go on from here? It is asked before it is too late. */
static bool binary_can_go_on(const struct master *m)
{
    char answer[sizeof(MASTER_STATE)] = "";
    int pipe_fds[2], status;

    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipe_fds[1], STDOUT_FILENO);
        alarm(5);
        execl(m->self, "weir", CHECK_ARGUMENT, (char *)NULL);
        _exit(127);
    }
    close(pipe_fds[1]);
    ssize_t n = pid > 0 ? read(pipe_fds[0], answer, sizeof(answer) - 1) : -1;
    close(pipe_fds[0]);
    return pid > 0 && waitpid(pid, &status, 0) == pid && n == (ssize_t)sizeof(answer) - 1 &&
           strcmp(answer, MASTER_STATE) == 0;
}

/* Executes the binary on disk in this process's place; the new master starts a generation of its
 * own. Comes back only when that was not possible. */
static void upgrade(struct master *m)
{
    char fd[16];

    if (m->before || is_loading(m) || m->control.waiter_n) {
        control_answer(&m->control, "error\na generation is being loaded or on probation: try again\n");
        return;
    }
    if (!binary_can_go_on(m)) {
        control_answer(&m->control, "error\n%s cannot take over from this version: restart weir "
                       "instead\n", m->self);
        return;
    }
    int state = master_save(m);
    if (state < 0) {
        control_answer(&m->control, "error\nthe state cannot be saved: %s\n", strerror(-state));
        return;
    }
    snprintf(fd, sizeof(fd), "%d", state);
    execl(m->self, "weir", MASTER_ARGUMENT, fd, (char *)NULL);
    control_answer(&m->control, "error\n%s cannot be executed: %s\n", m->self, strerror(errno));
    master_keep(m);
    close(state);
}

/* ---- commands ---- */

static const char *state_of(const struct master *m, const struct generation *g)
{
    if (g == m->serving) {
        return "serving";
    }
    return g == m->before ? "kept" : g->refused ? "refused" : g->ready ? "draining" : "loading";
}

static void format_time(time_t at, char out[32])
{
    struct tm tm;

    snprintf(out, 32, "-");
    if (at && localtime_r(&at, &tm)) {
        strftime(out, 32, "%Y-%m-%dT%H:%M:%S%z", &tm);
    }
}

static bool is_healthy(const struct master *m)
{
    const struct generation *g = m->serving;

    return g && !m->quarantined[0] && g->deaths == 0 && g->stalls == 0;
}

static void write_status(const struct master *m, FILE *out)
{
    const struct generation *g = m->serving;
    unsigned draining = 0;
    char since[32], at[32];

    for (const struct generation *other = m->newest; other; other = other->next) {
        draining += other != g && other->ready;
    }
    format_time(g ? g->since : 0, since);
    fprintf(out, "state       %s\nmaster      %d\ngeneration  %u\nsince       %s\nloader      %d\n"
            "workers     %u\ndraining    %u\nconfig      %s\n",
            is_healthy(m) ? "serving" : g ? "DEGRADED" : "NOT SERVING", (int)getpid(),
            g ? g->number : 0, since, g ? (int)g->pid : 0, g ? g->workers : 0, draining,
            m->config_path);
    if (m->quarantined[0]) {
        fprintf(out, "QUARANTINE  %s\n", m->quarantined);
    }
    if (g && g->deaths + g->stalls) {
        format_time(g->trouble_at, at);
        fprintf(out, "TROUBLE     %u workers died, %u were stuck; the last at %s: %s\n", g->deaths,
                g->stalls, at, g->trouble);
    }
}

static void write_status_json(const struct master *m, FILE *out)
{
    struct json json = {.out = out};
    char since[32];

    json_open(&json, NULL, '{');
    json_bool(&json, "healthy", is_healthy(m));
    json_int(&json, "master", getpid());
    json_int(&json, "generation", m->serving ? m->serving->number : 0);
    json_text(&json, "config", m->config_path);
    json_text(&json, "quarantine", m->quarantined);
    json_open(&json, "generations", '[');
    for (const struct generation *g = m->newest; g; g = g->next) {
        format_time(g->since, since);
        json_open(&json, NULL, '{');
        json_int(&json, "generation", g->number);
        json_text(&json, "state", state_of(m, g));
        json_text(&json, "since", since);
        json_int(&json, "loader", g->pid);
        json_int(&json, "workers", g->workers);
        json_int(&json, "deaths", g->deaths);
        json_int(&json, "stalls", g->stalls);
        json_text(&json, "trouble", g->deaths + g->stalls ? g->trouble : NULL);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    fputc('\n', out);
}

static void answer_status(struct master *m, bool as_json)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (!out) {
        control_answer(&m->control, "error\nout of memory\n");
        return;
    }
    (as_json ? write_status_json : write_status)(m, out);
    fclose(out);
    control_answer(&m->control, "ok\n%s", text);
    free(text);
}

/* "reload", or "reload CONFIRM-MS MAX-5XX": milliseconds, and of 10000 answers (4294967295: any). */
static void reload_command(struct master *m, const char *arguments)
{
    unsigned long long confirm_ms = 0;

    m->max_5xx = UINT32_MAX;
    if (sscanf(arguments, " %llu %u", &confirm_ms, &m->max_5xx) > 0 && m->before) {
        control_answer(&m->control, "error\ngeneration %u waits for weir -s confirm\n",
                       m->serving->number);
        return;
    }
    m->confirm_ms = confirm_ms;
    reload(m);
}

/* What only the generation that serves can answer. */
static void pass_on(struct master *m, const char *command)
{
    if (!m->serving) {
        control_answer(&m->control, "error\nno generation serves\n");
        return;
    }
    struct control_client client = control_give(&m->control);
    ipc_send(m->serving->sock, IPC_COMMAND, client.wants_json, command, client.fd);
    close(client.fd);
}

static void on_command(struct master *m, const char *command)
{
    if (strcmp(command, "reload") == 0 || strncmp(command, "reload ", 7) == 0) {
        reload_command(m, command + 6);
    } else if (strcmp(command, "confirm") == 0) {
        bool was_open = m->before;

        if (was_open) {
            confirm(m);
            keep(m->serving);
        }
        control_answer(&m->control, was_open ? "ok confirmed\n"
                                             : "error\nthere is nothing to confirm\n");
    } else if (strcmp(command, "upgrade") == 0) {
        upgrade(m);
    } else if (strcmp(command, "status") == 0 || strcmp(command, "status --json") == 0) {
        answer_status(m, command[6] != '\0');
    } else if (strcmp(command, "reopen") == 0) {
        reopen(m);
        control_answer(&m->control, "ok\n");
    } else if (strcmp(command, "stop") == 0 || strcmp(command, "quit") == 0) {
        control_answer(&m->control, "ok\n");
        stop(m, command[0] == 's' ? IPC_STOP : IPC_DRAIN);
    } else {
        pass_on(m, command);
    }
}

static void on_signal(struct master *m, int signals)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof(info)) == sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGHUP:
            m->confirm_ms = 0;
            reload(m);
            break;
        case SIGTERM:
        case SIGINT:
            stop(m, IPC_STOP);
            break;
        case SIGQUIT:
            stop(m, IPC_DRAIN);
            break;
        case SIGUSR1:
            reopen(m);
            break;
        default:
            break; /* SIGCHLD: reap() follows */
        }
    }
}

/* ---- the loop ---- */

static int take_signals(void)
{
    static const int ours[] = {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGCHLD};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        sigaddset(&set, ours[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int wait_ms(const struct master *m)
{
    uint64_t due = m->restart_at_ms;

    if (m->confirm_at_ms && (due == 0 || m->confirm_at_ms < due)) {
        due = m->confirm_at_ms;
    }
    uint64_t reload_ms = m->reload_wanted_ms + ENDING_WAIT_MS;
    if (m->reload_wanted && !is_loading(m) && (due == 0 || reload_ms < due)) {
        due = reload_ms;
    }
    uint64_t watchdog_ms = notify_watchdog();
    if (watchdog_ms && (due == 0 || watchdog_ms < due)) {
        due = watchdog_ms;
    }
    if (due == 0) {
        return -1;
    }
    return due <= clock_now.ms ? 0 : (int)(due - clock_now.ms) + 1;
}

static void turn(struct master *m, int signals)
{
    struct pollfd polls[64] = {{.fd = signals, .events = POLLIN},
                               {.fd = m->control.listen_fd, .events = POLLIN}};
    struct generation *generations[64];
    nfds_t n = 2;

    for (struct generation *g = m->newest; g && n < 64; g = g->next) {
        generations[n] = g;
        polls[n++] = (struct pollfd){.fd = g->sock, .events = POLLIN};
    }
    clock_update();
    poll(polls, n, wait_ms(m));
    clock_update();
    for (nfds_t i = 2; i < n; i++) {
        if (polls[i].revents & POLLIN) {
            on_loader(m, generations[i]);
        }
    }
    if (polls[1].revents & POLLIN) {
        static char command[CONTROL_LINE];

        if (control_accept(&m->control, command)) {
            on_command(m, command);
        }
    }
    on_signal(m, signals);
    reap(m);
    if (m->before && m->confirm_at_ms <= clock_now.ms) {
        go_back(m, "it was not confirmed in time");
    }
    if (m->restart_at_ms && m->restart_at_ms <= clock_now.ms) {
        m->restart_at_ms = 0;
        start_generation(m);
    }
    if (m->reload_wanted && !m->ending && may_reload(m)) {
        begin_reload(m);
    }
}

static int run(struct master *m)
{
    int signals = take_signals();

    clock_update();
    reap(m); /* who ended while another binary was being executed */
    control_wait(&m->control, m->counter + 1); /* who asked for that */
    if (!start_generation(m)) {
        return 1;
    }
    while (!(m->ending && !m->newest)) {
        turn(m, signals);
    }
    tell_ready(m, (char)m->status);
    control_close(&m->control);
    pidfile_remove(m->pid_path);
    return m->status;
}

int master_main(const char *config_path, int ready_fd)
{
    static struct master m;

    m = (struct master){.config_path = config_path, .ready_fd = ready_fd};
    make_secret(&m);
    control_init(&m.control);
    ssize_t n = readlink("/proc/self/exe", m.self, sizeof(m.self) - 1);
    if (n < 0) {
        log_error("/proc/self/exe: %s: weir needs /proc", strerror(errno));
        return 1;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, m.lobby) != 0) {
        log_error("socketpair: %s", strerror(errno));
        return 1;
    }
    return run(&m);
}

int master_go_on(int state)
{
    static struct master m;

    m = (struct master){.ready_fd = -1};
    control_init(&m.control);
    if (!master_restore(&m, state)) {
        log_error("the state of the master before cannot be read");
        return 1;
    }
    return run(&m);
}
