/* SPDX-License-Identifier: Apache-2.0 */
#include "config/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/str.h"

/* The user that workers become. False: they stay who we are. */
static bool worker_user(const struct config *config, uid_t *uid, gid_t *gid)
{
    const struct passwd *user;

    if (geteuid() != 0 || !config->server.user.n) {
        return false;
    }
    user = getpwnam(config->server.user.p);
    if (!user) {
        return false;
    }
    *uid = user->pw_uid;
    *gid = user->pw_gid;
    return true;
}

bool log_file_make_folder(const struct config *config, const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    size_t n = slash ? (size_t)(slash - path) : 0;
    uid_t uid;
    gid_t gid;

    if (n == 0) {
        return true;
    }
    if (n >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(folder, path, n);
    folder[n] = '\0';
    if (mkdir(folder, 0755) != 0) {
        return errno == EEXIST;
    }
    return !worker_user(config, &uid, &gid) || chown(folder, uid, gid) == 0;
}

int log_file_open(const struct config *config, const char *path)
{
    uid_t uid;
    gid_t gid;
    int fd;

    if (!log_file_make_folder(config, path)) {
        return -errno;
    }
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0) {
        return -errno;
    }
    /* Workers open it again after a rotation, as another user; what we hold works in any case. */
    if (worker_user(config, &uid, &gid) && fchown(fd, uid, gid) != 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    return fd;
}

weir_str log_file_private(struct arena *arena, weir_str path)
{
    size_t n = strlen(config_private);
    const char *name = path.n > 200 ? path.p + path.n - 200 : path.p;

    if (str_starts_with(path, (weir_str){config_private, n}) && path.p[n] == '/') {
        return path;
    }
    weir_str text = arena_printf(arena, "%s/%s", config_private, name);
    for (char *at = (char *)(uintptr_t)text.p + n + 1; *at; at++) {
        *at = *at == '/' ? '_' : *at;
    }
    return text;
}
