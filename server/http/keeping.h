/* SPDX-License-Identifier: Apache-2.0 */
/* http/keeping.h - between filters that make something of stored responses and modules that keep it:
 * see weir/keep.h. */
#ifndef HTTP_KEEPING_H
#define HTTP_KEEPING_H

#include <weir/module.h>

extern const struct weir_keep_api keeping_api;

#endif
