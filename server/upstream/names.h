/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/names.h - peers' names that are looked up again and again (`resolve = true`), by a module
 * that provides a resolver. All addresses of a name change at once; what is under way on others ends
 * as it would have. */
#ifndef UPSTREAM_NAMES_H
#define UPSTREAM_NAMES_H

#include "upstream/group.h"

/* In a worker, once its loop exists. */
void names_start(const struct config *config);
/* Its first answer is still to come: requests for the peer may wait in *queue for it. */
bool names_are_coming(const struct weir_peer *peer, struct queue **queue);
/* Is that still one of the peer's addresses? */
bool names_have(const struct weir_peer *peer, const struct addr *addr);

#endif
