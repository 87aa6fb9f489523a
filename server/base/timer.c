/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timer.h"

#include "base/clock.h"
#include "base/memory.h"

static struct timer **heap; /* from index 1 */
static uint32_t heap_n, heap_cap;

static void place(struct timer *timer, uint32_t at)
{
    heap[at] = timer;
    timer->index = at;
}

static void sift_up(struct timer *timer, uint32_t at)
{
    while (at > 1 && heap[at / 2]->queued_ms > timer->queued_ms) {
        place(heap[at / 2], at);
        at /= 2;
    }
    place(timer, at);
}

static void sift_down(struct timer *timer, uint32_t at)
{
    for (;;) {
        uint32_t child = at * 2;

        if (child > heap_n) {
            break;
        }
        if (child < heap_n && heap[child + 1]->queued_ms < heap[child]->queued_ms) {
            child++;
        }
        if (heap[child]->queued_ms >= timer->queued_ms) {
            break;
        }
        place(heap[child], at);
        at = child;
    }
    place(timer, at);
}

void timer_enqueue(struct timer *timer)
{
    timer->queued_ms = timer->deadline_ms;
    if (timer->index != 0) {
        sift_up(timer, timer->index);
        return;
    }
    if (heap_n + 1 >= heap_cap) {
        heap_cap = heap_cap ? heap_cap * 2 : 64;
        heap = mem_realloc(heap, heap_cap * sizeof(struct timer *));
    }
    sift_up(timer, ++heap_n);
}

void timer_dequeue(struct timer *timer)
{
    uint32_t at = timer->index;
    struct timer *last = heap[heap_n--];

    timer->index = 0;
    if (last == timer) {
        return;
    }
    if (at > 1 && heap[at / 2]->queued_ms > last->queued_ms) {
        sift_up(last, at);
    } else {
        sift_down(last, at);
    }
}

void timers_run(void)
{
    while (heap_n > 0 && heap[1]->queued_ms <= clock_now.ms) {
        struct timer *timer = heap[1];

        if (timer->deadline_ms > clock_now.ms) {
            timer->queued_ms = timer->deadline_ms; /* moved later since it was queued */
            sift_down(timer, 1);
            continue;
        }
        bool due = timer->deadline_ms != 0;
        timer_dequeue(timer);
        if (due) {
            timer->deadline_ms = 0;
            timer->fn(timer);
        }
    }
}

int64_t timers_next_ms(void)
{
    if (heap_n == 0) {
        return -1;
    }
    return heap[1]->queued_ms <= clock_now.ms ? 0 : (int64_t)(heap[1]->queued_ms - clock_now.ms);
}
