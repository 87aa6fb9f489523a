/* SPDX-License-Identifier: Apache-2.0 */
/* weir/fields.h - header fields that have a number, so that they are found without comparing.
 *
 * A number never changes; new names come at the end. Every other name has the number 0 and is
 * found by weir_header_named().
 */
#ifndef WEIR_FIELDS_H
#define WEIR_FIELDS_H

/* X(number's name, canonical spelling) */
#define WEIR_KNOWN_FIELDS(X)                                                                       \
    X(HOST, "Host")                                                                                \
    X(CONNECTION, "Connection")                                                                    \
    X(KEEP_ALIVE, "Keep-Alive")                                                                    \
    X(TRANSFER_ENCODING, "Transfer-Encoding")                                                      \
    X(CONTENT_LENGTH, "Content-Length")                                                            \
    X(UPGRADE, "Upgrade")                                                                          \
    X(TE, "TE")                                                                                    \
    X(TRAILER, "Trailer")                                                                          \
    X(EXPECT, "Expect")                                                                            \
    X(PROXY_CONNECTION, "Proxy-Connection")                                                        \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization")                                                  \
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate")                                                    \
    X(ACCEPT, "Accept")                                                                            \
    X(ACCEPT_ENCODING, "Accept-Encoding")                                                          \
    X(ACCEPT_LANGUAGE, "Accept-Language")                                                          \
    X(ACCEPT_RANGES, "Accept-Ranges")                                                              \
    X(AGE, "Age")                                                                                  \
    X(ALLOW, "Allow")                                                                              \
    X(AUTHORIZATION, "Authorization")                                                              \
    X(CACHE_CONTROL, "Cache-Control")                                                              \
    X(CONTENT_DISPOSITION, "Content-Disposition")                                                  \
    X(CONTENT_ENCODING, "Content-Encoding")                                                        \
    X(CONTENT_LANGUAGE, "Content-Language")                                                        \
    X(CONTENT_LOCATION, "Content-Location")                                                        \
    X(CONTENT_RANGE, "Content-Range")                                                              \
    X(CONTENT_TYPE, "Content-Type")                                                                \
    X(COOKIE, "Cookie")                                                                            \
    X(DATE, "Date")                                                                                \
    X(ETAG, "ETag")                                                                                \
    X(EXPIRES, "Expires")                                                                          \
    X(FORWARDED, "Forwarded")                                                                      \
    X(IF_MATCH, "If-Match")                                                                        \
    X(IF_MODIFIED_SINCE, "If-Modified-Since")                                                      \
    X(IF_NONE_MATCH, "If-None-Match")                                                              \
    X(IF_RANGE, "If-Range")                                                                        \
    X(IF_UNMODIFIED_SINCE, "If-Unmodified-Since")                                                  \
    X(LAST_MODIFIED, "Last-Modified")                                                              \
    X(LINK, "Link")                                                                                \
    X(LOCATION, "Location")                                                                        \
    X(ORIGIN, "Origin")                                                                            \
    X(PRAGMA, "Pragma")                                                                            \
    X(RANGE, "Range")                                                                              \
    X(REFERER, "Referer")                                                                          \
    X(RETRY_AFTER, "Retry-After")                                                                  \
    X(SERVER, "Server")                                                                            \
    X(SET_COOKIE, "Set-Cookie")                                                                    \
    X(STRICT_TRANSPORT_SECURITY, "Strict-Transport-Security")                                      \
    X(USER_AGENT, "User-Agent")                                                                    \
    X(VARY, "Vary")                                                                                \
    X(VIA, "Via")                                                                                  \
    X(WWW_AUTHENTICATE, "WWW-Authenticate")                                                        \
    X(X_ACCEL_BUFFERING, "X-Accel-Buffering")                                                      \
    X(X_FORWARDED_FOR, "X-Forwarded-For")                                                          \
    X(X_FORWARDED_HOST, "X-Forwarded-Host")                                                        \
    X(X_FORWARDED_PROTO, "X-Forwarded-Proto")                                                      \
    X(X_REAL_IP, "X-Real-IP")                                                                      \
    X(X_FRAME_OPTIONS, "X-Frame-Options")                                                          \
    X(X_CONTENT_TYPE_OPTIONS, "X-Content-Type-Options")                                            \
    X(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key")                                                      \
    X(SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept")                                                \
    X(SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version")                                              \
    X(PROXY_STATUS, "Proxy-Status")                                                                \
    X(X_ACCEL_REDIRECT, "X-Accel-Redirect")                                                        \
    X(RATELIMIT_LIMIT, "RateLimit-Limit")                                                          \
    X(RATELIMIT_REMAINING, "RateLimit-Remaining")                                                  \
    X(RATELIMIT_RESET, "RateLimit-Reset")

enum {
    WEIR_FIELD_OTHER = 0,
#define WEIR_FIELD_ENUM(id, name) WEIR_F_##id,
    WEIR_KNOWN_FIELDS(WEIR_FIELD_ENUM)
#undef WEIR_FIELD_ENUM
        WEIR_F_COUNT /* grows with minor versions */
};

#endif
