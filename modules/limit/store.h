/* SPDX-License-Identifier: Apache-2.0 */
/* limit/store.h - a zone's rate shared by several machines through Redis. Each one limits by its own
 * counters, tells Redis a few times a second what it has admitted, and hears how far all of them
 * together are ahead. While Redis is away each machine limits on its own. */
#ifndef LIMIT_STORE_H
#define LIMIT_STORE_H

#include "zone.h"

/* commit(): of zone->store_url. False: a mistake was reported. */
bool store_open(weir_cfg *cfg, struct zone *zone);
/* A request of this key was admitted. No lock is held. */
void store_note(struct zone *zone, uint64_t hash, weir_str key);

#endif
