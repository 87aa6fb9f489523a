/* SPDX-License-Identifier: Apache-2.0 */
/* jwt/token.h - is a token (RFC 7519, in the compact form of RFC 7515) good? No I/O, no clock. */
#ifndef JWT_TOKEN_H
#define JWT_TOKEN_H

#include <jansson.h>

#include "keys.h"

#define TOKEN_MAX 8192 /* characters */

struct token_rules {
    uint32_t algorithms;       /* set of 1 << enum algorithm: what the configuration allows */
    const weir_str *audience;  /* one of these has to be in "aud"; n 0: it is not looked at */
    size_t audience_n;
    weir_str issuer;           /* empty: "iss" is not looked at */
    int64_t leeway_s;
    bool requires_expiry;
};

enum token_result {
    TOKEN_GOOD,
    TOKEN_BAD,        /* `why` */
    TOKEN_UNKNOWN_KEY /* it may be good by a key that is not among these */
};

/* `now_s`: seconds since 1970. GOOD: *claims is the payload, owned. */
enum token_result token_check(weir_str text, const struct key *keys,
                              const struct token_rules *rules, int64_t now_s, json_t **claims,
                              const char **why);

#endif
