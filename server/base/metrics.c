/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "base/zone.h"

#define METRICS_LAYOUT 1
#define METRICS_VERSION 1
#define ENTRIES 8192                              /* a power of 2 */
#define FIRST_US_BITS 6                           /* the first bucket ends at 64 us */
#define HISTOGRAM_CELLS (WEIR_METRIC_BUCKETS + 2) /* count, sum, buckets */

struct metric_entry {
    uint64_t hash; /* 0: free */
    uint32_t cell, kind;
    char name[80], labels[200], doc[160];
};

/* What all see: which metrics there are, then the slots' cells. */
struct metrics {
    uint64_t key[2];
    uint32_t entry_n; /* defined so far, listed in `order` */
    uint32_t cell_n;
    uint32_t slot_n; /* slots from this one on were never used */
    uint16_t order[ENTRIES];
    struct metric_entry entries[ENTRIES];
    int64_t cells[METRIC_SLOTS][METRIC_CELLS];
};

static int64_t nobodys[METRIC_CELLS]; /* before metrics_open(), and in tools */
int64_t *metric_cells = nobodys;

static weir_zone *zone;
static struct metrics *metrics;
static void (*figures)(weir_metric_fn *fn, void *arg);

bool metrics_open(void)
{
    zone = zone_open("weir:metrics", sizeof(*metrics), METRICS_LAYOUT, METRICS_VERSION);
    if (!zone) {
        return false;
    }
    metrics = zone_at(zone);
    if (zone_is_fresh(zone)) {
        metrics->key[0] = 1; /* names come from the configuration: nobody attacks this table */
        metrics->cell_n = 1;
        metrics->slot_n = 1;
    }
    metric_cells = metrics->cells[0];
    return true;
}

static struct metric_entry *find(uint64_t hash, const char *name, const char *labels)
{
    uint32_t i = hash & (ENTRIES - 1);

    while (metrics->entries[i].hash &&
           (metrics->entries[i].hash != hash || strcmp(metrics->entries[i].name, name) != 0 ||
            strcmp(metrics->entries[i].labels, labels) != 0)) {
        i = (i + 1) & (ENTRIES - 1);
    }
    return &metrics->entries[i];
}

static uint64_t hash_of(const char *name, const char *labels)
{
    uint64_t hash = hash_keyed(metrics->key, name, strlen(name)) * 31 +
                    hash_keyed(metrics->key, labels, strlen(labels));

    return hash ? hash : 1;
}

static uint32_t number_of(const struct metric_entry *entry)
{
    return entry->cell | (entry->kind == WEIR_METRIC_HISTOGRAM ? METRIC_HISTOGRAM : 0);
}

static void write_entry(struct metric_entry *entry, uint64_t hash, const char *name, int kind,
                        const char *labels, const char *doc, uint32_t width)
{
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    snprintf(entry->labels, sizeof(entry->labels), "%s", labels);
    snprintf(entry->doc, sizeof(entry->doc), "%s", doc ? doc : "");
    entry->kind = (uint32_t)kind;
    entry->cell = metrics->cell_n;
    metrics->cell_n += width;
    entry->hash = hash;
    metrics->order[metrics->entry_n] = (uint16_t)(entry - metrics->entries);
    __atomic_store_n(&metrics->entry_n, metrics->entry_n + 1, __ATOMIC_RELEASE);
}

uint32_t metric_define(const char *name, int kind, const char *labels, const char *doc)
{
    uint32_t width = kind == WEIR_METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1;
    uint32_t number = 0;

    labels = labels ? labels : "";
    if (!metrics || strlen(name) >= sizeof(metrics->entries->name) ||
        strlen(labels) >= sizeof(metrics->entries->labels)) {
        return 0;
    }
    uint64_t hash = hash_of(name, labels);
    zone_lock(zone, 0);
    struct metric_entry *entry = find(hash, name, labels);
    if (!entry->hash && metrics->entry_n < ENTRIES * 3 / 4 &&
        metrics->cell_n + width <= METRIC_CELLS) {
        write_entry(entry, hash, name, kind, labels, doc, width);
    }
    if (entry->hash && entry->kind == (uint32_t)kind) {
        number = number_of(entry);
    }
    zone_unlock(zone, 0);
    if (number == 0) {
        log_warn("metric %s{%s} is not counted: there are too many, or it has another kind", name,
                 labels);
    }
    return number;
}

/* ---- slots ---- */

void metrics_use_slot(uint32_t slot)
{
    if (metrics->slot_n <= slot) {
        metrics->slot_n = slot + 1; /* what was never written is not read: it takes no memory */
    }
    metric_cells = metrics->cells[slot];
}

void metrics_release_slot(uint32_t slot)
{
    for (uint32_t i = 0; i < metrics->entry_n; i++) {
        const struct metric_entry *entry = &metrics->entries[metrics->order[i]];

        if (entry->kind == WEIR_METRIC_GAUGE) {
            metrics->cells[slot][entry->cell] = 0;
        }
    }
}

/* ---- adding ---- */

uint64_t metric_bucket_limit(uint32_t bucket)
{
    uint32_t octave = bucket / 2;

    if (bucket + 1 >= WEIR_METRIC_BUCKETS) {
        return UINT64_MAX;
    }
    return ((uint64_t)1 << (FIRST_US_BITS + octave)) * (bucket % 2 ? 3 : 2) / 2;
}

static uint32_t bucket_of(uint64_t us)
{
    uint32_t bucket = 0;

    if (us > (uint64_t)1 << FIRST_US_BITS) {
        uint32_t bits = 63 - (uint32_t)__builtin_clzll(us - 1);

        bucket = 2 * (bits - FIRST_US_BITS);
        if (bucket >= WEIR_METRIC_BUCKETS) {
            return WEIR_METRIC_BUCKETS - 1;
        }
        while (us > metric_bucket_limit(bucket)) {
            bucket++;
        }
    }
    return bucket;
}

static void observe(uint32_t cell, int64_t us)
{
    metric_count(cell, 1);
    metric_count(cell + 1, us);
    metric_count(cell + 2 + bucket_of(us < 0 ? 0 : (uint64_t)us), 1);
}

void metric_add(uint32_t metric, int64_t n)
{
    uint32_t cell = metric & ~METRIC_HISTOGRAM;

    if (cell + (metric & METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1) > METRIC_CELLS) {
        return; /* no number that define gave */
    }
    if (metric & METRIC_HISTOGRAM) {
        observe(cell, n);
    } else {
        metric_count(cell, n);
    }
}

void metric_set(uint32_t metric, int64_t value)
{
    if (metric < METRIC_CELLS) {
        __atomic_store_n(&metric_cells[metric], value, __ATOMIC_RELAXED);
    }
}

void metric_add_shared(uint32_t metric, int64_t n)
{
    __atomic_fetch_add(&metric_cells[metric], n, __ATOMIC_RELAXED);
}

/* ---- reading ---- */

int64_t metric_of_slot(uint32_t metric, uint32_t slot)
{
    return __atomic_load_n(&metrics->cells[slot][metric & ~METRIC_HISTOGRAM], __ATOMIC_RELAXED);
}

int64_t metric_sum(uint32_t metric)
{
    int64_t sum = 0;

    for (uint32_t slot = 0; slot < metrics->slot_n; slot++) {
        sum += metric_of_slot(metric, slot);
    }
    return sum;
}

void metrics_each(weir_metric_fn *fn, void *arg)
{
    uint32_t n = metrics ? __atomic_load_n(&metrics->entry_n, __ATOMIC_ACQUIRE) : 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct metric_entry *entry = &metrics->entries[metrics->order[i]];
        int64_t buckets[WEIR_METRIC_BUCKETS];
        weir_metric_view view = {.size = sizeof(view),
                                 .kind = (int)entry->kind,
                                 .name = entry->name,
                                 .labels = entry->labels,
                                 .doc = entry->doc,
                                 .value = metric_sum(entry->cell)};

        if (entry->kind == WEIR_METRIC_HISTOGRAM) {
            view.sum = metric_sum(entry->cell + 1);
            for (uint32_t b = 0; b < WEIR_METRIC_BUCKETS; b++) {
                buckets[b] = metric_sum(entry->cell + 2 + b);
            }
            view.buckets = buckets;
        }
        fn(arg, &view);
    }
    if (figures) {
        figures(fn, arg);
    }
}

void metrics_also(void (*also)(weir_metric_fn *fn, void *arg))
{
    figures = also;
}
