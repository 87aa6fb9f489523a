/* SPDX-License-Identifier: Apache-2.0 */
/* variables.h - $ssl_*: what is told of a client's connection. */
#ifndef TLS_VARIABLES_H
#define TLS_VARIABLES_H

#include "tls.h"

#define TLS_VARIABLE_N 1

extern const weir_var tls_variables[TLS_VARIABLE_N];

#endif
