/* SPDX-License-Identifier: Apache-2.0 */
#include "process/last_good.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"

#define VARIABLE "WEIR_LAST_GOOD" /* it reaches loaders, and a master that takes over */

bool last_good_use(const char *path)
{
    return setenv(VARIABLE, path, 1) == 0;
}

const char *last_good_path(void)
{
    const char *path = getenv(VARIABLE);

    return path && *path ? path : NULL;
}

bool last_good_exists(void)
{
    const char *path = last_good_path();

    return path && access(path, R_OK) == 0;
}

static bool write_file(const struct config *config, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* it may hold passwords */
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

    if (!out) {
        return false;
    }
    config_print(config, out);
    bool is_written = fflush(out) == 0 && !ferror(out) && fsync(fd) == 0;
    return fclose(out) == 0 && is_written;
}

void last_good_save(const struct config *config)
{
    const char *path = last_good_path();
    char new_path[4096];

    if (!path) {
        return;
    }
    int n = snprintf(new_path, sizeof(new_path), "%s.new", path);
    if (n >= (int)sizeof(new_path)) {
        log_error("--last-good: the path is longer than %zu bytes: give a shorter one",
                  sizeof(new_path) - sizeof(".new"));
    } else if (!write_file(config, new_path) || rename(new_path, path) != 0) {
        log_error("%s: %s: the configuration that serves is not kept for a restart", path,
                  strerror(errno));
        unlink(new_path);
    }
}
