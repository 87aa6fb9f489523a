/* SPDX-License-Identifier: Apache-2.0 */
/* base/memory.h - the heap, with one policy: when memory is out, the process says so and ends
 * (abort), and its parent starts another. So no caller checks. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);          /* not zeroed */
void *mem_zalloc(size_t size);         /* zeroed */
void *mem_realloc(void *ptr, size_t size);
char *mem_strdup(const char *s);

/* What is in use is compared with `bytes` from now on; 0: never. */
void memory_watch(uint64_t bytes);
/* Are four fifths of that in use, or were they a moment ago? Then no more should be begun. What is in use
 * for more than a minute is not going to come back: then the answer is no. */
bool memory_is_short(void);

#endif
