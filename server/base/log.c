/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"

#define LINE_MAX_BYTES 2048

static struct log standard_error = {.fd = STDERR_FILENO, .level = WEIR_LOG_WARN};
struct log *log_default = &standard_error;
static struct log *logs;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

const char *log_level_name(weir_log_level level)
{
    return level_names[level];
}

bool log_level_parse(weir_str name, weir_log_level *level)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (str_eq(name, str_from(level_names[i]))) {
            *level = (weir_log_level)i;
            return true;
        }
    }
    return false;
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

struct log *log_open(const char *path, weir_log_level level)
{
    int fd = STDERR_FILENO;

    if (path && (path[0] == '\0' || strcmp(path, "stderr") == 0)) {
        path = NULL;
    }
    for (struct log *log = logs; log; log = log->next) {
        if (log->level == level &&
            (path ? log->path && strcmp(log->path, path) == 0 : !log->path)) {
            return log;
        }
    }
    if (path && (fd = open_file(path)) < 0) {
        return NULL;
    }
    struct log *log = mem_zalloc(sizeof(*log));
    *log = (struct log){
        .path = path ? mem_strdup(path) : NULL, .fd = fd, .level = level, .next = logs};
    logs = log;
    return log;
}

void log_reopen_all(void)
{
    for (struct log *log = logs; log; log = log->next) {
        int fd = log->path ? open_file(log->path) : -1;

        if (fd >= 0) {
            close(log->fd);
            log->fd = fd;
        } else if (log->path) {
            log_write(log, WEIR_LOG_ERROR, "%s cannot be opened again: %s; the old file goes on",
                      log->path, strerror(errno));
        }
    }
}

void log_chown_all(uid_t uid, gid_t gid)
{
    for (struct log *log = logs; log; log = log->next) {
        if (log->path && fchown(log->fd, uid, gid) != 0) {
            log_write(log, WEIR_LOG_WARN, "%s cannot be given to the worker user: %s", log->path,
                      strerror(errno));
        }
    }
}

/* What may end a line or drive a terminal is written as \\xHH. */
static size_t escape(char *out, size_t room, const char *text)
{
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p && n + 5 < room; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            n += (size_t)snprintf(out + n, room - n, "\\x%02X", *p);
        } else {
            out[n++] = (char)*p;
        }
    }
    return n;
}

void log_vwrite(struct log *log, weir_log_level level, const char *prefix, const char *fmt,
                va_list args)
{
    char text[LINE_MAX_BYTES];
    char line[LINE_MAX_BYTES + 512];

    if (level > log->level) {
        return;
    }
    if (clock_now.iso[0] == '\0') {
        clock_update();
    }
    vsnprintf(text, sizeof(text), fmt, args);
    int head = snprintf(line, sizeof(line), "%.19s.%03d%s %s [%d] ", clock_now.iso,
                        (int)(clock_now.wall_ms % 1000), clock_now.iso + 19, level_names[level],
                        (int)getpid());
    size_t n = (size_t)head;
    if (prefix) {
        n += escape(line + n, sizeof(line) - n - 1, prefix);
    }
    n += escape(line + n, sizeof(line) - n - 1, text);
    line[n++] = '\n';
    ssize_t put = write(log->fd, line, n); /* a full disk must not stop the service */
    (void)put;
}

void log_write(struct log *log, weir_log_level level, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_vwrite(log, level, NULL, fmt, args);
    va_end(args);
}
