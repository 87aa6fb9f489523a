/* SPDX-License-Identifier: Apache-2.0 */
/* guard.c - memory with a fence behind it, calls that would block, allocations that fail. */
#define _GNU_SOURCE
#include "kit.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#else
#define UNDER_ASAN 0
#endif

static const char *where = "";
static int inside; /* the module's own code runs */
static long live;
static unsigned fail_at;
static bool has_failed;

void module_enter(const char *what)
{
    where = what;
    inside = 1;
}

void module_leave(void)
{
    inside = 0;
}

int host_enter(void)
{
    int was = inside;

    inside = 0;
    return was;
}

void host_leave(int was)
{
    inside = was;
}

void fault(const char *fmt, ...)
{
    va_list args;

    inside = 0;
    fflush(stdout);
    fprintf(stderr, "%s: in %s ", kit_module ? kit_module->name : "module",
            *where ? where : "the end");
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    _exit(3);
}

/* ---- allocations of the module: counted, and made to fail ---- */

void guard_fail_allocation(unsigned n)
{
    fail_at = n;
    has_failed = false;
}

bool guard_has_failed(void)
{
    return has_failed;
}

long guard_live(void)
{
    return live;
}

#if !UNDER_ASAN
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

/* Of the module's allocations a few are remembered by address, so that only its own are counted. */
#define KEPT (1 << 16)
static void *kept[KEPT];

static void keep(void *p)
{
    for (size_t i = 0, at = ((uintptr_t)p >> 4) % KEPT; p && i < KEPT; i++, at = (at + 1) % KEPT) {
        if (!kept[at] || kept[at] == (void *)1) {
            kept[at] = p;
            live++;
            return;
        }
    }
}

static void forget(void *p)
{
    for (size_t i = 0, at = ((uintptr_t)p >> 4) % KEPT; p && i < KEPT && kept[at];
         i++, at = (at + 1) % KEPT) {
        if (kept[at] == p) {
            kept[at] = (void *)1;
            live--;
            return;
        }
    }
}

static bool fails(void)
{
    if (inside && fail_at && --fail_at == 0) {
        has_failed = true;
        errno = ENOMEM;
        return true;
    }
    return false;
}

__attribute__((visibility("default"))) void *malloc(size_t n)
{
    void *p = fails() ? NULL : __libc_malloc(n);

    if (inside) {
        keep(p);
    }
    return p;
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    void *p = fails() ? NULL : __libc_calloc(n, size);

    if (inside) {
        keep(p);
    }
    return p;
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t n)
{
    if (fails()) {
        return NULL;
    }
    forget(old);
    void *p = __libc_realloc(old, n);
    if (inside) {
        keep(p);
    }
    return p;
}

__attribute__((visibility("default"))) void free(void *p)
{
    forget(p);
    __libc_free(p);
}
#endif

/* ---- calls that block: the module finds these before libc's ---- */

static void blocks(const char *name, const char *instead)
{
    if (inside) {
        fault("calls %s(), which blocks the worker and every other request in it: %s", name,
              instead);
    }
}

#define WAIT_INSTEAD "to wait, suspend the request and use weir_timer_start() or weir_watch_start()"
#define WORK_INSTEAD "work that blocks belongs into weir_offload()"
#define FORWARD(returns, name, parameters, arguments, instead)                                     \
    __attribute__((visibility("default"))) returns name parameters                                 \
    {                                                                                              \
        returns(*next) parameters = (returns(*) parameters)(uintptr_t)dlsym(RTLD_NEXT, #name);     \
                                                                                                   \
        blocks(#name, instead);                                                                    \
        return next arguments;                                                                     \
    }

FORWARD(unsigned, sleep, (unsigned s), (s), WAIT_INSTEAD)
FORWARD(int, usleep, (useconds_t us), (us), WAIT_INSTEAD)
FORWARD(int, nanosleep, (const struct timespec *a, struct timespec *b), (a, b), WAIT_INSTEAD)
FORWARD(int, clock_nanosleep, (clockid_t c, int f, const struct timespec *a, struct timespec *b),
        (c, f, a, b), WAIT_INSTEAD)
FORWARD(int, select, (int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *t), (n, r, w, e, t),
        WAIT_INSTEAD)
FORWARD(int, getaddrinfo,
        (const char *a, const char *b, const struct addrinfo *c, struct addrinfo **d), (a, b, c, d),
        WORK_INSTEAD)
FORWARD(struct hostent *, gethostbyname, (const char *a), (a), WORK_INSTEAD)
FORWARD(int, system, (const char *a), (a), WORK_INSTEAD)
FORWARD(FILE *, popen, (const char *a, const char *b), (a, b), WORK_INSTEAD)
FORWARD(int, fsync, (int fd), (fd), WORK_INSTEAD)
FORWARD(pid_t, waitpid, (pid_t pid, int *status, int flags), (pid, status, flags), WORK_INSTEAD)

__attribute__((visibility("default"))) int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    int (*next)(struct pollfd *, nfds_t, int) =
        (int (*)(struct pollfd *, nfds_t, int))(uintptr_t)dlsym(RTLD_NEXT, "poll");

    if (timeout != 0) {
        blocks("poll", WAIT_INSTEAD);
    }
    return next(fds, n, timeout);
}

/* ---- memory with a fence ---- */

#define AREAS 4096
#define CANARY 0xa5

static struct area {
    char *map, *p;
    size_t map_n, n, slack;
    const char *what;
    bool retired;
} areas[AREAS];
static unsigned area_n;

void *guard_alloc(size_t size, const char *what)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), rounded = (size + 15) / 16 * 16;
    size_t pages = (rounded + page - 1) / page * page + page;
    struct area *area = &areas[area_n++ % AREAS]; /* the oldest are forgotten, still out of reach */

    *area = (struct area){.map_n = pages, .n = size, .slack = rounded - size, .what = what};
    area->map = mmap(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area->map == MAP_FAILED) {
        perror("kit: mmap");
        _exit(4);
    }
    mprotect(area->map + pages - page, page, PROT_NONE);
    area->p = area->map + pages - page - rounded;
    memset(area->p + size, CANARY, area->slack);
    return area->p;
}

static void check(const struct area *area)
{
    for (size_t i = 0; i < area->slack; i++) {
        if ((unsigned char)area->p[area->n + i] != CANARY) {
            fault("wrote behind the end of %s, which has %zu bytes: %s", area->what, area->n,
                  strcmp(area->what, "its context") == 0
                      ? "is ctx_size in weir_module the sizeof what weir_ctx() is used as?"
                      : "ask for as much as is written");
        }
    }
}

void guard_check(void)
{
    for (unsigned i = 0; i < area_n && i < AREAS; i++) {
        if (!areas[i].retired && areas[i].map) {
            check(&areas[i]);
        }
    }
}

void guard_retire(void *p)
{
    for (unsigned i = 0; i < area_n && i < AREAS; i++) {
        if (areas[i].p == p && !areas[i].retired) {
            check(&areas[i]);
            areas[i].retired = true;
            mprotect(areas[i].map, areas[i].map_n, PROT_NONE);
        }
    }
}

static void touched_late(const struct area *area)
{
    if (strstr(area->what, "weir_fetch_answer")) {
        fault("touches %s after done() has returned: it is borrowed, so copy what is needed later",
              area->what);
    }
    fault("touches %s%s that has ended: stop timers, watches and fetches in on_cancel(), and after a "
          "resume that said WEIR_GONE touch nothing",
          area->what, strcmp(area->what, "a request") == 0 ? "" : " of a request");
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    const char *at = info->si_addr;

    (void)context;
    for (unsigned i = 0; signo == SIGSEGV && i < area_n && i < AREAS; i++) {
        const struct area *area = &areas[i];

        if (at >= area->map && at < area->map + area->map_n) {
            if (area->retired) {
                touched_late(area);
            }
            fault("writes past the end of %s, which has %zu bytes: %s", area->what, area->n,
                  strcmp(area->what, "its context") == 0
                      ? "is ctx_size in weir_module the sizeof what weir_ctx() is used as?"
                      : "ask for as much as is written");
        }
    }
    if (has_failed) {
        fault("dies of signal %d after an allocation failed: look at what malloc() returns", signo);
    }
    fault("dies of signal %d at address %p: run weir-module test with --asan to see where", signo,
          (const void *)at);
}

void guard_init(void)
{
    static char stack[64 * 1024];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&alternative, NULL);
    sigaction(SIGSEGV, &action, NULL);
    if (!UNDER_ASAN) { /* it says more about these itself */
        sigaction(SIGBUS, &action, NULL);
        sigaction(SIGFPE, &action, NULL);
        sigaction(SIGABRT, &action, NULL);
    }
}
