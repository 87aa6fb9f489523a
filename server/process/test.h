/* SPDX-License-Identifier: Apache-2.0 */
/* process/test.h - `weir test`: the tests that sites bring, against the code that serves.
 *
 * Each test has a process of its own, which is a worker but for its ways out: it listens nowhere, its
 * client is at the other end of a pair of sockets, its backends are stubs (stub.h), what it writes goes
 * to a folder that is removed, and the system calls that reach other processes are closed to it. */
#ifndef PROCESS_TEST_H
#define PROCESS_TEST_H

#include "config/config.h"

/* Tests the site of that name, or in a file of that name; NULL: all. The status to exit with: 0 if all
 * is as expected. */
int test_main(struct config *config, const char *path, const char *site);

#endif
