/* SPDX-License-Identifier: Apache-2.0 */
/* process/worker.h - the process that serves connections. */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include "config/config.h"

/* Runs in the child after fork, until told to end; never returns. fds[i] listens for
 * config->listeners[i]; `sock` leads to the loader. */
_Noreturn void worker_main(struct config *config, const int *fds, int sock);

#endif
