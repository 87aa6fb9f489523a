/* SPDX-License-Identifier: Apache-2.0 */
/* process/syscall_filter.h - the system calls that workers may use, by seccomp. Others fail with
 * EPERM, and the log names them once. */
#ifndef PROCESS_SYSCALL_FILTER_H
#define PROCESS_SYSCALL_FILTER_H

#include "module/registry.h"

/* Needs no_new_privs. `alone`: what reaches other processes by sockets is refused, too. False after a
 * line in the log. */
bool syscall_filter_enter(const struct registry *registry, bool alone);

#endif
