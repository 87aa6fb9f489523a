/* SPDX-License-Identifier: Apache-2.0 */
#include "process/syscall_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "base/log.h"
#include "base/running.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* What host and modules call, and what glibc does for them. Not every architecture has all. */
static const int allowed[] = {
#ifdef __x86_64__
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_mkdir, SYS_rmdir, SYS_unlink,
    SYS_rename, SYS_link, SYS_dup2, SYS_pipe, SYS_epoll_wait, SYS_poll, SYS_select, SYS_eventfd,
    SYS_time, SYS_arch_prctl,
#endif
    /* files */
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev,
    SYS_preadv2, SYS_pwritev2, SYS_close, SYS_openat, SYS_openat2, SYS_fstat, SYS_newfstatat,
    SYS_statx, SYS_statfs, SYS_fstatfs, SYS_lseek, SYS_faccessat, SYS_faccessat2, SYS_readlinkat,
    SYS_getdents64, SYS_mkdirat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_linkat,
    SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_fadvise64, SYS_fsync, SYS_fdatasync,
    SYS_sync_file_range, SYS_flock, SYS_fcntl, SYS_dup, SYS_dup3, SYS_pipe2, SYS_ioctl,
    SYS_sendfile, SYS_splice, SYS_tee, SYS_copy_file_range, SYS_umask, SYS_fchmod, SYS_utimensat,
    SYS_fgetxattr, SYS_getxattr, SYS_getcwd, SYS_memfd_create, SYS_close_range,
    /* memory */
    SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_mincore, SYS_msync,
    SYS_mlock, SYS_munlock,
    /* sockets: those that reach others are apart */
    SYS_socketpair, SYS_listen, SYS_accept, SYS_accept4, SYS_sendto,
    SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown,
    SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt,
    /* waiting, time */
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll, SYS_pselect6,
    SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime, SYS_clock_gettime,
    SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_setitimer,
    SYS_getitimer, SYS_times,
    /* about itself */
    SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
    SYS_getgroups, SYS_getrandom, SYS_getrusage, SYS_getrlimit, SYS_setrlimit, SYS_prlimit64,
    SYS_sysinfo, SYS_uname, SYS_prctl, SYS_capget,
    /* threads, signals */
    SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_set_tid_address, SYS_rseq,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam,
    SYS_sched_getscheduler, SYS_getcpu, SYS_membarrier, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_sigaltstack, SYS_restart_syscall,
    SYS_tgkill, SYS_exit, SYS_exit_group};

/* Names for the log, of what an intruder or a forgetful module tries first. */
#define NAME(call)                                                                                 \
    {                                                                                              \
        SYS_##call, #call                                                                          \
    }
static const struct {
    int number;
    const char *name;
} names[] = {
#ifdef __x86_64__
    NAME(fork),
    NAME(vfork),
    NAME(chmod),
    NAME(chown),
    NAME(symlink),
    NAME(mknod),
    NAME(inotify_init),
#endif
    NAME(execve),
    NAME(execveat),
    NAME(ptrace),
    NAME(kill),
    NAME(socket),
    NAME(clone),
    NAME(wait4),
    NAME(setuid),
    NAME(setgid),
    NAME(setresuid),
    NAME(setresgid),
    NAME(setgroups),
    NAME(chroot),
    NAME(mount),
    NAME(umount2),
    NAME(unshare),
    NAME(setns),
    NAME(bpf),
    NAME(keyctl),
    NAME(capset),
    NAME(fchmodat),
    NAME(fchown),
    NAME(fchownat),
    NAME(mknodat),
    NAME(symlinkat),
    NAME(chdir),
    NAME(inotify_init1),
    NAME(inotify_add_watch),
    NAME(signalfd4),
    NAME(io_uring_setup),
    NAME(perf_event_open),
    NAME(process_vm_readv),
    NAME(process_vm_writev),
    NAME(userfaultfd),
    NAME(init_module),
    NAME(finit_module),
    NAME(reboot),
    NAME(sethostname),
    NAME(setsid)};

/* ---- refusals ---- */

#define NUMBERS 1024

static const char *name_of(int number)
{
    for (size_t i = 0; i < WEIR_COUNT(names); i++) {
        if (names[i].number == number) {
            return names[i].name;
        }
    }
    return "";
}

/* Comes from the very call that was refused, never from amid another function's work. */
static void on_refused(int signo, siginfo_t *info, void *arg)
{
    static bool logged[NUMBERS];
    ucontext_t *context = arg;
    int saved = errno;
    int number = info->si_syscall;

    (void)signo;
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
    context->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
#endif
    if (number >= 0 && number < NUMBERS && !logged[number]) {
        const struct module *module = module_running;

        logged[number] = true;
        log_error("%s%.*s called %s (number %d), which workers may not: it failed with EPERM; a "
                  "module that needs it has to declare it",
                  module ? "module " : "the worker", module ? (int)module->name.n : 0,
                  module ? module->name.p : "", name_of(number), number);
    }
    errno = saved;
}

/* ---- the program ---- */

#define INSTRUCTIONS 1024

struct program {
    struct sock_filter code[INSTRUCTIONS];
    unsigned short n;
    bool full;
};

static void put(struct program *program, struct sock_filter instruction)
{
    if (program->n == INSTRUCTIONS) {
        program->full = true;
        return;
    }
    program->code[program->n++] = instruction;
}

static void load(struct program *program, size_t offset)
{
    put(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct program *program, uint32_t action)
{
    put(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* The next `n` instructions are left out unless the value is this one. */
static void when(struct program *program, uint32_t value, unsigned char n)
{
    put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n));
}

static void allow(struct program *program, uint32_t value)
{
    when(program, value, 1);
    answer(program, SECCOMP_RET_ALLOW);
}

static size_t argument(int i)
{
    return offsetof(struct seccomp_data, args) + 8 * (size_t)i;
}

/* Threads, not processes. */
static void allow_threads(struct program *program)
{
    when(program, SYS_clone3, 1);
    answer(program, SECCOMP_RET_ERRNO | ENOSYS); /* glibc takes clone, whose flags can be seen */
    when(program, SYS_clone, 4);
    load(program, argument(0));
    put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1));
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, SECCOMP_RET_TRAP);
}

/* kill(PID, 0) asks whether a process lives. */
static void allow_asking(struct program *program)
{
    when(program, SYS_kill, 4);
    load(program, argument(1));
    allow(program, 0);
    answer(program, SECCOMP_RET_TRAP);
}

static void allow_sockets(struct program *program)
{
    allow(program, SYS_connect);
    allow(program, SYS_bind);
    when(program, SYS_socket, 10);
    load(program, argument(0));
    allow(program, AF_UNIX);
    allow(program, AF_INET);
    allow(program, AF_INET6);
    allow(program, AF_NETLINK); /* getaddrinfo() asks which addresses this machine has */
    answer(program, SECCOMP_RET_TRAP);
}

static void allow_modules(struct program *program, const struct registry *registry)
{
    for (uint32_t i = 0; i < registry->module_n; i++) {
        const weir_module *desc = registry->modules[i]->desc;

        if (!WEIR_HAS(desc, syscalls)) {
            continue;
        }
        for (const int *call = desc->syscalls; *call >= 0; call++) {
            allow(program, (uint32_t)*call);
        }
    }
}

/* The kernel notes which numbers are allowed whatever their arguments are, and runs the program for
 * the others only. */
#ifdef ARCHITECTURE
static bool install(const struct registry *registry, bool alone)
{
    static struct program program;

    load(&program, offsetof(struct seccomp_data, arch));
    put(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    answer(&program, SECCOMP_RET_ERRNO | EPERM);
    load(&program, offsetof(struct seccomp_data, nr));
    if (!alone) {
        allow_modules(&program, registry);
    }
    for (size_t i = 0; i < WEIR_COUNT(allowed); i++) {
        allow(&program, (uint32_t)allowed[i]);
    }
    allow_threads(&program);
    allow_asking(&program);
    if (!alone) {
        allow_sockets(&program);
    }
    answer(&program, SECCOMP_RET_TRAP);
    struct sock_fprog whole = {.len = program.n, .filter = program.code};
    return !program.full && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole, 0, 0) == 0;
}
#endif

bool syscall_filter_enter(const struct registry *registry, bool alone)
{
    /* A sanitizer's own threads and reports need more than a worker. */
#if defined(ARCHITECTURE) && !defined(__SANITIZE_ADDRESS__)
    struct sigaction action = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO};

    sigaction(SIGSYS, &action, NULL);
    if (!install(registry, alone)) {
        log_error("seccomp: %s; server.sandbox = false does without", strerror(errno));
        return false;
    }
#else
    (void)registry;
    (void)alone;
#endif
    return true;
}
