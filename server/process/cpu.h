/* SPDX-License-Identifier: Apache-2.0 */
/* process/cpu.h - how much of the machine a process has had. */
#ifndef PROCESS_CPU_H
#define PROCESS_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cpu {
    uint64_t ms; /* of CPU time that the process has had */
    bool runs;   /* it runs, or waits for a processor; false: for something else */
};

/* False: not known. */
bool cpu_of(pid_t pid, struct cpu *cpu);

#endif
