/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include "base/clock.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 50 /* how often the heap is counted, which takes time */
#define SHORT_MAX_MS 60000

static void *checked(void *p)
{
    static const char message[] = "weir: out of memory\n";

    if (!p) {
        ssize_t n = write(STDERR_FILENO, message, sizeof(message) - 1);

        (void)n;
        abort();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *mem_realloc(void *ptr, size_t size)
{
    return checked(realloc(ptr, size ? size : 1));
}

char *mem_strdup(const char *s)
{
    return checked(strdup(s));
}

static uint64_t enough_bytes; /* 0: nobody counts */

void memory_watch(uint64_t bytes)
{
    enough_bytes = bytes / 5 * 4;
}

bool memory_is_short(void)
{
    static uint64_t looked_ms, since_ms;
    static bool is_short;

    if (!enough_bytes) {
        return false;
    }
    if (looked_ms == 0 || clock_now.ms - looked_ms >= LOOK_MS) {
        struct mallinfo2 heap = mallinfo2();

        looked_ms = clock_now.ms;
        is_short = heap.uordblks + heap.hblkhd > enough_bytes;
        since_ms = !is_short ? 0 : since_ms ? since_ms : looked_ms;
    }
    return is_short && looked_ms - since_ms < SHORT_MAX_MS;
}
