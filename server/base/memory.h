/* SPDX-License-Identifier: Apache-2.0 */
/* base/memory.h - the heap, with one policy: when memory is out, the process says so and ends
 * (abort), and its parent starts another. So no caller checks. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

void *mem_alloc(size_t size);          /* not zeroed */
void *mem_zalloc(size_t size);         /* zeroed */
void *mem_realloc(void *ptr, size_t size);
char *mem_strdup(const char *s);

#endif
