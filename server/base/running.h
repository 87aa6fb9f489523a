/* SPDX-License-Identifier: Apache-2.0 */
/* base/running.h - whose code runs right now, for logs and for calls that come back from it. */
#ifndef BASE_RUNNING_H
#define BASE_RUNNING_H

struct module;

/* The module whose function was called; NULL: the host itself. Callers put back what they found. */
extern const struct module *module_running;

#endif
