/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include "base/log.h"
#include "base/metrics.h"

struct seen {
    weir_metric_view view;
    int64_t buckets[WEIR_METRIC_BUCKETS];
    const char *name;
};

static void look(void *arg, const weir_metric_view *view)
{
    struct seen *seen = arg;

    if (strcmp(view->name, seen->name) == 0) {
        seen->view = *view;
        if (view->buckets) {
            memcpy(seen->buckets, view->buckets, sizeof(seen->buckets));
        }
    }
}

static struct seen find(const char *name)
{
    struct seen seen = {.name = name};

    metrics_each(look, &seen);
    return seen;
}

/* The bucket that holds the only observation. */
static uint32_t bucket_of(uint32_t metric, int64_t us)
{
    struct seen before = find("weir_h"), after;

    metric_add(metric, us);
    after = find("weir_h");
    for (uint32_t i = 0; i < WEIR_METRIC_BUCKETS; i++) {
        if (after.buckets[i] != before.buckets[i]) {
            return i;
        }
    }
    return UINT32_MAX;
}

int main(void)
{
    bool right = true;

    log_default->level = WEIR_LOG_ERROR;
    ok(metric_define("weir_a", WEIR_METRIC_COUNTER, NULL, "") == 0, "nothing is counted by tools");
    metric_add(0, 1);
    ok(metrics_open(), "open");
    uint32_t a = metric_define("weir_a", WEIR_METRIC_COUNTER, NULL, "A");
    uint32_t b = metric_define("weir_a", WEIR_METRIC_COUNTER, "k=\"v\"", "A");
    uint32_t g = metric_define("weir_g", WEIR_METRIC_GAUGE, NULL, "G");
    uint32_t h = metric_define("weir_h", WEIR_METRIC_HISTOGRAM, NULL, "H");
    ok(a && b && a != b, "labels make another metric");
    ok(metric_define("weir_a", WEIR_METRIC_COUNTER, NULL, "A") == a, "the same is the same");
    ok(metric_define("weir_a", WEIR_METRIC_GAUGE, NULL, "A") == 0, "in one kind");
    metrics_use_slot(1);
    metric_add(a, 5);
    metric_set(g, 7);
    metrics_use_slot(2);
    metric_add(a, 2);
    metric_set(g, 1);
    ok(metric_sum(a) == 7 && metric_of_slot(a, 1) == 5, "slots are summed");
    metrics_release_slot(1);
    ok(metric_sum(a) == 7 && metric_sum(g) == 1, "a process's end keeps counts, not gauges");
    for (uint32_t i = 0; i + 1 < WEIR_METRIC_BUCKETS; i++) {
        int64_t limit = (int64_t)metric_bucket_limit(i);

        right = right && bucket_of(h, limit) == i && bucket_of(h, limit + 1) == i + 1;
    }
    ok(right, "a bucket ends at its limit");
    ok(bucket_of(h, INT64_MAX / 4) == WEIR_METRIC_BUCKETS - 1 && bucket_of(h, 0) == 0 &&
           bucket_of(h, -1) == 0, "what is beyond them has a place, too");
    ok(find("weir_h").view.value == 2 * (WEIR_METRIC_BUCKETS - 1) + 3, "all are counted");
    for (int i = 0; i < 10000; i++) {
        char labels[32];

        snprintf(labels, sizeof(labels), "i=\"%d\"", i);
        b = metric_define("weir_many", WEIR_METRIC_COUNTER, labels, "");
    }
    ok(b == 0 && metric_sum(a) == 7, "too many are refused, and harm nothing");
    return done_testing();
}
