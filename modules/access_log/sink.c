/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sink_kind.h"

struct sink {
    struct sink *next;
    const char *path;
    struct file_sink *file; /* one of them */
    struct syslog_sink *syslog;
};

static struct sink *sinks;

#define SYSLOG "syslog:"
#define STOP_MS 2000 /* how long the end of a worker may take because of a slow disk */

bool sink_is_syslog(weir_str path)
{
    size_t n = sizeof(SYSLOG) - 1;

    return path.n >= n && memcmp(path.p, SYSLOG, n) == 0;
}

static bool begins_with(weir_str s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.n > n && memcmp(s.p, prefix, n) == 0;
}

bool sink_syslog_is_valid(weir_str path)
{
    const char *colon = strrchr(path.p, ':');

    if (begins_with(path, SYSLOG "unix:/")) {
        return path.n < 100; /* what an address of a unix socket has room for */
    }
    return begins_with(path, SYSLOG "udp://") && colon > path.p + sizeof(SYSLOG "udp://") - 1 &&
           colon[1] != '\0' && strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

static struct sink *find(const char *path)
{
    struct sink *sink = sinks;

    while (sink && strcmp(sink->path, path) != 0) {
        sink = sink->next;
    }
    return sink;
}

/* A metric's label in quotes. */
static uint32_t lost_metric(weir_cfg *cfg, const char *path)
{
    char labels[600];
    size_t n = (size_t)snprintf(labels, sizeof(labels), "path=\"");

    for (; *path && n < sizeof(labels) - 3; path++) {
        labels[n++] = *path == '"' || *path == '\\' ? '_' : *path;
    }
    memcpy(labels + n, "\"", 2);
    return weir_cfg_metric(cfg, "lost_lines_total", WEIR_METRIC_COUNTER, labels,
                           "Lines that were dropped since nobody took them.");
}

struct sink *sink_open(weir_cfg *cfg, const char *path, uint64_t buffer, uint64_t flush_ms)
{
    struct sink *sink = find(path);
    weir_str text = {path, strlen(path)};

    if (sink) {
        return sink;
    }
    sink = weir_cfg_alloc(cfg, sizeof(*sink));
    sink->path = path;
    uint32_t lost = lost_metric(cfg, path);
    if (sink_is_syslog(text)) {
        sink->syslog = syslog_sink_open(cfg, text, lost);
    } else {
        sink->file =
            file_sink_open(cfg, strcmp(path, "stdout") == 0 ? NULL : path, buffer, flush_ms, lost);
    }
    if (!sink->file && !sink->syslog) {
        return NULL;
    }
    sink->next = sinks;
    sinks = sink;
    return sink;
}

void sink_put(struct sink *sink, const char *line, size_t n)
{
    if (sink->syslog) {
        syslog_sink_put(sink->syslog, line, n);
    } else {
        file_sink_put(sink->file, line, n);
    }
}

static uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sinks_stop(void)
{
    uint64_t until_ms = clock_ms() + STOP_MS;

    for (struct sink *sink = sinks; sink; sink = sink->next) {
        if (sink->file) {
            file_sink_stop(sink->file);
        }
    }
    for (struct sink *sink = sinks; sink; sink = sink->next) {
        while (sink->file && !file_sink_wait(sink->file, until_ms) && clock_ms() < until_ms) {
        }
    }
}

void sinks_reopen(void)
{
    for (struct sink *sink = sinks; sink; sink = sink->next) {
        if (sink->file) {
            file_sink_reopen(sink->file);
        }
    }
}
