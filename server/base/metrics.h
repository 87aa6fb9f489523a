/* SPDX-License-Identifier: Apache-2.0 */
/* base/metrics.h - counters, gauges and histograms in shared memory, one set of cells per process
 * slot, so that adding takes no lock. See weir/metrics.h. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <weir/metrics.h>

#define METRIC_SLOTS 256       /* processes at a time; slot 0 is the loaders' */
#define METRIC_CELLS 32768     /* of one slot */
#define METRIC_HISTOGRAM 0x80000000u

extern int64_t *metric_cells;  /* of this process's slot */

/* Maps the zone. Before anything else here; once. False with errno. */
bool metrics_open(void);
/* The number of a metric; 0, a cell that nobody reads, when there are too many. */
uint32_t metric_define(const char *name, int kind, const char *labels, const char *doc);
/* From now on this process adds to that slot's cells. */
void metrics_use_slot(uint32_t slot);
/* Its process has ended: counts stay, gauges go. */
void metrics_release_slot(uint32_t slot);
/* Sums, in the order in which they were defined, and then what metrics_also() brings. */
void metrics_each(weir_metric_fn *fn, void *arg);
/* Figures that are looked up when somebody asks, and not counted. What it hands to fn() is valid until
 * it is called again. One such function; NULL: none. */
void metrics_also(void (*also)(weir_metric_fn *fn, void *arg));
/* The sum of one counter over all slots; of one slot. */
int64_t metric_sum(uint32_t metric);
int64_t metric_of_slot(uint32_t metric, uint32_t slot);
/* Microseconds up to which bucket number `bucket` goes; UINT64_MAX: the last one. */
uint64_t metric_bucket_limit(uint32_t bucket);

/* One process per slot, one thread: a plain addition that readers may see at any time. */
static inline void metric_count(uint32_t metric, int64_t n)
{
    __atomic_store_n(&metric_cells[metric],
                     __atomic_load_n(&metric_cells[metric], __ATOMIC_RELAXED) + n,
                     __ATOMIC_RELAXED);
}

/* Any kind. */
void metric_add(uint32_t metric, int64_t n);
void metric_set(uint32_t metric, int64_t value);
/* For the loaders, which share slot 0. */
void metric_add_shared(uint32_t metric, int64_t n);

#endif
