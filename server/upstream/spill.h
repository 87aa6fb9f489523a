/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/spill.h - a temporary file that takes what does not fit into memory. */
#ifndef UPSTREAM_SPILL_H
#define UPSTREAM_SPILL_H

#include "base/chain.h"

struct spill {
    int fd;       /* -1: none yet */
    uint64_t end; /* bytes written so far */
    bool failed;  /* the disk took no more: nothing is spilled any more */
};

void spill_init(struct spill *spill);
void spill_fini(struct spill *spill);
/* Replaces the memory slices of `chain` by ranges of the file. False, with `chain` as it was, when the disk
 * does not take them; said once in the log. */
bool spill_write(struct spill *spill, struct weir_chain *chain);
/* The folder for such files; called by the loader. Empty: the system's. */
void spill_set_folder(const char *path);

#endif
