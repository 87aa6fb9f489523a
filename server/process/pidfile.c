/* SPDX-License-Identifier: Apache-2.0 */
#include "process/pidfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "process/folder.h"

void pidfile_write(const char *path)
{
    if (path[0] == '\0') {
        return;
    }
    folder_make_for(path);
    FILE *file = fopen(path, "we");
    if (!file) {
        log_warn("server.pid_file %s: %s", path, strerror(errno));
        return;
    }
    fprintf(file, "%d\n", (int)getpid());
    if (fclose(file) != 0) {
        log_warn("server.pid_file %s: %s", path, strerror(errno));
    }
}

void pidfile_remove(const char *path)
{
    if (path[0] != '\0' && pidfile_read(path) == getpid()) {
        unlink(path);
    }
}

pid_t pidfile_read(const char *path)
{
    FILE *file = fopen(path, "re");
    int pid = -1;

    if (file) {
        if (fscanf(file, "%d", &pid) != 1) {
            pid = -1;
        }
        fclose(file);
    }
    return pid;
}
