/* SPDX-License-Identifier: Apache-2.0 */
#include "module/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/running.h"

static void (*send_)(void *arg, uint32_t module, int fd); /* NULL: not within watch_run() */
static void *send_arg;

bool watch_is_wanted(const struct registry *registry)
{
    for (uint32_t i = 0; i < registry->module_n; i++) {
        const weir_module *desc = registry->modules[i]->desc;

        if (WEIR_HAS(desc, watch)) {
            return true;
        }
    }
    return false;
}

void watch_run(const struct registry *registry, void (*send)(void *, uint32_t, int), void *arg)
{
    send_ = send;
    send_arg = arg;
    for (uint32_t i = 0; i < registry->module_n; i++) {
        const struct module *module = registry->modules[i];

        if (WEIR_HAS(module->desc, watch)) {
            module_running = module;
            module->desc->watch();
            module_running = NULL;
        }
    }
    send_ = NULL;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, p, n);

        if (written < 0) {
            return false;
        }
        p += written;
        n -= (size_t)written;
    }
    return true;
}

void watch_api_tell(const void *bytes, size_t n)
{
    if (!send_ || !module_running) {
        return;
    }
    int fd = memfd_create("weir-told", MFD_CLOEXEC);
    if (fd < 0 || !write_all(fd, bytes, n)) {
        log_error("module %.*s: the workers cannot be told: %s", (int)module_running->name.n,
                  module_running->name.p, strerror(errno));
    } else {
        send_(send_arg, module_running->index, fd);
    }
    if (fd >= 0) {
        close(fd);
    }
}

void watch_told(const struct registry *registry, uint32_t index, int fd)
{
    struct stat st;

    if (fd < 0 || index >= registry->module_n || fstat(fd, &st) != 0 || st.st_size <= 0) {
        return;
    }
    const struct module *module = registry->modules[index];
    size_t n = (size_t)st.st_size;
    void *bytes = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        log_error("module %.*s: what the loader tells cannot be read: %s", (int)module->name.n,
                  module->name.p, strerror(errno));
        return;
    }
    if (WEIR_HAS(module->desc, told)) {
        module_running = module;
        module->desc->told(bytes, n);
        module_running = NULL;
    }
    munmap(bytes, n);
}
