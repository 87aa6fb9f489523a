/* SPDX-License-Identifier: Apache-2.0 */
/* config/config.h - a configuration: from files to what workers run.
 *
 * Loading never stops at the first mistake: everything that can be checked is, and *diag holds
 * all of it. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdio.h>

#include "config/diag.h"
#include "config/status_set.h"
#include "http/site.h"
#include "http/variable.h"
#include "module/registry.h"

/* The group `server`. */
struct server_conf {
    int64_t workers;            /* "auto": the CPUs this process may use */
    weir_str user, group;       /* only used when started as root; group empty: the user's */
    weir_str error_log_path;    /* empty: standard error */
    uint32_t error_log_level;   /* weir_log_level */
    weir_list modules_path;     /* weir_str; empty: installed folder or build tree */
    weir_list modules;          /* weir_str; empty: all installed */
    weir_str pid_file, control, control_group, temp_path;
    int64_t connections;        /* per worker */
    int64_t connections_per_address; /* the same; 0: any number */
    uint64_t drain_timeout_ms, stall_timeout_ms;
    uint64_t worker_memory;     /* most that a worker may allocate; 0: no limit */
    bool sandbox;               /* workers give up what serving does not need */
};

/* One of `servers` of an upstream. */
struct peer_conf {
    weir_str address;           /* host:port, [v6]:port, unix:/path */
    int64_t weight, max_fails, max_connections;
    uint64_t fail_timeout_ms;
    uint64_t slow_start_ms;     /* 0: at once */
    int64_t proxy_protocol;     /* version sent in front; 0: none */
    bool backup, down, drain;
    struct source source;
};

/* What is worth another try: bits of upstream_conf.retry_on. */
enum {
    RETRY_CONNECT = 1, /* no connection came about */
    RETRY_ERROR = 2,   /* it ended before an answer */
    RETRY_TIMEOUT = 4,
    RETRY_INVALID = 8  /* the answer makes no sense */
};

/* The group `health` of an upstream. */
struct health_conf {
    uint32_t type;              /* weir_health_type */
    const struct module *module; /* that makes the checks; NULL: there are none */
    weir_str path, host, body, service;
    uint64_t interval_ms, timeout_ms;
    int64_t rise, fall, port;
    weir_list expect_words;     /* weir_str */
    struct status_set expect;
    bool uses_tls;
    struct {
        bool verify;
        weir_str ca, name, certificate, key;
    } tls;
    const struct module *transport;
    struct source tls_source;
    const struct tls_client *tls_client; /* made by the commit; NULL: plain */
};

/* One of `upstream`. */
struct upstream_conf {
    weir_str name;
    struct peer_conf *peers;
    uint32_t peer_n;
    weir_str balance;           /* "round_robin" */
    const weir_balancer_ops *balancer;
    const struct module *balancer_module; /* whose that is */
    int64_t keepalive;          /* idle connections kept per worker */
    uint64_t keepalive_timeout_ms;
    int64_t retry_tries;        /* 0: each peer once */
    int64_t retry_budget;       /* percent of live requests */
    uint64_t retry_timeout_ms;  /* for the head of an answer, per try; 0: read_timeout alone */
    uint64_t retry_hedge_ms;    /* until a second peer is asked, too; 0: never */
    weir_list retry_words;      /* weir_str: `on` */
    uint32_t retry_on;          /* RETRY_* */
    struct status_set retry_status;
    const weir_template *key;   /* for balancers; NULL: none */
    bool resolve;               /* names are looked up again and again */
    const struct module *resolver; /* by whom; NULL: once */
    int64_t queue_length;       /* requests that may wait for a place, per worker; 0: none */
    uint64_t queue_timeout_ms;
    weir_str sticky_cookie;     /* its name; empty: none */
    uint64_t sticky_ttl_ms;     /* 0: as long as the browser runs */
    weir_list eject_words;      /* weir_str: `status` */
    struct status_set eject_status;
    int64_t eject_ratio;        /* percent; 0: each counts as a failure */
    uint64_t eject_window_ms, eject_latency_ms;
    struct health_conf health;
    struct source source;
    struct upstream_group *group; /* made by upstream/ when the configuration is committed */
};

/* A value of an option of type PATH, anywhere. */
struct config_path {
    struct config_path *next;
    weir_str path;              /* absolute */
    uint32_t flags;             /* WEIR_OPT_* */
};

struct config {
    struct arena arena;
    struct diag diag;
    const char *path;           /* -c: a folder or a file */
    struct registry registry;
    struct server_conf server;
    struct upstream_conf **upstreams;
    uint32_t upstream_n;
    struct site **sites;
    uint32_t site_n;
    struct listener **listeners;
    uint32_t listener_n;
    struct plan top_plan;       /* REQ_START for all; LOG and the rest for requests without a site */
    struct client_conf client;  /* before a site is known: the defaults */
    struct on_errors on_errors; /* the same */
    const weir_regex_ops *regex; /* NULL: not loaded */
    struct config_path *paths;  /* each once for its flags */
    struct config_tree *tree;   /* files as read; for -T and explain */
};

/* Reads, checks and builds. Has no side effects besides loading modules (dlopen). True: no errors
 * (there may be warnings in config->diag). config_unload() after either. */
bool config_load(struct config *config, const char *path, const weir_host *host);

/* What `load` leaves out: calls the modules' commit for every use, opens logs. True: no errors.
 * Once, after config_load(), in the loader. */
bool config_commit(struct config *config);

/* Not "destroy": libconfig has a function of that name. */
void config_unload(struct config *config);

/* Notes a mistake. */
void config_error(struct config *config, const struct source *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* `weir -T`: the effective configuration as text that can be read back, each line with the place
 * that it comes from. */
void config_print(const struct config *config, FILE *out);
/* The same for config_diff(): lines of path, value and place, separated by tabs. */
void config_print_flat(const struct config *config, FILE *out);
/* What differs between two such texts, printed as `weir diff` does, or with `as_json` one object per
 * line; `out` NULL: not printed. Returns how many options do. The texts are written to. */
unsigned config_diff(char *live, char *files, bool as_json, FILE *out);

/* The merged value of each option that module `use` has in force on `route`, with its source, in
 * the schema's order: for explain. */
typedef void config_option_fn(void *arg, const char *option, const char *value,
                              const struct source *source);
void config_each_option(const struct config *config, const struct route *route,
                        const struct module *module, config_option_fn *fn, void *arg);

/* What modules make keys from: the same in all workers and generations, since the master keeps it.
 * All zero where nothing is served (`weir -t`). */
#define CONFIG_SECRET 32
extern unsigned char config_secret[CONFIG_SECRET];

/* `weir test`: the folder that all that is written goes to, whatever the configuration says. Names are not
 * looked up then, keys are not read, and backends are plain HTTP. NULL: things are as configured. */
extern const char *config_private;

/* The configuration being loaded or run by this process; what weir_cfg_* works on. */
extern struct config *config_current;

#endif
