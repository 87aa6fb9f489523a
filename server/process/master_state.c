/* SPDX-License-Identifier: Apache-2.0 */
#include "process/master_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

/* ---- descriptors ---- */

static void set_inherited(int fd, bool inherited)
{
    if (fd >= 0) {
        fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC);
    }
}

static void set_all_inherited(const struct master *m, bool inherited)
{
    for (uint32_t i = 0; i < m->sockets.n; i++) {
        set_inherited(m->sockets.list[i].fd, inherited);
    }
    for (uint32_t i = 0; i < m->zones.n; i++) {
        set_inherited(m->zones.list[i].fd, inherited);
    }
    for (const struct generation *g = m->newest; g; g = g->next) {
        set_inherited(g->sock, inherited);
    }
    set_inherited(m->lobby[0], inherited);
    set_inherited(m->lobby[1], inherited);
    set_inherited(m->control.listen_fd, inherited);
    set_inherited(m->control.client.fd, inherited);
}

void master_keep(const struct master *m)
{
    set_all_inherited(m, false);
}

/* ---- writing ---- */

static void write_held(FILE *out, const char *what, const struct held *held)
{
    for (uint32_t i = 0; i < held->n; i++) {
        const struct held_fd *one = &held->list[i];

        fprintf(out, "%s %d %u %u %s\n", what, one->fd, one->index, one->used_by, one->name);
    }
}

/* The oldest first, since each is put before those that are there. */
static void write_generations(FILE *out, const struct master *m, const struct generation *g)
{
    if (!g) {
        return;
    }
    write_generations(out, m, g->next);
    fprintf(out, "generation %d %u %d %d %d %d %lld %u %d\n", g->sock, g->number, (int)g->pid,
            g->ready, g->refused, g->accepts, (long long)g->since, g->workers, g == m->serving);
}

int master_save(const struct master *m)
{
    int fd = memfd_create("weir-master", 0);
    FILE *out = fd < 0 ? NULL : fdopen(dup(fd), "w");

    if (!out) {
        return -errno;
    }
    fprintf(out, "%s\nconfig %s\nself %s\npid %s\nsecret %s\ncounter %u\nlobby %d %d\n",
            MASTER_STATE, m->config_path, m->self, m->pid_path, m->secret, m->counter, m->lobby[0],
            m->lobby[1]);
    fprintf(out, "control %d %d %s\n", m->control.listen_fd, m->control.client.fd, m->control.path);
    fprintf(out, "control_json %d\n", m->control.client.wants_json);
    write_held(out, "socket", &m->sockets);
    write_held(out, "zone", &m->zones);
    write_generations(out, m, m->newest);
    if (fclose(out) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -EIO;
    }
    set_all_inherited(m, true);
    return fd;
}

/* ---- reading ---- */

static void read_held(struct held *held, const char *rest)
{
    unsigned index, used_by;
    int fd, at = 0;

    if (sscanf(rest, "%d %u %u %n", &fd, &index, &used_by, &at) == 3 && at) {
        held_put(held, rest + at, index, fd, used_by);
    }
}

static void read_generation(struct master *m, const char *rest)
{
    int sock, pid, ready, refused, accepts, serving;
    unsigned number, workers;
    long long since;

    if (sscanf(rest, "%d %u %d %d %d %d %lld %u %d", &sock, &number, &pid, &ready, &refused,
               &accepts, &since, &workers, &serving) != 9) {
        return;
    }
    struct generation *g = mem_zalloc(sizeof(*g));
    *g = (struct generation){.next = m->newest,
                             .number = number,
                             .pid = pid,
                             .sock = sock,
                             .ready = ready,
                             .refused = refused,
                             .accepts = accepts,
                             .since = (time_t)since,
                             .workers = workers};
    m->newest = g;
    m->serving = serving ? g : m->serving;
}

static void read_control(struct master *m, const char *rest)
{
    int at = 0;

    if (sscanf(rest, "%d %d %n", &m->control.listen_fd, &m->control.client.fd, &at) == 2 && at) {
        snprintf(m->control.path, sizeof(m->control.path), "%s", rest + at);
    }
}

static void read_line(struct master *m, const char *key, const char *rest)
{
    if (strcmp(key, "config") == 0) {
        m->config_path = mem_strdup(rest);
    } else if (strcmp(key, "self") == 0) {
        snprintf(m->self, sizeof(m->self), "%s", rest);
    } else if (strcmp(key, "pid") == 0) {
        snprintf(m->pid_path, sizeof(m->pid_path), "%s", rest);
    } else if (strcmp(key, "secret") == 0) {
        snprintf(m->secret, sizeof(m->secret), "%s", rest);
    } else if (strcmp(key, "counter") == 0) {
        m->counter = (unsigned)strtoul(rest, NULL, 10);
    } else if (strcmp(key, "lobby") == 0) {
        sscanf(rest, "%d %d", &m->lobby[0], &m->lobby[1]);
    } else if (strcmp(key, "control") == 0) {
        read_control(m, rest);
    } else if (strcmp(key, "control_json") == 0) {
        m->control.client.wants_json = *rest == '1';
    } else if (strcmp(key, "socket") == 0) {
        read_held(&m->sockets, rest);
    } else if (strcmp(key, "zone") == 0) {
        read_held(&m->zones, rest);
    } else if (strcmp(key, "generation") == 0) {
        read_generation(m, rest);
    }
}

bool master_restore(struct master *m, int fd)
{
    FILE *in = fdopen(fd, "r");
    char line[8192];

    if (!in || !fgets(line, sizeof(line), in) || strcmp(line, MASTER_STATE "\n") != 0) {
        return false;
    }
    while (fgets(line, sizeof(line), in)) {
        char *rest = strchr(line, ' ');

        line[strcspn(line, "\n")] = '\0';
        if (rest) {
            *rest++ = '\0';
            read_line(m, line, rest);
        }
    }
    fclose(in);
    set_all_inherited(m, false);
    return true;
}
