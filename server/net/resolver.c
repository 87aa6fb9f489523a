/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolver.h"

#include "net/loop.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int results[2] = {-1, -1}; /* pointers to lookups that are done */
static struct event results_event;

static void *look_up(void *arg)
{
    struct lookup *lookup = arg;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;

    lookup->error = getaddrinfo(lookup->host, lookup->port, &hints, &list);
    for (const struct addrinfo *at = list; at && lookup->found < RESOLVER_MAX; at = at->ai_next) {
        struct addr *addr = &lookup->addrs[lookup->found++];

        memcpy(&addr->sa, at->ai_addr, at->ai_addrlen);
        addr->len = at->ai_addrlen;
    }
    if (list) {
        freeaddrinfo(list);
    }
    /* A pointer is far smaller than PIPE_BUF: it goes whole, and there is always room for it. */
    ssize_t n = write(results[1], &lookup, sizeof(lookup));
    (void)n;
    return NULL;
}

static void on_results(evutil_socket_t fd, short what, void *arg)
{
    struct lookup *lookup;

    (void)what;
    (void)arg;
    loop_woke();
    while (read(fd, &lookup, sizeof(lookup)) == sizeof(lookup)) {
        lookup->done(lookup);
    }
}

static bool prepare(void)
{
    if (results[0] >= 0) {
        return true;
    }
    if (pipe2(results, O_CLOEXEC) != 0) {
        return false;
    }
    fcntl(results[0], F_SETFL, O_NONBLOCK);
    event_assign(&results_event, loop.base, results[0], EV_READ | EV_PERSIST, on_results, NULL);
    event_add(&results_event, NULL);
    return true;
}

bool lookup_start(struct lookup *lookup)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;

    if (!prepare()) {
        return false;
    }
    lookup->found = 0;
    sigfillset(&all); /* signals are the loop's */
    sigdelset(&all, SIGSYS); /* a refused system call fails; were it blocked, it would kill */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool fine = pthread_create(&thread, &attr, look_up, lookup) == 0;
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return fine;
}
