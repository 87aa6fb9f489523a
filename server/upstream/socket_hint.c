/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/socket_hint.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SOCKETS_TEXT 400 /* bytes of names that are listed */

/* "a.sock, b.sock"; empty: there are none, or the folder cannot be read. */
static void list_sockets(const char *path, char out[SOCKETS_TEXT])
{
    char folder[ADDR_TEXT];
    const char *slash = strrchr(path, '/');
    struct dirent *entry;
    size_t n = 0;

    out[0] = '\0';
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_type == DT_SOCK && n + strlen(entry->d_name) + 3 < SOCKETS_TEXT) {
            n += (size_t)snprintf(out + n, SOCKETS_TEXT - n, "%s%s", n ? ", " : "", entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static const char *advice(int error)
{
    switch (error) {
    case ENOENT:
        return "is the backend running?";
    case EACCES:
        return "may the worker user open the socket? See its owner and mode (listen.mode of php-fpm)";
    case ECONNREFUSED:
        return "nobody listens on it any more: start the backend again";
    case EAGAIN:
        return "its queue is full: the backend does not keep up";
    default:
        return "";
    }
}

const char *socket_hint(struct arena *arena, const struct addr *addr, int error)
{
    char sockets[SOCKETS_TEXT] = "";

    if (addr->sa.sa_family != AF_UNIX) {
        return arena_printf(arena, "connect: %s", strerror(error)).p;
    }
    if (error == ENOENT) {
        list_sockets(addr->un.sun_path, sockets);
    }
    return arena_printf(arena, "connect to %s: %s: %s%s%s", addr->un.sun_path, strerror(error),
                        advice(error), sockets[0] ? " Sockets in its folder: " : "", sockets).p;
}
