/* SPDX-License-Identifier: Apache-2.0 */
/* process/worker.h - the process that serves connections. */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include "http/server.h"

/* Has modules begin in this process. */
void worker_start_modules(const struct registry *registry);

/* Runs in the child after fork, until told to end; never returns. `fds` are what it accepts from;
 * lobby[0] brings connections of draining workers, lobby[1] takes this one's; `sock` leads to the
 * loader. */
_Noreturn void worker_main(struct config *config, const struct listen_fd *fds, uint32_t n,
                           const int lobby[2], int sock);

#endif
