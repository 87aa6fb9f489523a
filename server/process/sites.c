/* SPDX-License-Identifier: Apache-2.0 */
#include "process/sites.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

#define ON ".conf"
#define OFF ".conf.off"

/* What could have been meant: the files that have the other name. */
static void print_choice(const char *folder, const char *ending)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    const char *before = "; there are";

    while (dir && (entry = readdir(dir))) {
        size_t n = strlen(entry->d_name), tail = strlen(ending);

        if (n > tail && str_ends_with(str_from(entry->d_name), str_from(ending))) {
            fprintf(stderr, "%s %.*s", before, (int)(n - tail), entry->d_name);
            before = ",";
        }
    }
    if (dir) {
        closedir(dir);
    }
    fputc('\n', stderr);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int sites_switch(const char *folder, const char *site, bool on)
{
    const char *from_end = on ? OFF : ON, *to_end = on ? ON : OFF;
    size_t n = strlen(site);
    char from[PATH_MAX], to[PATH_MAX];

    if (n > strlen(ON) && str_ends_with(str_from(site), STR(ON))) {
        n -= strlen(ON);
    }
    if (!is_folder(folder)) {
        fprintf(stderr,
                "weir: %s is no folder: only files of a folder can be switched on and off\n",
                folder);
        return SITES_FAILED;
    }
    if (n == 0 || site[0] == '.' || strchr(site, '/')) {
        fprintf(stderr, "weir: \"%s\" is no name of a file in %s\n", site, folder);
        return SITES_FAILED;
    }
    if (snprintf(from, sizeof(from), "%s/%.*s%s", folder, (int)n, site, from_end) >= PATH_MAX ||
        snprintf(to, sizeof(to), "%s/%.*s%s", folder, (int)n, site, to_end) >= PATH_MAX) {
        fprintf(stderr, "weir: the name is too long\n");
        return SITES_FAILED;
    }
    if (access(to, F_OK) == 0) {
        fprintf(stderr, "weir: %s is there: %.*s is %s already\n", to, (int)n, site,
                on ? "on" : "off");
        return SITES_ALREADY;
    }
    if (access(from, F_OK) != 0) {
        fprintf(stderr, "weir: there is no %s", from);
        print_choice(folder, from_end);
        return SITES_FAILED;
    }
    if (rename(from, to) != 0) {
        fprintf(stderr, "weir: %s cannot be renamed: %s\n", from, strerror(errno));
        return SITES_FAILED;
    }
    return SITES_DONE;
}
