/* SPDX-License-Identifier: Apache-2.0 */
#include "net/watch.h"

#include "base/memory.h"
#include "base/running.h"
#include "module/registry.h"
#include "net/loop.h"

#include <stdlib.h>

struct weir_watch {
    struct event event;
    void (*fn)(void *arg, uint32_t what);
    void *arg;
    const struct module *module;
};

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct weir_watch *watch = arg;

    (void)fd;
    loop_woke();
    struct account_call call = account_callback(watch->module);
    watch->fn(watch->arg, (what & EV_READ ? WEIR_WATCH_READ : 0u) |
                              (what & EV_WRITE ? WEIR_WATCH_WRITE : 0u));
    account_leave(&call);
}

static void add(struct weir_watch *watch, int fd, uint32_t what)
{
    event_assign(&watch->event, loop.base, fd,
                 (short)(EV_PERSIST | (what & WEIR_WATCH_READ ? EV_READ : 0) |
                         (what & WEIR_WATCH_WRITE ? EV_WRITE : 0)),
                 on_event, watch);
    event_add(&watch->event, NULL);
}

weir_watch *watch_start(int fd, uint32_t what, void (*fn)(void *arg, uint32_t what), void *arg)
{
    struct weir_watch *watch = mem_alloc(sizeof(*watch));

    watch->fn = fn;
    watch->arg = arg;
    watch->module = module_running;
    add(watch, fd, what);
    return watch;
}

void watch_change(weir_watch *watch, uint32_t what)
{
    int fd = (int)event_get_fd(&watch->event);

    event_del(&watch->event);
    add(watch, fd, what);
}

void watch_stop(weir_watch *watch)
{
    event_del(&watch->event);
    free(watch);
}
