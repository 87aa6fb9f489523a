/* SPDX-License-Identifier: Apache-2.0 */
/* base/log.h - the error log: one line, one write, to a file that may be rotated away.
 *
 * Line: "2026-01-31T23:59:59.123+01:00 warn [PID] [site NAME] [id ID] text". What a client sent
 * is escaped (\xHH) so that a line stays a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

#include <sys/types.h>

#include <weir/types.h>

struct log {
    char *path; /* NULL: standard error */
    int fd;
    weir_log_level level; /* lines less important than this are not written */
    struct log *next;     /* all logs of the process, for log_reopen_all() */
};

/* The process's own log; standard error at level warn until configured. Never NULL. */
extern struct log *log_default;

/* Opens (append, create, mode 0640) or shares an open one of the same path. NULL with errno when
 * that fails. path NULL or "stderr": standard error. */
struct log *log_open(const char *path, weir_log_level level);
/* Opens all files again under their names; one that cannot be opened is kept as it is. */
void log_reopen_all(void);
/* Gives all log files to the worker user, so that they can open them again. */
void log_chown_all(uid_t uid, gid_t gid);

void log_write(struct log *log, weir_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void log_vwrite(struct log *log, weir_log_level level, const char *prefix, const char *fmt,
                va_list args) __attribute__((format(printf, 4, 0)));

#define log_error(...) log_write(log_default, WEIR_LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(log_default, WEIR_LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(log_default, WEIR_LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(log_default, WEIR_LOG_DEBUG, __VA_ARGS__)

bool log_level_parse(weir_str name, weir_log_level *level);
const char *log_level_name(weir_log_level level);

#endif
