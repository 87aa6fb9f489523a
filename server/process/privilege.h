/* SPDX-License-Identifier: Apache-2.0 */
/* process/privilege.h - the worker user. */
#ifndef PROCESS_PRIVILEGE_H
#define PROCESS_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "config/config.h"

struct privilege {
    bool drops;  /* false: this process is an ordinary user's already */
    uid_t uid;
    gid_t gid;
};

/* Finds server.user and server.group. False: `error` says what is missing. */
bool privilege_find(const struct server_conf *server, struct privilege *out, char *error,
                    size_t error_size);
/* The group that `option` names. False: `error` says what is missing. */
bool privilege_find_group(const char *option, const char *name, gid_t *out, char *error,
                          size_t error_size);
/* Becomes that user for good, without capabilities, now or later. False with errno. */
bool privilege_drop(const struct privilege *privilege);

#endif
