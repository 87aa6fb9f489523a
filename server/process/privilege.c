/* SPDX-License-Identifier: Apache-2.0 */
#include "process/privilege.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

bool privilege_find_group(const char *option, const char *name, gid_t *out, char *error,
                          size_t error_size)
{
    const struct group *gr = getgrnam(name);

    if (!gr) {
        snprintf(error, error_size, "%s: there is no group \"%s\": create it, or name another one",
                 option, name);
        return false;
    }
    *out = gr->gr_gid;
    return true;
}

bool privilege_find(const struct server_conf *server, struct privilege *out, char *error,
                    size_t error_size)
{
    *out = (struct privilege){.drops = geteuid() == 0};
    if (!out->drops) {
        return true;
    }
    const char *user = server->user.n ? server->user.p : "www-data";
    const struct passwd *pw = getpwnam(user);
    if (!pw) {
        snprintf(error, error_size,
                 "server.user: there is no user \"%s\": create it, or name "
                 "another one",
                 user);
        return false;
    }
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    return server->group.n == 0 ||
           privilege_find_group("server.group", server->group.p, &out->gid, error, error_size);
}

/* Root as the worker user, and a service manager's ambient ones, would have some left. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* not everybody's to drop */
    }
    return syscall(SYS_capset, &head, none) == 0;
}

bool privilege_drop(const struct privilege *privilege)
{
    if (privilege->drops && privilege->uid != 0 &&
        (setgroups(1, &privilege->gid) != 0 ||
         setresgid(privilege->gid, privilege->gid, privilege->gid) != 0 ||
         setresuid(privilege->uid, privilege->uid, privilege->uid) != 0)) {
        return false;
    }
    return drop_capabilities() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}
