/* SPDX-License-Identifier: Apache-2.0 */
/* sink.h - where lines go: a file, standard output, or syslog. Nothing here waits: what cannot be
 * taken is dropped and counted. */
#ifndef ACCESS_LOG_SINK_H
#define ACCESS_LOG_SINK_H

#include <weir/module.h>

struct sink;

/* commit(): the sink that `path` names; those that name the same one share it. NULL: a mistake was
 * reported. */
struct sink *sink_open(weir_cfg *cfg, const char *path, uint64_t buffer, uint64_t flush_ms);
/* Is it "syslog:..." in a form that sink_open() knows? check() says what is expected. */
bool sink_is_syslog(weir_str path);
bool sink_syslog_is_valid(weir_str path);

/* A line with its newline. */
void sink_put(struct sink *sink, const char *line, size_t n);

/* The worker ends: writes what is held back, for as long as that is quick. */
void sinks_stop(void);
/* Opens files again, after a rotation. */
void sinks_reopen(void);

#endif
