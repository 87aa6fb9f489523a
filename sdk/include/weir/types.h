/* SPDX-License-Identifier: Apache-2.0 */
/* weir/types.h - the words that host and modules share: strings, fields, return codes, phases.
 *
 * Needs <stddef.h>, <stdint.h> and <stdbool.h> only: no type of libevent, libconfig, OpenSSL or
 * nghttp2 crosses the line between host and module.
 */
#ifndef WEIR_TYPES_H
#define WEIR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque handles. They belong to the host; none outlives the request, connection or generation
 * that it stands for. */
typedef struct weir_req weir_req;           /* one request and its response */
typedef struct weir_conn weir_conn;         /* one connection, to a client or a peer */
typedef struct weir_chain weir_chain;       /* a body: a queue of slices */
typedef struct weir_cfg weir_cfg;           /* where in the configuration a value stands */
typedef struct weir_template weir_template; /* a compiled "text with $variables" */
typedef struct weir_regex weir_regex;       /* a compiled regular expression */
typedef struct weir_upstream weir_upstream; /* a group of backends, or one that a URL names */
typedef struct weir_peer weir_peer;         /* one backend of a group */
typedef struct weir_watch weir_watch;       /* a descriptor of the module's in the loop */
typedef uint64_t weir_token;                /* a suspended request; a stale one is recognised */

/* Bytes and their number: never a C string, may hold NUL, `p` may be NULL when `n` is 0. */
typedef struct {
    const char *p;
    size_t n;
} weir_str;

#ifdef __cplusplus
#define WEIR_STR(literal) (weir_str{(literal), sizeof(literal) - 1})
#else
#define WEIR_STR(literal) ((weir_str){(literal), sizeof(literal) - 1})
#endif

/* One header field. `id` is the known name's number (weir/fields.h) or 0. */
typedef struct {
    weir_str name, value;
    uint32_t id;
    uint32_t flags; /* WEIR_FIELD_* */
} weir_field;

enum {
    WEIR_FIELD_RULE = 1, /* set by a module on an admin's behalf, not received */
};

/* A run of an array. The element type is said where the list is declared. */
typedef struct {
    const void *items;
    size_t n;
} weir_list;

/* Keys and, under the same index, values. Keys are in file order. */
typedef struct {
    const weir_str *keys;
    const void *items;
    size_t n;
} weir_map;

/* What a module's function says to the host. Never an HTTP status: to refuse a request, reply to
 * it (weir_reply) and return WEIR_HANDLED. */
typedef int32_t weir_rc;
enum {
    WEIR_OK = 0,
    WEIR_NEXT = 0,     /* no opinion: the next hook of this phase; a handler: declined */
    WEIR_DONE = 1,     /* this phase is satisfied: skip its remaining hooks */
    WEIR_HANDLED = 2,  /* the response is decided: reply, respond or forward was called */
    WEIR_AGAIN = 3,    /* suspended; legal only while a token is outstanding */
    WEIR_MORE = 4,     /* pull: there is more, call again when there is room */
    WEIR_WANT_READ = 5, /* WEIR_CONN_PREREAD: more bytes are needed to tell */
    WEIR_ERROR = -1,   /* my fault: charged to this module, then the phase's error policy */
    WEIR_GONE = -2,    /* a stale token, an ended request */
    WEIR_NOTFOUND = -3 /* there is no such field, variable, peer */
};

/* The points of a connection's and a request's life, in the order in which they are reached.
 * Gaps leave room. What each accepts and what an error there means is in the manual. */
typedef enum {
    WEIR_CONN_ACCEPT = 10,  /* a client has connected, nothing was read (since 0.3) */
    WEIR_CONN_PREREAD = 20, /* its first bytes are there, before any handshake (since 0.3) */
    WEIR_CONN_CLOSE = 90,   /* it is gone; for each that was accepted, once (since 0.3) */
    WEIR_REQ_START = 110,   /* head parsed, no site chosen yet */
    WEIR_REQ_REWRITE = 120, /* site chosen; path, query and host may change: then the route */
    WEIR_REQ_LIMIT = 130,   /* rates, concurrency: before what is expensive */
    WEIR_REQ_ACCESS = 140,  /* may this client do this? */
    WEIR_REQ_PREPARE = 150, /* last edits of the request */
    WEIR_REQ_LOOKUP = 160,  /* answer from a store; then the route's content handler */
    WEIR_UP_RESPONSE = 220, /* since 0.3; the origin has answered, or failed: see the manual */
    WEIR_RES_START = 310,   /* every response, errors included: edit status and fields */
    WEIR_RES_HEADERS = 320, /* the final look, with lengths settled */
    WEIR_LOG = 410,         /* always, once, read only */
    WEIR_REQ_END = 420      /* always, once: undo what the module began */
} weir_phase;

/* Which fields: those of the request or those of the response. */
typedef enum {
    WEIR_REQUEST = 0,
    WEIR_RESPONSE = 1
} weir_side;

/* How fields are edited. */
typedef enum {
    WEIR_SET,   /* replace all fields of that name by one */
    WEIR_ADD,   /* one more line */
    WEIR_REMOVE /* all fields of that name; the value is ignored */
} weir_edit_op;

/* What weir_get() tells of a request. All are borrowed until the request ends; an absent one is
 * the empty string. */
typedef enum {
    WEIR_GET_METHOD,
    WEIR_GET_SCHEME,       /* "http" or "https", as the client's connection was */
    WEIR_GET_HOST,         /* lower case, without the port */
    WEIR_GET_AUTHORITY,    /* as the client sent it, with the port if there was one */
    WEIR_GET_TARGET,       /* path and query exactly as received, or as last rewritten */
    WEIR_GET_PATH,         /* decoded, dot segments resolved: for decisions, not for sending */
    WEIR_GET_RAW_PATH,     /* the target without the query */
    WEIR_GET_QUERY,        /* without the '?' */
    WEIR_GET_CLIENT_ADDR,  /* textual address, "unix:" for a unix socket */
    WEIR_GET_CLIENT_PORT,
    WEIR_GET_ID,           /* the request id, 32 hexadecimal digits */
    WEIR_GET_SITE,         /* first name of the site; empty before a site is chosen */
    WEIR_GET_ROUTE,        /* the route's name: its path, exact path, regex, or `name` */
    WEIR_GET_ROUTE_PREFIX, /* the `path` that matched; empty for other kinds of routes */
    WEIR_GET_PROTOCOL      /* "HTTP/1.1" */
} weir_get_what;

/* Why weir itself made a response, after RFC 9209, 2.3 where it has a word for it. */
typedef enum {
    WEIR_REASON_NONE,
    WEIR_REASON_DESTINATION_NOT_FOUND,   /* no backend is configured */
    WEIR_REASON_DESTINATION_UNAVAILABLE, /* all backends are out */
    WEIR_REASON_DNS_ERROR,
    WEIR_REASON_CONNECTION_REFUSED,
    WEIR_REASON_CONNECTION_TIMEOUT,
    WEIR_REASON_CONNECTION_TERMINATED, /* closed before an answer */
    WEIR_REASON_CONNECTION_READ_TIMEOUT,
    WEIR_REASON_CONNECTION_WRITE_TIMEOUT,
    WEIR_REASON_CONNECTION_LIMIT_REACHED,
    WEIR_REASON_HTTP_REQUEST_ERROR,       /* the client's request is malformed */
    WEIR_REASON_HTTP_REQUEST_DENIED,      /* it is well-formed, and not allowed */
    WEIR_REASON_HTTP_RESPONSE_INCOMPLETE, /* the backend stopped in the middle */
    WEIR_REASON_HTTP_RESPONSE_HEADER_SIZE,
    WEIR_REASON_HTTP_RESPONSE_TIMEOUT, /* the overall deadline passed */
    WEIR_REASON_HTTP_UPGRADE_FAILED,
    WEIR_REASON_HTTP_PROTOCOL_ERROR, /* the backend's answer is malformed */
    WEIR_REASON_PROXY_LOOP_DETECTED,
    WEIR_REASON_PROXY_INTERNAL_ERROR,
    WEIR_REASON_PROXY_CONFIGURATION_ERROR,
    WEIR_REASON_LIMIT_EXCEEDED,
    WEIR_REASON_ACCESS_DENIED,
    WEIR_REASON_ROUTE_NOT_FOUND,  /* the site has no content for this path */
    WEIR_REASON_SITE_NOT_FOUND,   /* nobody answers for this host name here */
    WEIR_REASON_FILE_NOT_FOUND,
    WEIR_REASON_METHOD_NOT_ALLOWED,
    WEIR_REASON_RANGE_NOT_SATISFIABLE,
    WEIR_REASON_REQUEST_TIMEOUT,  /* the client was too slow */
    WEIR_REASON_REQUEST_TOO_LARGE,
    WEIR_REASON_CLIENT_GONE,
    WEIR_REASON_TLS_ERROR,        /* the handshake with the backend failed */
    WEIR_REASON_CONFIGURED,       /* redirect, respond: the configuration says so */
    WEIR_REASON_COUNT
} weir_reason;

/* Log levels, the most important first. */
typedef enum {
    WEIR_LOG_ERROR,
    WEIR_LOG_WARN,
    WEIR_LOG_INFO,
    WEIR_LOG_DEBUG
} weir_log_level;

#ifdef __cplusplus
}
#endif
#endif
