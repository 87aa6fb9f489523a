/* SPDX-License-Identifier: Apache-2.0 */
/* kit.c - the scenarios, each in a process of its own.
 *
 *   kit NAME.so [OPTION=VALUE...]      prints a line for each: "ok", "NOT OK", "skipped" */
#define _GNU_SOURCE
#include "kit.h"

#include <dlfcn.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUESTS 200
#define SUSPENSIONS 6
#define ALLOCATIONS 60
#define SECONDS 120

struct plan plan;
const weir_module *kit_module;
char kit_folder[256];

static char **settings;
static int setting_n;
static unsigned long random_state;

unsigned pick(unsigned n)
{
    random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
    return n ? (unsigned)(random_state >> 33) % n : 0;
}

/* ---- the rest of the host ---- */

static void host_log(weir_log_level level, const weir_req *req, const char *fmt, va_list args)
{
    char text[1024];
    int was = host_enter();

    (void)level;
    (void)req;
    vsnprintf(text, sizeof(text), fmt, args); /* what it is given has to be readable */
    host_leave(was);
}

static int64_t host_peer(const weir_peer *peer, uint32_t what)
{
    uint32_t index;

    memcpy(&index, peer, sizeof(index));
    switch (what) {
    case WEIR_PEER_WEIGHT:
        return 1 + index % 3;
    case WEIR_PEER_SHARE:
        return 1000 * (1 + index % 3);
    case WEIR_PEER_ID:
        return 1000003 * (int64_t)(index + 1);
    case WEIR_PEER_SLOT:
        return index;
    default:
        return pick(4);
    }
}

static weir_str host_strip_prefix(weir_str raw, weir_str prefix)
{
    return raw.n >= prefix.n && memcmp(raw.p, prefix.p, prefix.n) == 0
               ? (weir_str){raw.p + prefix.n, raw.n - prefix.n}
               : (weir_str){NULL, 0};
}

static void host_tell(const void *bytes, size_t n)
{
    if (kit_module->told) {
        kit_module->told(bytes, n);
    }
}

static uint32_t metric_define(weir_cfg *cfg, const char *name, int kind, const char *labels,
                              const char *doc)
{
    static uint32_t n;

    (void)cfg;
    (void)name;
    (void)kind;
    (void)labels;
    (void)doc;
    return n++;
}

static void metric_add(uint32_t metric, int64_t n)
{
    (void)metric;
    (void)n;
}

static void metric_each(weir_metric_fn *fn, void *arg)
{
    static const weir_metric_view view = {.size = sizeof(view),
                                          .name = "weir_kit_requests_total",
                                          .labels = "",
                                          .doc = "Requests.",
                                          .value = 1};

    fn(arg, &view);
}

static uint64_t metric_limit(uint32_t bucket)
{
    return bucket;
}

static const weir_metric_api metric_api = {.size = sizeof(metric_api),
                                           .define = metric_define,
                                           .add = metric_add,
                                           .set = metric_add,
                                           .each = metric_each,
                                           .bucket_limit = metric_limit};

/* Nothing is stored here. */
static weir_rc keep_open(weir_req *req, weir_str name, weir_kept **kept, uint64_t *length)
{
    (void)req;
    (void)name;
    (void)kept;
    (void)length;
    return WEIR_NEXT;
}

static const struct weir_keep_api keep_api = {.size = sizeof(keep_api), .open = keep_open};

static const weir_host host = {
    .size = sizeof(host),
    .abi_major = WEIR_ABI_MAJOR,
    .abi_minor = WEIR_ABI_MINOR,
    .version = "kit",
    .req = &req_api,
    .chain = &chain_api,
    .loop = &loop_api,
    .cfg = &cfg_api,
    .log = host_log,
    .peer = host_peer,
    .match = kit_match,
    .conn = &conn_api,
    .zone = &zone_api,
    .strip_prefix = host_strip_prefix,
    .tell_workers = host_tell,
    .metric = &metric_api,
    .async = &async_api,
    .keep = &keep_api,
};

/* ---- scenarios ---- */

static void requests(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        request_run();
    }
}

static void stop_worker(void)
{
    if (kit_module->worker_stop) {
        module_enter("worker_stop()");
        kit_module->worker_stop();
        module_leave();
    }
}

static void serve(void)
{
    requests(REQUESTS);
    stop_worker();
}

/* Whatever a module keeps, it keeps after some requests; from then on nothing may grow. */
static void leak(void)
{
    requests(REQUESTS);
    long live = guard_live();
    unsigned timers = loop_timers();
    requests(REQUESTS);
    long more = guard_live() - live;
    module_enter("");
    if (more >= REQUESTS / 4) {
        fault("%ld allocations are left after %d more requests: what outlives a hook is freed in "
              "ctx_free(), close(), end() or on_cancel(), or is memory of weir_alloc()",
              more, REQUESTS);
    }
    if (loop_timers() > timers) {
        fault("timers are left when all requests have ended");
    }
    module_leave();
}

static void small_windows(void)
{
    plan.window = 1 + pick(4);
    requests(REQUESTS / 2);
    bodies_run(REQUESTS);
    if (kit_module->filters && !filters_opened) {
        printf("        its filters took part in none of the bodies that were tried: give "
               "OPTION=VALUE that lets them\n");
    }
}

static void client_leaves(void)
{
    plan.leaves = true;
    plan.window = 7;
    requests(REQUESTS);
}

static void balance(void)
{
    for (unsigned i = 0; i < 50; i++) {
        balancers_run();
    }
    long live = guard_live();
    for (unsigned i = 0; i < 50; i++) {
        balancers_run();
    }
    if (guard_live() > live) {
        fault("%ld allocations are left after close() of a balancer", guard_live() - live);
    }
}

static void connect_all(void)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        connections_run();
    }
}

static void reopen(void)
{
    requests(3);
    module_enter("reopen()");
    kit_module->reopen();
    module_leave();
    requests(3);
}

/* ---- running them ---- */

enum outcome { FINE = 0, SKIPPED = 2, FAULTY = 3, NOT_REACHED = 9 };

/* In a process of its own; what it says goes to *said. */
static enum outcome run_apart(void (*scenario)(void), char *said, size_t size)
{
    int out[2];
    size_t n = 0;
    ssize_t got;
    int status;

    fflush(stdout);
    if (pipe(out) != 0) {
        return SKIPPED;
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(out[1], 2);
        alarm(SECONDS);
        random_state = plan.seed;
        conf_make(settings, setting_n);
        guard_fail_allocation(plan.allocation);
        scenario();
        fflush(stdout);
        bool was_reached =
            plan.allocation ? guard_has_failed() : kit_suspensions >= plan.suspension;
        _exit(was_reached ? FINE : NOT_REACHED);
    }
    close(out[1]);
    while (n + 1 < size && (got = read(out[0], said + n, size - 1 - n)) > 0) {
        n += (size_t)got;
    }
    said[n] = '\0';
    close(out[0]);
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) {
        snprintf(said, size,
                 WTERMSIG(status) == SIGALRM ? "does not come to an end within %d s"
                                             : "dies of signal %d",
                 WTERMSIG(status) == SIGALRM ? SECONDS : WTERMSIG(status));
        return FAULTY;
    }
    switch (WEXITSTATUS(status)) {
    case FINE:
    case SKIPPED:
    case NOT_REACHED:
        return (enum outcome)WEXITSTATUS(status);
    default:
        return FAULTY;
    }
}

static void report(enum outcome outcome, const char *what, const char *said)
{
    if (outcome == FINE) {
        printf("ok      %s\n%s", what, said);
    } else if (outcome == SKIPPED) {
        printf("%s", said);
        exit(1);
    } else {
        printf("NOT OK  %s: %s%s", what, said, *said && said[strlen(said) - 1] == '\n' ? "" : "\n");
        printf("        the rest is not tried until that is mended\n");
        exit(1);
    }
}

static void once(void (*scenario)(void), const char *what)
{
    char said[8192];

    plan = (struct plan){.seed = 1};
    report(run_apart(scenario, said, sizeof(said)), what, said);
}

static void some(void)
{
    requests(20);
}

/* One process for each suspension or allocation, until there are no more. */
static void each(struct plan first, unsigned most, const char *what)
{
    char said[8192] = "", title[128];
    enum outcome outcome = FINE;
    unsigned n = 0;

    for (; outcome == FINE && n < most; n += outcome != NOT_REACHED) {
        plan = first;
        plan.seed = 7 + n;
        *(first.fate ? &plan.suspension : &plan.allocation) = n + 1;
        outcome = run_apart(some, said, sizeof(said));
    }
    if (n) {
        snprintf(title, sizeof(title), "%s (%u)", what, n);
        report(outcome == NOT_REACHED ? FINE : outcome, title, said);
    }
}

static void not_tried(const void *table, const char *name)
{
    if (table) {
        printf("        not tried: its %s\n", name);
    }
}

static bool has_phase(int from, int to)
{
    for (uint32_t i = 0; i < kit_module->hook_n; i++) {
        if ((int)kit_module->hooks[i].phase >= from && (int)kit_module->hooks[i].phase <= to) {
            return true;
        }
    }
    return false;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

/* Scenarios end by _exit(), so this runs once. */
static void remove_folder(void)
{
    nftw(kit_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int make_folder(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(kit_folder, sizeof(kit_folder), "%s/weir-kit-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(kit_folder)) {
        perror(kit_folder);
        return 1;
    }
    atexit(remove_folder);
    return 0;
}

static int load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!handle) {
        fprintf(stderr, "kit: %s\n", dlerror());
        return 1;
    }
    union {
        void *object;
        const weir_module *(*fn)(const weir_host *);
    } entry = {.object = dlsym(handle, "weir_module_v1")};
    if (!entry.object) {
        fprintf(stderr, "kit: %s has no symbol weir_module_v1: is WEIR_MODULE() in it?\n", path);
        return 1;
    }
    const weir_module *module = entry.fn(&host);
    static weir_module whole; /* an older one's table is shorter */
    memcpy(&whole, module, module->size < sizeof(whole) ? module->size : sizeof(whole));
    kit_module = &whole;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: kit NAME.so [OPTION=VALUE...]\n");
        return 2;
    }
    settings = argv + 2;
    setting_n = argc - 2;
    guard_init();
    if (load(argv[1]) != 0 || make_folder() != 0) {
        return 1;
    }
    bool serves =
        has_phase(WEIR_REQ_START, WEIR_REQ_END) || kit_module->handler || kit_module->filters;
    if (serves) {
        once(serve, "requests of all kinds");
        once(small_windows, "bodies in random pieces and windows of one byte on");
        once(client_leaves, "clients that leave in the middle of a body");
        each((struct plan){.fate = FATE_DEADLINE}, SUSPENSIONS,
             "a deadline that passes at each suspension");
        each((struct plan){.fate = FATE_CANCEL}, SUSPENSIONS,
             "a client that leaves at each suspension");
        once(leak, "nothing grows from request to request");
        each((struct plan){.fate = FATE_RESUME}, ALLOCATIONS,
             "memory that is not there, at each allocation");
    }
    if (kit_module->balancers) {
        once(balance, "balancers, with any peers out");
    }
    if (has_phase(WEIR_CONN_ACCEPT, WEIR_CONN_CLOSE)) {
        once(connect_all, "connections whose first bytes come one by one");
    }
    if (kit_module->reopen && serves) {
        once(reopen, "log files that are opened again");
    }
    not_tried(kit_module->transport, "transport");
    not_tried(kit_module->codec, "codec");
    not_tried(kit_module->regex, "regular expressions");
    not_tried(kit_module->health, "health checks");
    not_tried(kit_module->resolver, "resolver");
    return 0;
}
