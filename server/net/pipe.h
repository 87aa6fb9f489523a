/* SPDX-License-Identifier: Apache-2.0 */
/* net/pipe.h - pipes for splicing, recycled by the process: empty ones only. */
#ifndef NET_PIPE_H
#define NET_PIPE_H

#include <stdbool.h>
#include <stddef.h>

struct pipe {
    struct pipe *next_free;
    int read_fd, write_fd;
    size_t size; /* bytes, what the kernel granted */
};

/* NULL when there are no descriptors left: then copy. */
struct pipe *pipe_take(void);
/* `is_empty`: nothing is left in it; otherwise it is closed rather than recycled. */
void pipe_put(struct pipe *pipe, bool is_empty);

#endif
