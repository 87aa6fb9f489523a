/* SPDX-License-Identifier: Apache-2.0 */
/* process/postmortem.h - what a worker was doing when it died or got stuck, and which module is to
 * blame; and modules that have been to blame too often. The loader's. */
#ifndef PROCESS_POSTMORTEM_H
#define PROCESS_POSTMORTEM_H

#include <stddef.h>

#include "base/running.h"
#include "config/config.h"

#define POSTMORTEM_TEXT 1024

/* "in module NAME, phase access, site ..., route ..., request ID; ..." or "outside of modules". */
void postmortem_where(const struct running *slot, char out[POSTMORTEM_TEXT]);

/* A death or a stall (`what` is "deaths" or "stalls") is counted in the metrics. */
void postmortem_count(const struct module *module, const char *what);
/* That many of the module's within a minute: is it time for quarantine? */
bool postmortem_is_enough(const struct module *module, uint64_t now_ms);

/* Takes the modules whose names are in the space-separated list out of all plans: their hooks are
 * skipped, or, where they guard something or make the content, the routes are closed. */
void quarantine_apply(struct config *config, const char *names);
/* Transports and codecs cannot be taken out: nothing could be said on their connections. */
bool quarantine_is_possible(const struct module *module);

#endif
