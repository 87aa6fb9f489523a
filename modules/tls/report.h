/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - mistakes and warnings about files: to whoever loads the configuration, or, when a file
 * was changed later, to the log. */
#ifndef TLS_REPORT_H
#define TLS_REPORT_H

#include "tls.h"

/* `cfg` NULL: nobody loads anything. */
__attribute__((format(printf, 3, 4))) void complain(weir_cfg *cfg, const char *opt,
                                                    const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void advise(weir_cfg *cfg, const char *opt, const char *fmt,
                                                  ...);
/* A worker repeats what the loader has done: it need not repeat the advice. */
void advise_not(bool is_repeated);
/* How often complain() was called so far. */
unsigned complaints(void);

#endif
