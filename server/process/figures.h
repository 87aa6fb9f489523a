/* SPDX-License-Identifier: Apache-2.0 */
/* process/figures.h - metrics that are looked up when they are asked for: the generations that have
 * workers, and how peers are. */
#ifndef PROCESS_FIGURES_H
#define PROCESS_FIGURES_H

#include "config/config.h"

/* Worker: they are part of metrics_each() from now on. */
void figures_start(const struct config *config);

#endif
