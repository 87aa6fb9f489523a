/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BATCH_MAX 256 /* below what a queue holds: a full one turns clients away for a second */
#define LOG_INTERVAL_MS 1000

static void complain(int error)
{
    static uint64_t last_ms;

    if (last_ms == 0 || clock_now.ms - last_ms >= LOG_INTERVAL_MS) {
        last_ms = clock_now.ms;
        log_error("accept: %s: new connections have to wait; raise the limit of open files "
                  "(LimitNOFILE= of the service, ulimit -n), or lower server.connections",
                  strerror(error));
    }
}

/* One accept more than there are connections costs a system call, so as many are taken as the
 * last turn showed to be waiting. */
static bool accept_some(struct acceptor *acceptor, unsigned most)
{
    for (unsigned i = 0; i < most && !acceptor->paused; i++) {
        struct addr addr = {.len = sizeof(addr.un)};
        int fd = accept4(acceptor->fd, &addr.sa, &addr.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            acceptor->on_accept(acceptor, fd, &addr);
            continue;
        }
        if (errno == ECONNABORTED || errno == EINTR) {
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            complain(errno);
            acceptor->on_full();
        }
        acceptor->batch = 1;
        return false;
    }
    acceptor->batch = most * 2 < BATCH_MAX ? most * 2 : BATCH_MAX;
    return true;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct acceptor *acceptor = arg;

    (void)fd;
    (void)what;
    loop_woke();
    accept_some(acceptor, acceptor->batch);
}

void acceptor_start(struct acceptor *acceptor, int fd,
                    void (*on_accept)(struct acceptor *, int, const struct addr *),
                    void (*on_full)(void), void *arg)
{
    *acceptor = (struct acceptor){
        .fd = fd, .batch = 1, .on_accept = on_accept, .on_full = on_full, .arg = arg};
    event_assign(&acceptor->event, loop.base, fd, EV_READ | EV_PERSIST, on_event, acceptor);
    event_add(&acceptor->event, NULL);
}

void acceptor_pause(struct acceptor *acceptor)
{
    if (!acceptor->paused && acceptor->fd >= 0) {
        acceptor->paused = true;
        event_del(&acceptor->event);
    }
}

void acceptor_resume(struct acceptor *acceptor)
{
    if (acceptor->paused && acceptor->fd >= 0) {
        acceptor->paused = false;
        event_add(&acceptor->event, NULL);
    }
}

void acceptor_stop(struct acceptor *acceptor)
{
    if (acceptor->fd < 0) {
        return;
    }
    acceptor->paused = false;
    while (accept_some(acceptor, BATCH_MAX)) {
    }
    event_del(&acceptor->event);
    acceptor->fd = -1;
}
