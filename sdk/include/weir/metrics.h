/* SPDX-License-Identifier: Apache-2.0 */
/* weir/metrics.h - numbers that monitoring reads.
 *
 * Each worker adds to cells of its own in shared memory, without a lock; who reads sums over all.
 * Counters and histograms live as long as weir does: reloads keep them, by name and labels.
 *
 * Included by module.h. */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WEIR_METRIC_COUNTER,  /* grows */
    WEIR_METRIC_GAUGE,    /* may fall; summed over the workers that run */
    WEIR_METRIC_HISTOGRAM /* of microseconds */
};

/* Upper bounds of a histogram's buckets: two per octave from 64 us to 67 s; the last one has none. */
#define WEIR_METRIC_BUCKETS 42

typedef struct {
    uint32_t size;
    int kind;
    const char *name;   /* "weir_MODULE_name", borrowed during the call */
    const char *labels; /* key="value",key="value"; may be empty */
    const char *doc;
    int64_t value;      /* HISTOGRAM: the number of observations */
    int64_t sum;        /* HISTOGRAM: microseconds */
    const int64_t *buckets; /* HISTOGRAM: how many fell into each, not cumulated */
} weir_metric_view;

typedef void weir_metric_fn(void *arg, const weir_metric_view *metric);

typedef struct {
    uint32_t size;
    uint32_t (*define)(weir_cfg *cfg, const char *name, int kind, const char *labels,
                       const char *doc);
    void (*add)(uint32_t metric, int64_t n);
    void (*set)(uint32_t metric, int64_t value);
    void (*each)(weir_metric_fn *fn, void *arg);
    uint64_t (*bucket_limit)(uint32_t bucket);
} weir_metric_api;

#ifdef __cplusplus
}
#endif
#endif
