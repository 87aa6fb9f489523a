/* SPDX-License-Identifier: Apache-2.0 */
/* kit.h - the conformance kit: a host that is no friend of the module.
 *
 * It offers the module the same tables as weir does, on a clock of its own, and treats it as badly
 * as the contract in weir/ allows: bytes come one by one, memory fails, clients leave, deadlines
 * pass, locks are found broken. weir-module(1) builds it beside the module and runs it. */
#ifndef KIT_H
#define KIT_H

#include <stdio.h>
#include <weir/module.h>

/* ---- what happens to the module: the plan of one scenario ---- */

enum fate { FATE_RESUME, FATE_DEADLINE, FATE_CANCEL };

struct plan {
    unsigned seed;
    unsigned suspension; /* the n-th suspension (from 1) has this fate: */
    enum fate fate;
    unsigned allocation; /* the n-th (from 1) fails */
    uint64_t window;     /* most bytes on an edge; 0: 64 KiB */
    bool leaves;         /* the client leaves in the middle of the body */
};

extern struct plan plan;
extern const weir_module *kit_module;
extern void *kit_conf;
extern char kit_folder[256]; /* for files that settings name; goes away at the end */
extern unsigned kit_suspensions; /* so far, in this process */

/* Says what is wrong and what to do, and ends this scenario. */
__attribute__((format(printf, 1, 2), noreturn)) void fault(const char *fmt, ...);
unsigned pick(unsigned n); /* a random number below n */

/* ---- guard.c: memory with a fence, calls that block, allocations that fail ---- */

/* Around every call of the module: `where` for messages. */
void module_enter(const char *where);
void module_leave(void);
/* Around what the host does for it. */
int host_enter(void);
void host_leave(int inside);

void guard_init(void);
void guard_fail_allocation(unsigned n); /* the n-th from now on; 0: none */
bool guard_has_failed(void);
long guard_live(void);                            /* allocations of the module that are not freed */
void *guard_alloc(size_t size, const char *what); /* zeroed; ends at a page that nobody may touch */
void guard_retire(void *p);                       /* whoever touches it from now on is named */
void guard_check(void);                           /* has something been written behind its end? */

/* ---- chain.c ---- */

struct slice {
    struct slice *next;
    char *memory, *p;
    size_t n;
    void (*unref)(void *);
    void *arg;
};

struct weir_chain {
    struct slice *first, *last;
    uint64_t bytes;
    uint64_t limit; /* of bytes, for weir_chain_room() */
    char *reserved;
    size_t reserved_n;
};

extern const weir_chain_api chain_api;
void chain_add(struct weir_chain *chain, const void *p, size_t n);
void chain_free(struct weir_chain *chain);
/* All bytes in one piece; the caller frees it. */
char *chain_text(const struct weir_chain *chain);

/* ---- conf.c ---- */

struct weir_template {
    weir_str text;
};

extern const weir_cfg_api cfg_api;
extern const weir_zone_api zone_api;
/* The module's settings as after loading: defaults, examples of what is required, `settings` as
 * NAME=VALUE. Calls check() and commit(). */
void conf_make(char **settings, int setting_n);
int kit_match(const weir_regex *regex, weir_str subject, weir_str *groups, int group_max);

/* ---- loop.c ---- */

extern const weir_loop_api loop_api;
extern const struct weir_async_api async_api;
/* What is due on threads and timers, the earliest first. False: nothing is. */
bool loop_turn(void);
unsigned loop_timers(void);

/* ---- request.c ---- */

struct weir_req {
    weir_str method, target, host;
    weir_field fields[2][64];
    size_t field_n[2];
    uint32_t status;
    bool has_reply, ended, suspendable, ready, forwarded;
    unsigned rewrites;
    int64_t length;
    weir_reason reason;
    weir_str detail;
    struct weir_chain body;
    void *ctx;
    void *conn_slot;
    weir_pull_fn *pull;
    void (*end)(weir_req *req, void *state);
    void *pull_state;
    bool handler_pulls;
    /* suspension */
    weir_token token, used; /* outstanding, and the last one that was resumed */
    weir_rc outcome;
    bool resumed;
    void (*on_cancel)(void *);
    void *cancel_arg;
    uint32_t deadline_ms;
    void *memory[256]; /* of weir_alloc() */
    unsigned memory_n;
};

extern const weir_req_api req_api;
extern struct weir_req *current; /* the one whose token may be outstanding; NULL: none */
/* One request with random properties from its start to its end. */
void request_run(void);
/* The same bodies through one filter or handler in windows of all sizes. */
void bodies_run(unsigned rounds);
void balancers_run(void);
void connections_run(void);
extern const weir_conn_api conn_api;
extern unsigned filters_opened;

#endif
