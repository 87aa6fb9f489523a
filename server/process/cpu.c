/* SPDX-License-Identifier: Apache-2.0 */
#include "process/cpu.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* proc(5): "PID (NAME) STATE", ten numbers, and then the ticks of user and of system time. The name
 * may hold anything. */
bool cpu_of(pid_t pid, struct cpu *cpu)
{
    char path[32], line[512];
    unsigned long long user, system;
    char state;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "re");
    if (!in) {
        return false;
    }
    bool is_read = fgets(line, sizeof(line), in) != NULL;
    fclose(in);
    const char *rest = is_read ? strrchr(line, ')') : NULL;
    if (!rest || sscanf(rest, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &state,
                        &user, &system) != 3) {
        return false;
    }
    cpu->ms = (user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
    cpu->runs = state == 'R';
    return true;
}
