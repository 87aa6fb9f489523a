/* SPDX-License-Identifier: Apache-2.0 */
/* process/sandbox.h - what is left of a worker's rights: the files that the configuration names
 * (Landlock), the system calls that serving needs (seccomp). */
#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

#include "config/config.h"

/* In the worker, as the worker user, before any module starts: threads inherit it. False, after a
 * line in the log: this process must not serve. A kernel without Landlock is no reason. */
bool sandbox_enter(const struct config *config);

#endif
