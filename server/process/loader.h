/* SPDX-License-Identifier: Apache-2.0 */
/* process/loader.h - one generation: reads the configuration, gets the sockets, forks the workers
 * and stays their parent. */
#ifndef PROCESS_LOADER_H
#define PROCESS_LOADER_H

/* The hidden first argument that makes the binary a loader: weir LOADER_ARGUMENT FD PATH. */
#define LOADER_ARGUMENT "--loader"

/* Runs until the generation has ended. `sock` leads to the master. Returns the exit status. */
int loader_main(const char *config_path, int sock);

#endif
