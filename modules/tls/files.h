/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - the files that settings name: from the disk in the loader, and in a worker, which may
 * not read them, from what the loader has sent. */
#ifndef TLS_FILES_H
#define TLS_FILES_H

#include "tls.h"

/* Reads a file. NULL with errno. */
BIO *files_open(const char *path);

/* A fingerprint of the files' states on disk, to tell whether one was changed or replaced. */
uint64_t files_state(const weir_str *paths, size_t n);
/* Loader: sends the contents of the files, under the number `id`, to the workers. */
void files_send(uint32_t id, const weir_str *paths, size_t n);
/* Worker: files_open() finds the files of this message until files_forget(). Returns false when it
 * is not one. */
bool files_receive(const void *bytes, size_t n, uint32_t *id);
void files_forget(void);

#endif
