/* SPDX-License-Identifier: Apache-2.0 */
/* limit/pace.h - bytes over time. No clock in here: the caller says what time it is. */
#ifndef LIMIT_PACE_H
#define LIMIT_PACE_H

#include <weir/types.h>

/* "1m/s", "64k/s": bytes per second. 0: it is not that. */
uint64_t pace_parse(weir_str text);

/* How many bytes may go now, when those before are in order at *due_ns; 0: wait until then. What goes at
 * once is about a tenth of a second's. */
uint64_t pace_room(uint64_t due_ns, uint64_t bytes_per_s, uint64_t now_ns);
/* `n` bytes go. */
void pace_take(uint64_t *due_ns, uint64_t bytes_per_s, uint64_t n, uint64_t now_ns);

#endif
