/* SPDX-License-Identifier: Apache-2.0 */
/* weir/accept.h - how much a client likes something: lists with quality values (RFC 9110, 12.4).
 *
 * Nothing here needs the host. Not included by module.h; since 0.3.
 */
#ifndef WEIR_ACCEPT_H
#define WEIR_ACCEPT_H

#include <string.h>
#include <strings.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Without the spaces and tabs around it. */
static inline weir_str weir_trim(weir_str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

/* Cuts what is before `separator` off the front, without the blanks around it; rest->p is NULL
 * after the last part. */
static inline weir_str weir_list_cut(weir_str *rest, char separator)
{
    const char *at = rest->n ? (const char *)memchr(rest->p, separator, rest->n) : NULL;
    weir_str part = {rest->p, at ? (size_t)(at - rest->p) : rest->n};

    if (at) {
        rest->n -= part.n + 1;
        rest->p = at + 1;
    } else {
        rest->n = 0;
        rest->p = NULL;
    }
    return weir_trim(part);
}

/* "0.5" in thousandths; what is no quality value counts as nothing. */
static inline int weir_quality_value(weir_str text)
{
    int value = 0, unit = 100;

    if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1') ||
        (text.n > 1 && text.p[1] != '.')) {
        return 0;
    }
    value = (text.p[0] - '0') * 1000;
    for (size_t i = 2; i < text.n; i++, unit /= 10) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return 0;
        }
        value += (text.p[i] - '0') * unit;
    }
    return value > 1000 ? 0 : value;
}

/* What a field such as Accept-Encoding or Accept says of `name`, in thousandths; -1: it does not
 * name it. Wildcards are names of their own: ask for them as well. */
static inline int weir_quality_of(weir_str field, const char *name)
{
    size_t n = strlen(name);
    int found = -1;

    while (field.p) {
        weir_str parameters = weir_list_cut(&field, ',');
        weir_str word = weir_list_cut(&parameters, ';');
        int q = 1000;

        while (parameters.p) {
            weir_str value = weir_list_cut(&parameters, ';');
            weir_str key = weir_list_cut(&value, '=');

            if (key.n == 1 && (key.p[0] == 'q' || key.p[0] == 'Q')) {
                q = weir_quality_value(weir_list_cut(&value, '\0'));
            }
        }
        if (word.n == n && strncasecmp(word.p, name, n) == 0) {
            found = q;
        }
    }
    return found;
}

#ifdef __cplusplus
}
#endif
#endif
