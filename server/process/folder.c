/* SPDX-License-Identifier: Apache-2.0 */
#include "process/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void folder_make_for(const char *path)
{
    char folder[1024];
    const char *slash = strrchr(path, '/');

    if (slash && slash != path && (size_t)(slash - path) < sizeof(folder)) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        mkdir(folder, 0755);
    }
}
