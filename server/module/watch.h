/* SPDX-License-Identifier: Apache-2.0 */
/* module/watch.h - what modules look after in the loader, and how workers hear of it.
 *
 * Workers cannot read what only root may; the loader, their parent, can. It calls each module's
 * watch() about once a second, and what that hands to weir_tell_workers() arrives at the module's
 * told() in every worker, through memory that nobody else sees. */
#ifndef MODULE_WATCH_H
#define MODULE_WATCH_H

#include "module/registry.h"

#define WATCH_MS 1000

/* Does any module want it? */
bool watch_is_wanted(const struct registry *registry);
/* Loader: calls all watch(). send() gets each message, to be handed to every worker with the number of its
 * module; the descriptor is closed afterwards. */
void watch_run(const struct registry *registry, void (*send)(void *arg, uint32_t module, int fd),
               void *arg);
/* Worker: a message has come; the caller closes `fd`. */
void watch_told(const struct registry *registry, uint32_t module, int fd);

/* For the modules' table. */
void watch_api_tell(const void *bytes, size_t n);

#endif
