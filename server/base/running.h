/* SPDX-License-Identifier: Apache-2.0 */
/* base/running.h - whose code runs right now: for logs, for calls that come back from it, and, in
 * shared memory, for the loader, which tells after a worker's death or while its loop is stuck.
 *
 * Pointers in it are the worker's; they mean the same in its loader, since what they point to was
 * made before the fork. */
#ifndef BASE_RUNNING_H
#define BASE_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

struct module;
struct route;

#define RUNNING_SLOTS 256 /* of all generations; slot 0 is nobody's */

struct running {
    const struct module *module; /* whose function was called; NULL: the host itself */
    const struct route *route;   /* of the request at hand, while `place` says something */
    const char *place;           /* a phase's name, "content"; NULL: not in a request */
    uint64_t serial;             /* of the request */
    uint64_t id_base[2];         /* what this worker's request ids are made from */
    uint64_t turn;               /* of the loop */
    bool awake;                  /* false: the loop waits for events */

    /* by the signal handler */
    int signo;                   /* 0: no handler ran */
    bool has_fault;              /* memory was touched that is not there: `fault` */
    uintptr_t fault, pc;         /* its address; the instruction */

    /* by the loader */
    int pid;                     /* 0: free */
    unsigned generation, worker;
};

/* This process's; one that nobody else sees until running_use_slot(). Never NULL. */
extern struct running *running;

/* Callers put back what they found. */
#define module_running (running->module)

/* Maps the slots; once, in the loader. False with errno. */
bool running_open(void);
/* A free slot, marked as taken; 0: there is none. */
uint32_t running_take_slot(unsigned generation, unsigned worker);
void running_release_slot(uint32_t slot);
struct running *running_slot(uint32_t slot);
/* In the worker. */
void running_use_slot(uint32_t slot);
/* Notes in the slot what kills this process, and then lets it be killed. */
void running_catch_faults(void);

#endif
