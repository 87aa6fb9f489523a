/* SPDX-License-Identifier: Apache-2.0 */
#include "process/file_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

/* Younger than the oldest headers that weir is built with. */
#define RIGHT_REFER (UINT64_C(1) << 13)    /* since 2 */
#define RIGHT_TRUNCATE (UINT64_C(1) << 14) /* since 3 */
#define RIGHT_BIND_TCP UINT64_C(1)         /* since 4 */

#define RIGHTS_OF_1 ((UINT64_C(1) << 13) - 1)
#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FILE_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE)
#define WRITES                                                                                     \
    (READS | FILE_RIGHTS | RIGHT_REFER | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR)

/* struct landlock_ruleset_attr as of 4: older kernels are given less of it. */
struct ruleset {
    uint64_t fs, net;
};

struct rules {
    int fd;
    uint64_t handled;
};

static bool open_rules(struct rules *rules)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 1) {
        return false;
    }
    struct ruleset ruleset = {.fs = RIGHTS_OF_1 | (version >= 2 ? RIGHT_REFER : 0) |
                                    (version >= 3 ? RIGHT_TRUNCATE : 0),
                              .net = version >= 4 ? RIGHT_BIND_TCP : 0};
    rules->handled = ruleset.fs;
    rules->fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset,
                             version >= 4 ? sizeof(ruleset) : sizeof(ruleset.fs), 0);
    return rules->fd >= 0;
}

/* A path that is not there cannot be granted, and needs not be. */
static void grant(const struct rules *rules, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
    struct stat info;

    if (rule.parent_fd < 0 || fstat(rule.parent_fd, &info) != 0) {
        return;
    }
    rule.allowed_access =
        rights & rules->handled & (S_ISDIR(info.st_mode) ? ~UINT64_C(0) : FILE_RIGHTS);
    if (syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
        log_warn("%s cannot be opened to workers: %s", path, strerror(errno));
    }
    close(rule.parent_fd);
}

/* The folder that `path` is in. False: that is too near the root to be granted as a whole. */
static bool parent_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    if (n == 0 || n >= size || !memchr(path + 1, '/', n - 1)) {
        return false;
    }
    memcpy(out, path, n);
    out[n] = '\0';
    return true;
}

/* A folder or a file to read. It may be switched while we serve, by a link or a rename, to
 * another one beside it: rights belong to what is there now, so that they are its parent's. */
static void grant_read(const struct rules *rules, const char *path)
{
    char parent[4096], real[4096];

    grant(rules, path, READS);
    if (parent_of(path, parent, sizeof(parent))) {
        grant(rules, parent, READS);
    }
    if (realpath(path, real) && parent_of(real, parent, sizeof(parent))) {
        grant(rules, parent, READS);
    }
}

/* A folder to write in; or a file, which is made anew in its folder after it was moved away. */
static void grant_write(const struct rules *rules, const char *path)
{
    struct stat info;
    char parent[4096];

    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        grant(rules, path, WRITES);
        return;
    }
    grant(rules, path, FILE_RIGHTS);
    if (parent_of(path, parent, sizeof(parent))) {
        grant(rules, parent, WRITES);
    }
}

static bool is_masters(const struct config *config, weir_str path)
{
    return str_eq(path, config->server.pid_file) || str_eq(path, config->server.control);
}

static void grant_configured(const struct rules *rules, const struct config *config)
{
    struct stat info;

    for (const struct config_path *path = config->paths; path; path = path->next) {
        if (is_masters(config, path->path)) {
            continue;
        }
        if (path->flags & WEIR_OPT_WRITTEN) {
            grant_write(rules, path->path.p);
        } else if (path->flags & (WEIR_OPT_DIR | WEIR_OPT_FILE)) {
            grant_read(rules, path->path.p);
        } else if (stat(path->path.p, &info) == 0 && S_ISDIR(info.st_mode)) {
            grant(rules, path->path.p, WRITES);
        }
    }
}

/* Names, time zones, libraries that glibc loads late; temporary files without a name. */
static void grant_system(const struct rules *rules, const struct server_conf *server)
{
    static const char *const read[] = {"/usr",
                                       "/lib",
                                       "/lib64",
                                       "/lib32",
                                       "/run/systemd/resolve",
                                       "/run/resolvconf",
                                       "/dev/urandom",
                                       "/dev/random",
                                       "/dev/zero"};
    static const char *const etc[] = {
        "/etc/hosts",       "/etc/host.conf", "/etc/resolv.conf",    "/etc/nsswitch.conf",
        "/etc/gai.conf",    "/etc/services",  "/etc/protocols",      "/etc/localtime",
        "/etc/ld.so.cache", "/etc/ssl/certs", "/etc/ssl/openssl.cnf"};
    static const char *const temporary[] = {"/dev/null", "/tmp", "/var/tmp"};

    for (size_t i = 0; i < WEIR_COUNT(read); i++) {
        grant(rules, read[i], READS);
    }
    /* What root may read in /etc is another matter than what the modes leave to a worker user.
     * That one sees a new resolv.conf, too. */
    if (geteuid() != 0) {
        grant(rules, "/etc", READS);
    }
    for (size_t i = 0; i < WEIR_COUNT(etc); i++) {
        grant(rules, etc[i], READS);
    }
    /* Another temp_path takes the usual folders' place. */
    for (size_t i = 0; i < (server->temp_path.n ? 1 : WEIR_COUNT(temporary)); i++) {
        grant(rules, temporary[i], LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
    }
}

bool file_rules_enter(const struct config *config)
{
    struct rules rules;

    if (!open_rules(&rules)) {
        log_info("this kernel has no Landlock: file modes alone protect from workers");
        return true;
    }
    grant_system(&rules, &config->server);
    grant_configured(&rules, config);
    bool fine = syscall(SYS_landlock_restrict_self, rules.fd, 0) == 0;
    if (!fine) {
        log_error("Landlock: %s; server.sandbox = false does without", strerror(errno));
    }
    close(rules.fd);
    return fine;
}
