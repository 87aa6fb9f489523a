/* SPDX-License-Identifier: Apache-2.0 */
#include "process/privilege.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    if (server->group.n) {
        const struct group *gr = getgrnam(server->group.p);

        if (!gr) {
            snprintf(error, error_size, "server.group: there is no group \"%s\"", server->group.p);
            return false;
        }
        out->gid = gr->gr_gid;
    }
    return true;
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
