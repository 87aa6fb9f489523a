/* SPDX-License-Identifier: Apache-2.0 */
/* http/site.h - sites, routes and listeners as the configuration made them. Read only once the
 * workers run; owned by the generation's arena. */
#ifndef HTTP_SITE_H
#define HTTP_SITE_H

#include "base/addr.h"
#include "base/log.h"
#include "base/table.h"
#include "config/status_set.h"
#include "http/traffic.h"
#include "module/plan.h"
#include "net/io.h"

/* A place in the configuration. */
struct source {
    const char *file; /* NULL: a default */
    unsigned line;
};

/* The group `client`. */
struct client_conf {
    uint64_t header_timeout_ms, body_timeout_ms, send_timeout_ms, keepalive_timeout_ms;
    int64_t keepalive_requests;
    uint64_t max_header; /* bytes of a head */
    int64_t max_headers; /* fields */
    uint64_t max_body;   /* bytes; 0: no limit */
    uint64_t min_rate, min_response_rate; /* bytes per second, of either body; 0: none */
    uint64_t min_rate_grace_ms;
    uint32_t encoded_slash; /* enum encoded_slash */
    struct source max_body_source; /* where max_body was set, for the 413's log line */
};

enum encoded_slash {
    SLASH_AUTO,   /* kept where a backend decides, refused where a file or an access rule does */
    SLASH_KEEP,
    SLASH_REFUSE
};

/* When hooks of the access phase disagree. */
enum satisfy {
    SATISFY_ALL, /* each has to agree */
    SATISFY_ANY  /* one that agrees is enough */
};

enum route_kind {
    ROUTE_SITE,   /* the site itself, when no route matches */
    ROUTE_EXACT,
    ROUTE_PREFIX,
    ROUTE_REGEX
};

/* One condition of `match`: a request field, query argument or cookie that has to be there and to
 * match. */
enum match_of { MATCH_FIELD, MATCH_ARGUMENT, MATCH_COOKIE };

struct route_match {
    enum match_of of;
    weir_str name;
    const weir_regex *regex;
};

/* What a route is chosen by. */
struct routed {
    weir_str path;               /* decoded */
    uint32_t method;             /* an enum http1_method bit */
    const struct fields *fields; /* of the request */
    weir_str query;
};

/* One entry of `on_error`: what is answered instead of some errors. Either another route makes the
 * answer (`path`, or the route called `name`), or it is a text. */
struct on_error {
    struct status_set status;
    const weir_template *path; /* NULL: none */
    weir_str name;             /* path = "@NAME"; empty: a path, or a text */
    const weir_template *text; /* NULL: what `file` holds */
    weir_str file;             /* its contents */
    weir_str type;
    uint32_t answer;           /* the status; 0: as it was; ON_ERROR_OWN */
    bool upstream;             /* backends' answers, too */
    weir_str shown;            /* as the configuration has it: "404, 5xx -> /sorry.html" */
    struct source source;
};

#define ON_ERROR_OWN UINT32_MAX /* the other route's */

/* Those that hold in a scope, the innermost first. */
struct on_errors {
    const struct on_error **list;
    uint32_t n;
    bool upstream;           /* one of them is about backends' answers */
};

struct route {
    struct site *site;
    enum route_kind kind;
    weir_str path;           /* EXACT, PREFIX: decoded; REGEX: the pattern; SITE: empty */
    weir_str name;           /* for logs and explain: `name`, else path or pattern, else "site" */
    const weir_regex *regex; /* REGEX */
    bool final;
    bool internal;           /* clients get 404: only other routes lead here */
    uint32_t satisfy;        /* enum satisfy */
    uint32_t methods;        /* set of enum http1_method bits; 0: any */
    const struct route_match *matches; /* all have to hold */
    uint32_t match_n;
    struct route *next_exact; /* EXACT: the next one of the same path, in file order */
    struct client_conf client;
    struct on_errors on_errors;
    struct log *error_log;   /* never NULL */
    struct plan plan;
    struct source source;
    uint32_t index;          /* in site->routes; the site's own route: UINT32_MAX */
};

struct site {
    weir_str *names;         /* as configured, lower case */
    uint32_t name_n;         /* 0: any host */
    bool is_default;
    struct route **routes;   /* in file order */
    uint32_t route_n;
    struct route *self;      /* ROUTE_SITE */
    struct table exact;      /* EXACT routes by path */
    weir_str protocols;      /* for ALPN, on the wire; empty: HTTP/1.1 alone */
    struct source source;
    struct traffic traffic;
    uint32_t index;          /* in config->sites */
};

struct host_pattern {
    weir_str text;           /* ".example.com" of "*.example.com"; "example." of "example.*" */
    struct site *site;
};

struct listener {
    struct addr addr;
    weir_str text;           /* as configured: "http://127.0.0.1:80" */
    bool tls;
    struct transport transport;    /* tls: which module's */
    const struct module **codecs;  /* of its sites, HTTP/1 aside */
    uint32_t codec_n;
    const struct module *preface_codec;
    const char *preface;           /* of the codec that is spoken here without tls; NULL: none */
    const struct module *upgrade_codec; /* that HTTP/1.1 without tls may become; NULL: none */
    struct table hosts;      /* exact names -> struct site */
    struct host_pattern *suffixes; /* longest first */
    struct host_pattern *prefixes; /* longest first */
    uint32_t suffix_n, prefix_n;
    struct site *fallback;   /* for any other host; NULL: 421 */
    struct site **sites;     /* all that listen here, in file order */
    uint32_t site_n;
    struct source source;
    uint32_t index;          /* in config->listeners */
};

/* The site of `host` (lower case, no port, no trailing dot): exact, longest "*.x", longest "x.*",
 * fallback. NULL: nobody's. */
struct site *listener_find_site(const struct listener *listener, weir_str host);

/* The same where some site has to be named, before there is a request: without one of that name the
 * fallback, else the listener's first; *is_known (may be NULL) tells. */
struct site *listener_site_or_default(const struct listener *listener, weir_str name,
                                      bool *is_known);

/* The route of a request (DESIGN: exact; else the longest prefix if final; else the first regex in
 * file order; else the longest prefix; else the site itself). Routes whose `match` does not hold or
 * that do not take the method are passed over; *allowed (may be NULL) gets the methods of those that
 * matched but for that. Of several with the same path the first in file order is taken. Never
 * NULL. */
struct route *site_find_route(const struct site *site, const struct routed *request,
                              uint32_t *allowed);

#endif
