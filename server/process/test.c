/* SPDX-License-Identifier: Apache-2.0 */
#include "process/test.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/running.h"
#include "base/str.h"
#include "config/keys.h"
#include "config/tests.h"
#include "http/chunked.h"
#include "http/client.h"
#include "http/server.h"
#include "module/regex.h"
#include "net/loop.h"
#include "process/file_rules.h"
#include "process/privilege.h"
#include "process/stub.h"
#include "process/syscall_filter.h"
#include "process/worker.h"
#include "upstream/exchange.h"
#include "upstream/group.h"
#include "upstream/spill.h"

enum { ALL_FINE = 0, SOME_FAILED = 1, CANNOT = 2 };

#define TEST_MS 10000
#define STUCK_S 20   /* a test that does not even notice that its time is over is ended */
#define CAME_BACK 64 /* exit statuses from here on are run_here()'s, others a module's */
#define SHOWN_MAX 200                /* bytes of what was found */
#define ANSWER_MAX (4 * 1024 * 1024) /* bytes that are kept of an answer */

static char folder[256]; /* all that is written goes there */

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *info, int what, struct FTW *place)
{
    (void)info;
    (void)what;
    return place->level == 0 ? 0 : remove(path);
}

static void empty_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool make_folder(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(folder, sizeof(folder), "%.200s/weir-test-XXXXXX", base && base[0] == '/' ? base : "/tmp");
    if (!mkdtemp(folder)) {
        fprintf(stderr, "weir: test: %s: %s\n", folder, strerror(errno));
        return false;
    }
    return true;
}

/* ---- what happened ---- */

/* What a test is held against. */
static struct run {
    const struct test *test;
    struct config *config;
    const struct client *client; /* ours: the request that is meant comes from there */
    int fd;                      /* the client's end */
    struct event event;
    struct timer timer;
    bool is_late;
    char *in;                    /* all that came */
    size_t in_n, in_cap;

    /* as the host saw it */
    bool is_seen;
    char *site, *route, *upstream, *reason, *detail;

    /* as the client did */
    struct http1_head head;
    struct fields fields;
    weir_str body;
    unsigned failures;
} run;

static char *keep(weir_str s)
{
    char *copy = mem_alloc(s.n + 1);

    if (s.n) {
        memcpy(copy, s.p, s.n);
    }
    copy[s.n] = '\0';
    return copy;
}

/* The request is over: LOG hooks run last. */
static weir_rc on_log(weir_req *req, const void *conf)
{
    (void)conf;
    if (req->client != run.client || run.is_seen) {
        return WEIR_NEXT; /* a module's own */
    }
    run.is_seen = true;
    run.site = keep(req->site && req->site->name_n ? req->site->names[0] : STR(""));
    run.route = keep(req->route ? req->route->name : STR(""));
    run.upstream = keep(req->attempts ? req->attempts->peer->group->conf->name : STR(""));
    run.reason = keep(reason_name(req->reason));
    run.detail = keep(str_from(req->reason_detail));
    return WEIR_NEXT;
}

static void watch_plan(struct config *config, struct plan *plan)
{
    static const weir_hook hook = {.phase = WEIR_LOG, .fn = on_log};
    static const struct module self = {.name = {"test", 4}};
    uint32_t n = plan->hook_n[PHASE_LOG];
    struct plan_hook *hooks = arena_alloc(&config->arena, (n + 1) * sizeof(*hooks));

    if (n) {
        memcpy(hooks, plan->hooks[PHASE_LOG], n * sizeof(*hooks));
    }
    hooks[n] = (struct plan_hook){.module = &self, .hook = &hook};
    plan->hooks[PHASE_LOG] = hooks;
    plan->hook_n[PHASE_LOG] = n + 1;
}

static void watch_plans(struct config *config)
{
    watch_plan(config, &config->top_plan);
    for (uint32_t i = 0; i < config->site_n; i++) {
        struct site *site = config->sites[i];

        watch_plan(config, &site->self->plan);
        for (uint32_t k = 0; k < site->route_n; k++) {
            watch_plan(config, &site->routes[k]->plan);
        }
    }
}

/* ---- complaints ---- */

__attribute__((format(printf, 2, 3))) static void fail(const struct source *at, const char *fmt, ...)
{
    va_list args;

    run.failures++;
    printf("%s:%u: %.*s: ", at->file ? at->file : "-", at->line, (int)run.test->request.n,
           run.test->request.p);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}

/* On one line, and not too long. */
static const char *shown(weir_str text)
{
    size_t n = text.n < SHOWN_MAX ? text.n : SHOWN_MAX, k = 0;
    char *out = arena_alloc(&run.config->arena, 4 * n + 5);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '\n' || c == '\r' || c == '\t') {
            out[k++] = '\\';
            out[k++] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        } else if (c < ' ' || c == 0x7f) {
            k += (size_t)snprintf(out + k, 5, "\\x%02x", c);
        } else {
            out[k++] = (char)c;
        }
    }
    memcpy(out + k, n < text.n ? "..." : "", n < text.n ? 4 : 1);
    return out;
}

/* A text, or "~" and a regular expression. */
static bool matches(weir_str found, weir_str expected, bool anywhere)
{
    char error[256] = "";

    if (expected.n && expected.p[0] == '~') {
        const weir_regex_ops *ops = keys_regex(run.config, &run.test->source);
        const weir_regex *regex =
            ops ? regex_compile(&run.config->arena, ops,
                                (weir_str){expected.p + 1, expected.n - 1}, error, sizeof(error))
                : NULL;

        if (!regex) {
            fail(&run.test->source, "\"%.*s\": %s", (int)expected.n, expected.p, error);
            return true;
        }
        return regex_match(regex, found, NULL, 0) > 0;
    }
    return anywhere ? memmem(found.p, found.n, expected.p, expected.n) != NULL
                    : str_eq(found, expected);
}

static void compare(const char *what, weir_str expected, const char *found)
{
    if (expected.p && !matches(str_from(found), expected, false)) {
        fail(&run.test->source, "%s: expected \"%s\", found \"%s\"", what, shown(expected), found);
    }
}

static void compare_field(const struct expected_field *expected)
{
    const weir_field *first = fields_get_named(&run.fields, expected->name);
    bool is_fine = expected->absent ? !first : false;

    for (const weir_field *field = first; field && !is_fine && !expected->absent;
         field = fields_next(&run.fields, field)) {
        is_fine = matches(field->value, expected->value, false);
    }
    if (is_fine) {
        return;
    }
    if (expected->absent) {
        fail(&expected->at, "headers.%s: expected none, found \"%s\"", expected->name.p,
             shown(first->value));
    } else {
        fail(&expected->at, "headers.%s: expected \"%s\", found %s%s%s", expected->name.p,
             shown(expected->value), first ? "\"" : "none", first ? shown(first->value) : "",
             first ? "\"" : "");
    }
}

static void compare_status(int64_t expected)
{
    if (expected && expected != run.head.status) {
        fail(&run.test->source, "status: expected %lld, found %u%s%s%s%s", (long long)expected,
             run.head.status, run.reason[0] ? " " : "", run.reason, run.detail[0] ? ": " : "",
             run.detail);
    }
}

static void compare_body(weir_str expected)
{
    if (expected.p && !matches(run.body, expected, true)) {
        fail(&run.test->source, "body: expected \"%s\" in it, found \"%s\"", shown(expected),
             shown(run.body));
    }
}

static void compare_all(void)
{
    const struct test *test = run.test;

    compare_status(test->expect.status);
    compare("site", test->expect.site, run.site);
    compare("route", test->expect.route, run.route);
    compare("upstream", test->expect.upstream, run.upstream);
    compare("reason", test->expect.reason, run.reason);
    for (uint32_t i = 0; i < test->expect.field_n; i++) {
        compare_field(&test->expect.fields[i]);
    }
    compare_body(test->expect.body);
}

/* ---- the client ---- */

static void put_field(FILE *out, weir_str name, weir_str value)
{
    fprintf(out, "%.*s: %.*s\r\n", (int)name.n, name.p, (int)value.n, value.p);
}

static bool has_header(const struct test *test, weir_str name)
{
    for (size_t i = 0; i < test->headers.n; i++) {
        if (str_ieq(test->headers.keys[i], name)) {
            return true;
        }
    }
    return false;
}

static bool send_request(const struct test *test)
{
    const weir_str *values = test->headers.items;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (!out) {
        return false;
    }
    fprintf(out, "%.*s %.*s HTTP/1.1\r\n", (int)test->method.n, test->method.p, (int)test->target.n,
            test->target.p);
    if (!has_header(test, STR("Host"))) {
        put_field(out, STR("Host"), test->host);
    }
    for (size_t i = 0; i < test->headers.n; i++) {
        put_field(out, test->headers.keys[i], values[i]);
    }
    if (test->body.n) {
        fprintf(out, "Content-Length: %zu\r\n", test->body.n);
    }
    fprintf(out, "Connection: close\r\n\r\n%.*s", (int)test->body.n, test->body.n ? test->body.p : "");
    fclose(out);
    bool fine = send(run.fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
    free(text);
    return fine;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    (void)arg;
    loop_woke();
    if (run.in_cap - run.in_n < 4096) {
        run.in_cap = 2 * run.in_cap + 65536;
        run.in = mem_realloc(run.in, run.in_cap);
    }
    ssize_t n = read(fd, run.in + run.in_n, run.in_cap - run.in_n);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    run.in_n += n > 0 ? (size_t)n : 0;
    if (n <= 0 || run.in_n > ANSWER_MAX) {
        event_del(&run.event);
        loop_stop();
    }
}

static void on_late(struct timer *timer)
{
    (void)timer;
    run.is_late = true;
    loop_stop();
}

/* The body without its framing. False: it is not whole. */
static bool read_body(const char *p, size_t n)
{
    struct arena *arena = &run.config->arena;
    struct chunked chunked;
    struct fields trailers;
    enum chunked_result result;
    weir_str data;

    if (run.head.framing != FRAMING_CHUNKED) {
        run.body = (weir_str){p, n};
        return run.head.framing != FRAMING_LENGTH || n == run.head.content_length;
    }
    char *at = arena_alloc(arena, n + 1);
    run.body.p = at;
    chunked_init(&chunked);
    fields_init(&trailers, arena);
    while ((result = chunked_decode(&chunked, &p, &n, &data, &trailers, NULL)) == CHUNKED_DATA) {
        memcpy(at + run.body.n, data.p, data.n);
        run.body.n += data.n;
    }
    return result == CHUNKED_END;
}

/* False: no answer came, which was said. */
static bool read_answer(void)
{
    const struct http1_limits limits = {
        .max_head = ANSWER_MAX, .max_line = ANSWER_MAX, .max_fields = 10000};
    enum http1_method method = http1_method_parse(run.test->method);
    struct http1_error error = {0};
    size_t at = 0, used = 0, scanned;

    do {
        at += used;
        scanned = used = 0;
        fields_init(&run.fields, &run.config->arena);
        if (http1_parse_response(run.in + at, run.in_n - at, &scanned, &limits, method, &run.head,
                                 &run.fields, &used, &error) != HTTP1_DONE) {
            fail(&run.test->source, "%s%s",
                 run.is_late ? "no answer within 10 seconds" : "the connection was closed without an answer",
                 run.is_late || run.in_n == 0 ? "" : " that could be read");
            return false;
        }
    } while (run.head.status < 200);
    at += used;
    if (!read_body(run.in + at, run.in_n - at)) {
        fail(&run.test->source, "the answer, status %u, was cut short: %s %s", run.head.status,
             run.is_seen ? run.reason : "", run.is_seen ? run.detail : "");
    }
    return true;
}

/* ---- where it goes ---- */

static bool listens(const struct listener *listener, const struct site *site)
{
    for (uint32_t i = 0; i < listener->site_n; i++) {
        if (listener->sites[i] == site) {
            return true;
        }
    }
    return false;
}

/* Without a port in the URL: the site's listener for the scheme, at the usual port if there is one. */
static const struct listener *find_listener(const struct config *config, const struct test *test)
{
    const struct listener *best = NULL;

    for (uint32_t i = 0; i < config->listener_n; i++) {
        const struct listener *listener = config->listeners[i];
        uint16_t port = addr_port(&listener->addr);

        if (test->has_scheme && listener->tls != test->tls) {
            continue;
        }
        if (test->port ? port == test->port : port == (listener->tls ? 443 : 80)) {
            if (test->port || listens(listener, test->site)) {
                return listener;
            }
        }
        if (!test->port && !best && listens(listener, test->site)) {
            best = listener;
        }
    }
    return best;
}

static bool connect_client(const struct test *test)
{
    const struct listener *listener = find_listener(run.config, test);
    struct addr addr;
    int pair[2];

    if (!listener) {
        fail(&test->source, "nothing listens there for %s", test->tls ? "https" : "http");
        return false;
    }
    if (addr_parse_client(test->from, &addr) != 0) {
        fail(&test->source, "from = \"%.*s\": expected an address", (int)test->from.n, test->from.p);
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        fail(&test->source, "socketpair: %s", strerror(errno));
        return false;
    }
    run.fd = pair[1];
    run.client = client_open(listener, pair[0], &addr, 0, false);
    return true;
}

/* ---- one test ---- */

/* What a worker does before it serves. False: said. */
static bool become_worker(struct config *config)
{
    struct privilege privilege;
    char error[512];

    if (!privilege_find(&config->server, &privilege, error, sizeof(error))) {
        fprintf(stderr, "weir: test: %s\n", error);
        return false;
    }
    if (privilege.drops && chown(folder, privilege.uid, privilege.gid) != 0) {
        fprintf(stderr, "weir: test: %s: %s\n", folder, strerror(errno));
        return false;
    }
    spill_set_folder(folder);
    if (!metrics_open() || !running_open() || !config_commit(config)) {
        diag_print(&config->diag, stderr);
        return false;
    }
    if (privilege.drops) {
        log_chown_all(privilege.uid, privilege.gid);
    }
    if (!privilege_drop(&privilege) || !file_rules_enter(config) ||
        !syscall_filter_enter(&config->registry, true)) {
        fprintf(stderr, "weir: test: the worker's rights cannot be given up: %s\n", strerror(errno));
        return false;
    }
    clock_update();
    loop_init();
    worker_start_modules(&config->registry);
    return true;
}

static void ask(const struct test *test)
{
    if (!connect_client(test)) {
        return;
    }
    if (!send_request(test)) {
        fail(&test->source, "the request is too large for a test");
        return;
    }
    event_assign(&run.event, loop.base, run.fd, EV_READ | EV_PERSIST, on_readable, NULL);
    event_add(&run.event, NULL);
    timer_init(&run.timer, on_late);
    timer_set(&run.timer, clock_now.ms + TEST_MS);
    loop_run();
    if (read_answer()) {
        compare_all();
    }
}

static int run_here(struct config *config, const struct test *test)
{
    const struct stub_answer answer = {.status = (uint32_t)test->backend.status,
                                       .headers = test->backend.headers,
                                       .body = test->backend.body};

    run = (struct run){.test = test,
                       .config = config,
                       .site = "",
                       .route = "",
                       .upstream = "",
                       .reason = "",
                       .detail = ""};
    stub_init(&answer);
    if (!become_worker(config)) {
        return CANNOT;
    }
    watch_plans(config);
    ask(test);
    return run.failures ? SOME_FAILED : ALL_FINE;
}

/* In a process of its own: a test leaves nothing for the next one, not even its death. */
static int run_test(struct config *config, const struct test *test)
{
    int status = 0;

    empty_folder();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(STUCK_S);
        int rc = run_here(config, test);

        fflush(stdout);
        _exit(CAME_BACK + rc);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("weir: test");
        return CANNOT;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) >= CAME_BACK) {
        return WEXITSTATUS(status) - CAME_BACK;
    }
    printf("%s:%u: %.*s: expected an answer, found the worker %s %d%s%s\n", test->source.file,
           test->source.line, (int)test->request.n, test->request.p,
           WIFSIGNALED(status) ? "dead of signal" : "gone, with status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
           WIFSIGNALED(status) ? ", " : "", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "");
    return SOME_FAILED;
}

/* ---- all of them ---- */

/* Is it in a file called so, as `weir enable` has it? */
static bool is_in_file(const struct site *site, const char *name)
{
    const char *file = site->source.file ? site->source.file : "";
    const char *slash = strrchr(file, '/');
    weir_str base = str_from(slash ? slash + 1 : file);

    return str_eq(base, str_from(name)) ||
           (str_ends_with(base, STR(".conf")) &&
            str_eq((weir_str){base.p, base.n - 5}, str_from(name)));
}

static bool is_meant(const struct site *site, const char *name)
{
    for (uint32_t i = 0; name && i < site->name_n; i++) {
        if (str_ieq(site->names[i], str_from(name))) {
            return true;
        }
    }
    return !name || is_in_file(site, name);
}

struct tally {
    unsigned tests, failed;
};

/* False: it cannot be gone on. */
static bool run_site(struct config *config, const struct site *site, struct tally *tally)
{
    uint32_t n;
    const struct test *tests = tests_read(config, site, &n);

    if (config->diag.errors) {
        diag_print(&config->diag, stderr);
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        int rc = run_test(config, &tests[i]);

        if (rc == CANNOT) {
            return false;
        }
        tally->tests++;
        tally->failed += rc == SOME_FAILED;
    }
    return true;
}

static int run_sites(struct config *config, const char *name)
{
    struct tally tally = {0};
    unsigned meant = 0;

    for (uint32_t i = 0; i < config->site_n; i++) {
        if (!is_meant(config->sites[i], name)) {
            continue;
        }
        meant++;
        if (!run_site(config, config->sites[i], &tally)) {
            return CANNOT;
        }
    }
    if (!meant) {
        fprintf(stderr, "weir: test: there is no site \"%s\", nor a file of that name with one\n",
                name ? name : "");
        return CANNOT;
    }
    if (tally.tests == 0) {
        fprintf(stderr, "weir: test: no tests: a site has them as tests = ( { request = \"GET /\"; expect = "
                "{ status = 200; }; } );\n");
        return CANNOT;
    }
    fflush(stdout);
    fprintf(stderr, "weir: %u test%s, %u failed\n", tally.tests, tally.tests == 1 ? "" : "s",
            tally.failed);
    return tally.failed ? SOME_FAILED : ALL_FINE;
}

/* The listeners stay what they are called, and speak in the clear. */
static void open_listeners(struct config *config)
{
    for (uint32_t i = 0; i < config->listener_n; i++) {
        config->listeners[i]->transport.ops = NULL;
    }
}

int test_main(struct config *config, const char *path, const char *site)
{
    int rc = CANNOT;

    if (!make_folder()) {
        return CANNOT;
    }
    config_private = folder;
    peer_opener = stub_open;
    signal(SIGPIPE, SIG_IGN);
    if (config_load(config, path, host_tables())) {
        open_listeners(config);
        rc = run_sites(config, site);
    } else {
        diag_print(&config->diag, stderr);
    }
    empty_folder();
    rmdir(folder);
    return rc;
}
