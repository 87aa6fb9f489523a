/* SPDX-License-Identifier: Apache-2.0 */
/* process/master_state.h - what the master knows, and how it survives the master's executing another
 * binary in its place: descriptors stay open, the rest goes through a memory file as lines of text. */
#ifndef PROCESS_MASTER_STATE_H
#define PROCESS_MASTER_STATE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "process/control.h"
#include "process/held.h"

/* The hidden first arguments: weir MASTER_ARGUMENT FD goes on from a state; weir CHECK_ARGUMENT says
 * which states this binary can go on from. */
#define MASTER_ARGUMENT "--master"
#define CHECK_ARGUMENT "--master-state"
#define MASTER_STATE "weir-master-1"

/* A loader and its workers. */
struct generation {
    struct generation *next; /* older */
    unsigned number;
    pid_t pid;
    int sock;
    bool ready, refused;
    bool stopped;            /* it was told to end at once */
    bool accepts;            /* takes connections, or may still do so */
    bool is_last_good;       /* its configuration is that of --last-good */
    time_t since;
    uint32_t workers, sites; /* sites 0: not known, it is from before another binary took over */
    uint32_t deaths, stalls; /* of workers */
    time_t trouble_at;       /* the last of them, and what the log says of it */
    char trouble[200];
};

struct master {
    const char *config_path;
    char self[4096];         /* the binary: a new one on disk is what the next loader runs */
    struct held sockets, zones;
    int lobby[2];            /* what draining workers give: out of it, into it */
    struct generation *newest;
    struct generation *serving; /* NULL: none yet, or it died */
    struct generation *before;  /* waits while the serving one is on probation; NULL: it is not */
    uint64_t confirm_at_ms;     /* when probation ends badly */
    uint64_t confirm_ms;        /* for the next generation; 0: none */
    uint32_t max_5xx;           /* of 10000, for the same; UINT32_MAX: any */
    unsigned counter;
    struct control control;
    char pid_path[1024];
    char quarantined[512];   /* modules that generations leave out, until a reload is asked for */
    char secret[65];         /* 32 bytes as hexadecimal digits */
    int ready_fd;
    bool ending;
    bool reload_wanted;      /* as soon as may be */
    uint64_t reload_wanted_ms; /* since when */
    uint64_t restart_at_ms;  /* 0: not waiting to start a generation */
    uint64_t restart_ms;
    int status;
};

/* Makes the memory file, and leaves all that is in it open for the next image. Its descriptor, or a
 * negative errno. */
int master_save(const struct master *m);
/* Undoes the latter, when there was no next image. */
void master_keep(const struct master *m);
/* False: it is not what this binary can read. Takes `fd`. */
bool master_restore(struct master *m, int fd);

#endif
