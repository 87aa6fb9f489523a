/* SPDX-License-Identifier: Apache-2.0 */
/* process/master.h - the long-lived parent: keeps listening sockets and starts generations. It
 * loads no module and reads no configuration. */
#ifndef PROCESS_MASTER_H
#define PROCESS_MASTER_H

/* Runs until told to stop. `config_path` goes to the loaders. `ready_fd` (-1: none) gets one byte, the
 * exit status so far, once the first generation serves or was refused. Returns the exit status. */
int master_main(const char *config_path, int ready_fd);

/* The same, in the place of the master that saved its state in the file `state`: see
 * master_state.h. */
int master_go_on(int state);

#endif
