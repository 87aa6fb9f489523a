/* SPDX-License-Identifier: Apache-2.0 */
/* process/pidfile.h - the file that names the master. */
#ifndef PROCESS_PIDFILE_H
#define PROCESS_PIDFILE_H

#include <sys/types.h>

/* Writes this process's number; an empty path is no file. What fails is logged. */
void pidfile_write(const char *path);
void pidfile_remove(const char *path);
/* The number in the file; -1 when there is none. */
pid_t pidfile_read(const char *path);

#endif
