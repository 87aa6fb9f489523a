/* SPDX-License-Identifier: Apache-2.0 */
/* weir/module.h - what a module declares. The only header a module has to include.
 *
 * A module is a shared object with one exported symbol. It declares its options, its hooks and
 * what it provides in constant tables, and names them in one weir_module:
 *
 *     #include <weir/module.h>
 *
 *     static weir_rc on_response(weir_req *req, const void *conf)
 *     {
 *         return weir_edit(req, WEIR_RESPONSE, WEIR_SET, WEIR_STR("X-Hello"), WEIR_STR("world"));
 *     }
 *
 *     static const weir_hook hooks[] = {{.phase = WEIR_RES_START, .fn = on_response}};
 *
 *     static const weir_module module = {
 *         WEIR_MODULE_HEAD("hello", "1.0"),
 *         .doc = "Adds X-Hello to every response.",
 *         .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
 *         .hooks = hooks,
 *         .hook_n = WEIR_COUNT(hooks),
 *     };
 *
 *     WEIR_MODULE(hello, 1, "", module)
 *
 * ABI history (major 0 changes freely until it is frozen as 1.0):
 *   0.1  first version
 *   0.2  transports and codecs (weir/connection.h), weir_cfg_tls_client(), weir_cfg_secret()
 *   0.3  shared memory and tables in it (weir/zone.h); weir_set_groups(), weir_cfg_regex(), weir_strip_prefix(), WEIR_OPT_VARIABLES
 *        codecs towards backends, weir_stream; watch() and told()
 *        metrics (weir/metrics.h)
 *        ctx_free, WEIR_OPT_BARE; syscalls
 *        phases of connections, weir_set_client_addr(); weir/async.h
 *        body filters (weir/filter.h)
 *        weir_watch_start(); active checks and resolvers (weir/peers.h)
 *        balancers: create(), shared memory, keys; WEIR_PEER_SHARE, WEIR_PEER_ID, WEIR_PEER_SLOT
 *        weir_background(), WEIR_UP_RESPONSE
 *        weir/accept.h, weir/utf8.h, weir/share.h, weir/range.h
 *        commands (weir/command.h)
 *        weir_fetch_start(), weir_cfg_at()
 *        what is kept beside stored responses (weir/keep.h)
 *        weir_waited_us()
 */
#ifndef WEIR_MODULE_H
#define WEIR_MODULE_H

#define WEIR_ABI_MAJOR 0
#define WEIR_ABI_MINOR 3

#include "types.h"
#include "fields.h"
#include "options.h"
#include "filter.h"
#include "peers.h"
#include "host.h"
#include "async.h"
#include "command.h"
#include "keep.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A hook runs on the worker's loop thread and must not block. `conf` is the module's struct for
 * the request's route (before a route is chosen: for the site; before a site: the top level). */
typedef weir_rc weir_hook_fn(weir_req *req, const void *conf);

/* A hook of a phase of connections (WEIR_CONN_*). No site is known then: `conf` is that of the
 * listener's site that answers any host, or of its first, and only that site's modules are asked.
 * WEIR_NEXT; WEIR_DONE: skip the phase's remaining hooks; WEIR_HANDLED or WEIR_ERROR: close the
 * connection; PREREAD alone: WEIR_WANT_READ, call me again when more has come. */
typedef weir_rc weir_conn_hook_fn(weir_conn *conn, const void *conf);

typedef struct {
    weir_phase phase;
    int32_t stage;             /* -2 .. 2: early to late in the phase; 0 is usual */
    const char *before, *after; /* space-separated module or capability names, may be NULL */
    union {
        weir_hook_fn *fn;
        weir_conn_hook_fn *conn_fn; /* of WEIR_CONN_*; since 0.3 */
    };
} weir_hook;

/* A variable "name", or with a trailing "*" all that begin so; `suffix` is then the rest.
 * Sets *out to bytes that live as long as the request. WEIR_NOTFOUND: empty. */
typedef weir_rc weir_var_fn(weir_req *req, weir_str suffix, weir_str *out);

typedef struct {
    const char *name;
    weir_phase from; /* the first phase in which it has a value */
    weir_var_fn *get;
    const char *doc;
} weir_var;

/* A content handler: makes a route's response. */
typedef struct {
    uint32_t size;
    /* Returns WEIR_HANDLED after weir_reply(), weir_respond() (the body is then what is in
     * weir_body()) or weir_forward(); WEIR_MORE after weir_respond() when pull() makes the body;
     * WEIR_AGAIN when suspended (start is called again after the resume); WEIR_NEXT to decline. */
    weir_rc (*start)(weir_req *req, const void *conf);
    /* Appends at most about `room` bytes to `out`. WEIR_MORE: call me again when there is room;
     * WEIR_AGAIN (since 0.3): nothing now, weir_pull_ready() will tell; WEIR_OK: that was all;
     * WEIR_ERROR: the stream is aborted, never ended as if whole. */
    weir_rc (*pull)(weir_req *req, const void *conf, weir_chain *out, size_t room);
} weir_handler_ops;

/* How an attempt at a peer went, for a balancer's done(). */
typedef enum {
    WEIR_PEER_OK,
    WEIR_PEER_FAILED, /* refused, timed out, invalid answer */
    WEIR_PEER_ABORTED /* ended for a reason of the client's */
} weir_outcome;

/* What a balancer gets to know of its group. */
typedef struct {
    uint32_t size;
    weir_peer *const *peers;    /* lives until close() */
    uint32_t n;
    uint32_t capacity;          /* peers that there can ever be: of shared_peer parts */
    const weir_template *key;   /* `key` of the upstream; NULL: none */
    void *shared;               /* shared_group + capacity * shared_peer bytes that all workers
                                   see, zeroed before the first one: use atomics in it. A peer's
                                   part is found by weir_peer_info(peer, WEIR_PEER_SLOT). */
} weir_balancer_group;

/* A balancer ranks the peers of one group in one worker, nothing else: pools, health, retries
 * and limits are the host's. */
typedef struct {
    uint32_t size;
    const char *name; /* as in `balance = "NAME"` */
    /* `peers` lives until close(). Returns the balancer's state, NULL when out of memory. When
     * peers are added it is closed and opened anew. */
    void *(*open)(weir_peer *const *peers, uint32_t n);
    void (*close)(void *state);
    /* Chooses among the peers whose bit is set in `usable` ((n + 63) / 64 words; at least one is
     * set). Returns WEIR_OK with *index, or WEIR_NEXT for none. */
    weir_rc (*pick)(void *state, weir_req *req, const uint64_t *usable, uint32_t *index);
    void (*done)(void *state, uint32_t index, weir_outcome outcome, uint64_t usec); /* or NULL */
    /* since 0.3 */
    void *(*create)(const weir_balancer_group *group); /* NULL, or instead of open() */
    uint32_t shared_group, shared_peer;                /* bytes; multiples of 8 */
    bool needs_key;                                    /* `key` has to be set */
} weir_balancer_ops;

/* Regular expressions, for routes and for other modules' WEIR_T_REGEX options. */
typedef struct {
    uint32_t size;
    /* Returns NULL after writing why into `error`. */
    void *(*compile)(const char *pattern, char *error, size_t error_size);
    /* Returns the number of groups set (1: the whole match), 0 for no match, or WEIR_ERROR when
     * the limit on backtracking was passed. groups[] may be NULL. */
    int (*match)(const void *regex, weir_str subject, weir_str *groups, int group_max);
    void (*free)(void *regex);
} weir_regex_ops;

enum {
    /* A top-level group switches the module on for every site. */
    WEIR_MODULE_TOP_ENABLES = 1,
    /* Hooks run once per scope that has the group, the outermost first, each with that scope's
     * own settings, instead of once with the inherited ones. */
    WEIR_MODULE_ADDITIVE = 2,
    /* On failure the routes that use the module are closed (503), not served without it. */
    WEIR_MODULE_FAIL_CLOSED = 4,
    /* The handler goes by the decoded path: an escaped slash in it is refused with 400 before
     * the handler runs, unless client.encoded_slash says otherwise. */
    WEIR_MODULE_DECODED_PATH = 8,
    /* The handler serves who looks after weir: it goes on while a worker that is short of memory
     * refuses everything else with 503. */
    WEIR_MODULE_ESSENTIAL = 16
};

typedef struct weir_module {
    uint32_t size;
    uint16_t abi_major, abi_minor;         /* minor: the lowest this module works with */
    uint32_t hook_size, opt_size, var_size; /* bytes of a row */
    const char *name, *version;
    const char *doc;                        /* one sentence */
    uint32_t flags;                         /* WEIR_MODULE_* */
    uint32_t scopes;                        /* WEIR_S_*: where its group may stand */
    const weir_hook *hooks;
    const weir_opt *opts;
    const weir_var *vars;
    uint32_t hook_n, opt_n, var_n;
    uint32_t conf_size;                     /* of the options' struct; zeroed, then filled */
    uint32_t ctx_size;                      /* per request, see weir_ctx(); zeroed */
    /* Loader: what no single option can check. Reports through weir_cfg_error(). No side
     * effects: it also runs for `weir -t`. */
    void (*check)(weir_cfg *cfg, void *conf);
    /* Loader, once every check has passed: open, allocate, look up. May write to `conf`. A
     * mistake found only here is reported through weir_cfg_error() and stops the load. */
    void (*commit)(weir_cfg *cfg, void *conf);
    weir_rc (*worker_start)(void);
    void (*worker_stop)(void);              /* orderly end: flush */
    void (*reopen)(void);                   /* log files may have been moved away */
    const weir_handler_ops *handler;        /* NULL: no content */
    const weir_balancer_ops *const *balancers; /* ends with NULL; NULL: none */
    const weir_regex_ops *regex;            /* NULL: none */
    const weir_transport_ops *transport;    /* since 0.2; NULL: none */
    const weir_codec_ops *codec;            /* since 0.2; NULL: none */
    /* Since 0.3, both may be NULL. Loader, about once a second while the generation serves: looks
     * after what workers may not read (keys), and hands news to weir_tell_workers(). Must not
     * block for long. A worker that is started later has what watch() changed in memory. */
    void (*watch)(void);
    void (*told)(const void *bytes, size_t n); /* each worker: news; borrowed during the call */
    void (*ctx_free)(void *ctx);            /* since 0.3; NULL: none. The request has ended, on
                                               whichever route: called if weir_ctx() was */
    const weir_filter_ops *const *filters; /* since 0.3; ends with NULL; NULL: none */
    /* Since 0.3: numbers (SYS_*, <sys/syscall.h>) of system calls that the module needs in workers
     * and that they may not use otherwise; ends with -1. NULL: none. */
    const int *syscalls;
    const weir_health_ops *health;          /* since 0.3; NULL: none */
    const weir_resolver_ops *resolver;      /* since 0.3; NULL: none */
    const weir_command *const *commands;    /* since 0.3; ends with NULL; NULL: none */
    const weir_keeper_ops *keeper;          /* since 0.3; NULL: none */
} weir_module;

/* What a weir_module of ABI 0.1 had. */
#define WEIR_MODULE_SIZE_0_1 offsetof(weir_module, transport)

/* The first members of every weir_module. */
#define WEIR_MODULE_HEAD(name_, version_)                                                          \
    .size = sizeof(weir_module), .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,         \
    .hook_size = sizeof(weir_hook), .opt_size = sizeof(weir_opt), .var_size = sizeof(weir_var),    \
    .name = (name_), .version = (version_)

#define WEIR_TEXT_(x) #x
#define WEIR_TEXT(x) WEIR_TEXT_(x)

/* The module's only exported symbol, the pointer behind the weir_* wrappers, and a section that
 * host and tools read without running the file: name, ABI, and after "provides" a space-separated
 * list of capabilities: "handler" "balancer:NAME" "var:NAME" "var:PREFIX*" "regex" "transport" "codec"
 * "health" "resolver" "command:NAME".
 * `minor` is the lowest ABI minor the module works with. */
#define WEIR_MODULE(name_, minor_, provides_, module_)                                             \
    __attribute__((used, section(".weir.abi"))) static const char weir_note_[] =                   \
        "weir-module " #name_ " abi " WEIR_TEXT(WEIR_ABI_MAJOR) "." #minor_                        \
        " provides " provides_;                                                                    \
    const weir_host *weir_host_;                                                                   \
    __attribute__((visibility("default"))) const weir_module *weir_module_v1(const weir_host *);   \
    const weir_module *weir_module_v1(const weir_host *host)                                       \
    {                                                                                              \
        weir_host_ = host;                                                                         \
        return &(module_);                                                                         \
    }

#ifdef __cplusplus
}
#endif
#endif
