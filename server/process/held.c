/* SPDX-License-Identifier: Apache-2.0 */
#include "process/held.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

static struct held_fd *find(const struct held *held, const char *name, uint32_t index)
{
    for (uint32_t i = 0; i < held->n; i++) {
        struct held_fd *one = &held->list[i];

        if (one->index == index && strcmp(one->name, name) == 0) {
            return one;
        }
    }
    return NULL;
}

int held_get(const struct held *held, const char *name, uint32_t index)
{
    const struct held_fd *one = find(held, name, index);

    return one ? one->fd : -1;
}

void held_put(struct held *held, const char *name, uint32_t index, int fd, unsigned generation)
{
    struct held_fd *one = find(held, name, index);

    if (one) {
        one->used_by = generation;
        if (fd >= 0) {
            close(one->fd);
            one->fd = fd;
        }
        return;
    }
    if (fd < 0) {
        return;
    }
    if (held->n == held->cap) {
        held->cap = held->cap ? held->cap * 2 : 16;
        held->list = mem_realloc(held->list, held->cap * sizeof(*held->list));
    }
    one = &held->list[held->n++];
    *one = (struct held_fd){.index = index, .fd = fd, .used_by = generation};
    snprintf(one->name, sizeof(one->name), "%s", name);
}

void held_drop_older(struct held *held, unsigned generation)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < held->n; i++) {
        struct held_fd *one = &held->list[i];

        if (one->used_by >= generation) {
            held->list[kept++] = *one;
        } else {
            close(one->fd);
        }
    }
    held->n = kept;
}
