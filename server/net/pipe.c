/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pipe.h"

#include "base/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PIPE_WANTED (1 << 20) /* bytes; the kernel's default of 64 KiB is too little for a body */
#define FREE_MAX 32

static struct pipe *free_first;
static unsigned free_count;

struct pipe *pipe_take(void)
{
    struct pipe *pipe = free_first;
    int fds[2];

    if (pipe) {
        free_first = pipe->next_free;
        free_count--;
        return pipe;
    }
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) {
        return NULL;
    }
    int size = fcntl(fds[1], F_SETPIPE_SZ, PIPE_WANTED);
    if (size < 0) {
        size = fcntl(fds[1], F_GETPIPE_SZ); /* over the user's limit: take what there is */
    }
    pipe = mem_alloc(sizeof(*pipe));
    *pipe = (struct pipe){.read_fd = fds[0], .write_fd = fds[1], .size = (size_t)size};
    return pipe;
}

void pipe_put(struct pipe *pipe, bool is_empty)
{
    if (is_empty && free_count < FREE_MAX) {
        pipe->next_free = free_first;
        free_first = pipe;
        free_count++;
        return;
    }
    close(pipe->read_fd);
    close(pipe->write_fd);
    free(pipe);
}
