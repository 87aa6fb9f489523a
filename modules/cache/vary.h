/* SPDX-License-Identifier: Apache-2.0 */
/* vary.h - variants: which request fields select among a URL's responses, and with which values
 * (RFC 9111, 4.1). */
#ifndef CACHE_VARY_H
#define CACHE_VARY_H

#include "message.h"

#define VARY_NAMES_MAX 256    /* bytes of a list of names */
#define VARY_VALUES_MAX 4096  /* bytes of a request's values */

/* The names in all Vary lines: in lower case, sorted, each once, separated by commas; empty when
 * there are none. False: "*", or more than fit. */
bool vary_names(const struct message *response, char out[VARY_NAMES_MAX], weir_str *names);

/* What the request has in these fields, in a form in which only a difference in meaning is one:
 * lines are joined, spaces around members go; of Accept, Accept-Charset, -Encoding and -Language also
 * spaces inside, case, and the order of members. A field that is absent is not one that is empty. False:
 * more than fit. */
bool vary_values(weir_str names, const struct message *request, char out[VARY_VALUES_MAX],
                 weir_str *values);

#endif
