/* SPDX-License-Identifier: Apache-2.0 */
#include "process/privilege.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
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
        snprintf(error, error_size, "server.user: there is no user \"%s\": create it, or name "
                 "another one", user);
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

bool privilege_drop(const struct privilege *privilege)
{
    if (privilege->drops && privilege->uid != 0 &&
        (setgroups(1, &privilege->gid) != 0 || setresgid(privilege->gid, privilege->gid,
                                                         privilege->gid) != 0 ||
         setresuid(privilege->uid, privilege->uid, privilege->uid) != 0)) {
        return false;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}
