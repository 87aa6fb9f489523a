/* SPDX-License-Identifier: Apache-2.0 */
/* file_sink.c - lines to a file. One buffer takes lines while a thread writes the other: a disk
 * that does not answer holds up that thread, never the loop. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "line.h"
#include "sink_kind.h"

#define BUFFER_MIN (64u << 10)
/* So much may wait for a disk: more than comes in while the loop does not look. */
#define BACKLOG_MAX (4u << 20)
/* There are few threads, and others need them, too: so many may wait for disks. */
#define WRITERS_MAX 2

struct buffer {
    char *p;
    size_t used, size;
};

struct file_sink {
    const char *path; /* NULL: standard output */
    int fd;
    size_t size;       /* bytes that are held back to be written at once */
    bool is_immediate; /* no line waits for others */
    uint64_t flush_ms, timer;
    uint32_t lost_metric;
    struct buffer filling;
    bool is_due; /* `filling` shall go out, `writing` does not let it */
    bool wants_reopen;
    bool is_full; /* lines are being dropped */
    uint64_t lost;
    /* The thread's while `is_writing`. */
    bool is_writing; /* the loop's view; under `lock`: is_done */
    bool is_reopening;
    struct buffer writing;
    int error;
    size_t left; /* bytes that were not written */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_done;
};

static unsigned writers;

/* ---- the thread ---- */

static void reopen_file(struct file_sink *sink)
{
    int fd = open(sink->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);

    if (fd < 0) {
        sink->error = errno;
        return;
    }
    fcntl(fd, F_SETFL, O_APPEND); /* it was not to wait for a reader of a pipe */
    if (dup3(fd, sink->fd, O_CLOEXEC) < 0) {
        sink->error = errno;
    }
    close(fd);
}

static void write_out(void *arg)
{
    struct file_sink *sink = arg;
    size_t done = 0;

    sink->error = 0;
    while (done < sink->writing.used && !sink->error) {
        ssize_t n = write(sink->fd, sink->writing.p + done, sink->writing.used - done);

        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            sink->error = errno;
        }
    }
    sink->left = sink->writing.used - done;
    if (sink->is_reopening) {
        reopen_file(sink);
    }
    pthread_mutex_lock(&sink->lock);
    sink->is_done = true;
    pthread_cond_signal(&sink->ended);
    pthread_mutex_unlock(&sink->lock);
}

/* ---- the loop ---- */

static void lose(struct file_sink *sink, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sink->lost += bytes[i] == '\n';
        weir_metric_add(sink->lost_metric, bytes[i] == '\n');
    }
}

static void complain(const struct file_sink *sink, const char *why)
{
    weir_log(WEIR_LOG_ERROR, NULL, "access_log %s: %s: %llu lines are lost so far",
             sink->path ? sink->path : "stdout", why, (unsigned long long)sink->lost);
}

static void flush(struct file_sink *sink);

static void on_flush_timer(void *arg)
{
    struct file_sink *sink = arg;

    sink->timer = 0;
    flush(sink);
}

static bool resize(struct buffer *buffer, size_t size)
{
    char *p = size == buffer->size ? buffer->p : realloc(buffer->p, size);

    if (p) {
        buffer->p = p;
        buffer->size = size;
    }
    return p != NULL;
}

/* Makes room for `n` more bytes in what is being filled, while the other buffer is away. */
static bool make_room(struct file_sink *sink, size_t n)
{
    struct buffer *filling = &sink->filling;
    size_t size = filling->size;

    while (filling->used + n > size) {
        size *= 2;
    }
    return size <= BACKLOG_MAX + sink->size && resize(filling, size);
}

static void take_result(struct file_sink *sink)
{
    const struct buffer *written = &sink->writing;

    if (sink->left) {
        lose(sink, written->p + written->used - sink->left, sink->left);
        complain(sink, strerror(sink->error));
    } else if (sink->error) {
        weir_log(WEIR_LOG_ERROR, NULL,
                 "access_log %s cannot be opened again: %s; the old file goes on", sink->path,
                 strerror(sink->error));
    } else if (sink->is_full) {
        weir_log(WEIR_LOG_WARN, NULL, "access_log %s is written again; %llu lines were lost",
                 sink->path ? sink->path : "stdout", (unsigned long long)sink->lost);
    }
    sink->is_full = false;
    sink->writing.used = 0;
    resize(&sink->writing, sink->size);
    sink->is_writing = sink->is_reopening = false;
    writers--;
}

static void on_written(void *arg)
{
    struct file_sink *sink = arg;

    take_result(sink);
    if (sink->is_due || sink->wants_reopen) {
        flush(sink);
    }
}

static void flush(struct file_sink *sink)
{
    struct buffer full = sink->filling;

    weir_timer_stop(sink->timer);
    sink->timer = 0;
    if (full.used == 0 && !sink->wants_reopen) {
        return;
    }
    if (sink->is_writing) {
        sink->is_due = true; /* on_written() goes on */
        return;
    }
    if (writers >= WRITERS_MAX) {
        sink->timer = weir_timer_start(sink->flush_ms, on_flush_timer, sink);
        return;
    }
    sink->filling = sink->writing;
    sink->writing = full;
    sink->is_reopening = sink->wants_reopen;
    sink->wants_reopen = sink->is_due = sink->is_done = false;
    sink->is_writing = true;
    writers++;
    if (weir_offload(write_out, on_written, sink) != WEIR_OK) {
        write_out(sink);
        take_result(sink);
    }
}

void file_sink_put(struct file_sink *sink, const char *line, size_t n)
{
    if (sink->filling.used + n > sink->size) {
        flush(sink);
    }
    if (!make_room(sink, n)) {
        lose(sink, line, n);
        if (!sink->is_full) {
            sink->is_full = true;
            complain(sink, "nobody takes what is written, so lines are dropped");
        }
        return;
    }
    memcpy(sink->filling.p + sink->filling.used, line, n);
    sink->filling.used += n;
    if (sink->is_immediate) {
        flush(sink);
    } else if (!sink->timer && !sink->is_due) {
        sink->timer = weir_timer_start(sink->flush_ms, on_flush_timer, sink);
    }
}

void file_sink_stop(struct file_sink *sink)
{
    flush(sink);
}

/* True: nothing is left to wait for. The loop does not run any more, so on_written() does not. */
bool file_sink_wait(struct file_sink *sink, uint64_t until_ms)
{
    struct timespec until = {(time_t)(until_ms / 1000), (long)(until_ms % 1000) * 1000000};

    if (!sink->is_writing) {
        return true;
    }
    pthread_mutex_lock(&sink->lock);
    if (!sink->is_done) {
        pthread_cond_timedwait(&sink->ended, &sink->lock, &until);
    }
    bool is_done = sink->is_done;
    pthread_mutex_unlock(&sink->lock);
    if (!is_done) {
        return false;
    }
    take_result(sink);
    flush(sink);
    return !sink->is_writing;
}

void file_sink_reopen(struct file_sink *sink)
{
    if (sink->path) {
        sink->wants_reopen = true;
        flush(sink);
    }
}

struct file_sink *file_sink_open(weir_cfg *cfg, const char *path, uint64_t buffer,
                                 uint64_t flush_ms, uint32_t lost)
{
    struct file_sink *sink = weir_cfg_alloc(cfg, sizeof(*sink));
    pthread_condattr_t monotonic;

    sink->path = path;
    sink->fd = path ? weir_cfg_open_log(cfg, "path", path) : STDOUT_FILENO;
    sink->is_immediate = buffer < LINE_MAX_BYTES;
    sink->size = buffer > BUFFER_MIN ? buffer : BUFFER_MIN;
    sink->flush_ms = flush_ms;
    sink->lost_metric = lost;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sink->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (sink->fd < 0 || !resize(&sink->filling, sink->size) ||
        !resize(&sink->writing, sink->size)) {
        return NULL;
    }
    return sink;
}
