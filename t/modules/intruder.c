/* SPDX-License-Identifier: Apache-2.0 */
/* intruder.c - tries, inside a worker, what an attacker would: answers with what came of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <weir/module.h>

static long try_read(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC);
}

static long try_write(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long try_exec(const char *path)
{
    char *const argv[] = {(char *)(uintptr_t)path, NULL};

    return execve(path, argv, argv + 1);
}

static long try_fork(const char *path)
{
    (void)path;
    long pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    return pid;
}

static long try_packets(const char *path)
{
    (void)path;
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static long try_chroot(const char *path)
{
    return chroot(path);
}

static long try_declared(const char *path)
{
    (void)path;
    return syscall(SYS_personality, 0xffffffff);
}

static const struct {
    const char *name;
    long (*fn)(const char *path);
} deeds[] = {{"read", try_read},        {"write", try_write},     {"exec", try_exec},
             {"fork", try_fork},        {"packets", try_packets}, {"chroot", try_chroot},
             {"declared", try_declared}};

struct conf {
    weir_str deed, path;
};

static const weir_opt options[] = {
    {.name = "do", .type = WEIR_T_STR, .offset = offsetof(struct conf, deed)},
    {.name = "to", .type = WEIR_T_STR, .offset = offsetof(struct conf, path)},
};

static weir_rc start(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    char text[100] = "?";

    for (size_t i = 0; i < WEIR_COUNT(deeds); i++) {
        if (strcmp(deeds[i].name, conf->deed.p) == 0) {
            long rc = deeds[i].fn(conf->path.p);

            snprintf(text, sizeof(text), "%s", rc >= 0 ? "done" : strerror(errno));
        }
    }
    return weir_reply(req, 200, WEIR_REASON_CONFIGURED, WEIR_STR("text/plain"),
                      (weir_str){text, strlen(text)}, NULL);
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};
static const int syscalls[] = {SYS_personality, -1};

static const weir_module module = {
    WEIR_MODULE_HEAD("intruder", "1"),
    .doc = "Tries what workers may not.",
    .scopes = WEIR_S_ROUTE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .handler = &handler,
    .syscalls = syscalls,
};

WEIR_MODULE(intruder, 3, "handler", module)
