/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

static char *folder;

void spill_set_folder(const char *path)
{
    free(folder);
    folder = path && path[0] ? mem_strdup(path) : NULL;
}

void spill_init(struct spill *spill)
{
    *spill = (struct spill){.fd = -1};
}

void spill_fini(struct spill *spill)
{
    if (spill->fd >= 0) {
        close(spill->fd);
        spill->fd = -1;
    }
}

static int open_unnamed(const char *path)
{
    return open(path, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
}

static bool open_file(struct spill *spill)
{
    if (spill->fd < 0) {
        spill->fd = folder ? open_unnamed(folder) : -1;
    }
    if (spill->fd < 0) {
        spill->fd = open_unnamed("/var/tmp");
    }
    if (spill->fd < 0) {
        spill->fd = open_unnamed("/tmp");
    }
    return spill->fd >= 0;
}

static bool write_all(struct spill *spill, const char *p, uint64_t n)
{
    while (n > 0) {
        ssize_t put = pwrite(spill->fd, p, n, (off_t)spill->end);

        if (put < 0) {
            return false;
        }
        p += put;
        n -= (uint64_t)put;
        spill->end += (uint64_t)put;
    }
    return true;
}

bool spill_write(struct spill *spill, struct weir_chain *chain)
{
    uint64_t start = spill->end;

    if (spill->failed) {
        return false;
    }
    bool fine = open_file(spill);
    for (const struct link *link = chain->first; fine && link; link = link->next) {
        fine = (link->kind == LINK_BUF || link->kind == LINK_MEMORY) &&
               write_all(spill, link->p, link->n);
    }
    if (!fine) {
        log_error("temporary file in %s: %s; answers are held in memory only, and slow clients "
                  "hold their backends", folder ? folder : "/var/tmp", strerror(errno));
        spill->failed = true;
        spill->end = start;
        return false;
    }
    chain_clear(chain);
    chain_add_file(chain, spill->fd, start, spill->end - start, NULL, NULL);
    return true;
}
