/* SPDX-License-Identifier: Apache-2.0 */
/* sink_kind.h - the two kinds of sinks. */
#ifndef ACCESS_LOG_SINK_KIND_H
#define ACCESS_LOG_SINK_KIND_H

#include "sink.h"

struct file_sink;
struct syslog_sink;

/* Files, and standard output (`path` NULL). */
struct file_sink *file_sink_open(weir_cfg *cfg, const char *path, uint64_t buffer,
                                 uint64_t flush_ms, uint32_t lost);
void file_sink_put(struct file_sink *sink, const char *line, size_t n);
/* To be called once for all: begins the last write, then waits for it. */
void file_sink_stop(struct file_sink *sink);
bool file_sink_wait(struct file_sink *sink, uint64_t until_ms);
void file_sink_reopen(struct file_sink *sink);

/* "syslog:udp://HOST:PORT" or "syslog:unix:PATH". */
struct syslog_sink *syslog_sink_open(weir_cfg *cfg, weir_str path, uint32_t lost);
void syslog_sink_put(struct syslog_sink *sink, const char *line, size_t n);

#endif
