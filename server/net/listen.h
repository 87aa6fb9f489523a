/* SPDX-License-Identifier: Apache-2.0 */
/* net/listen.h - accepting connections from one listening socket. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "base/addr.h"
#include "net/loop.h"

struct acceptor {
    int fd;
    struct event event;
    unsigned batch;   /* connections taken per turn; grows while the queue is long */
    bool paused;
    void (*on_accept)(struct acceptor *acceptor, int fd, const struct addr *addr);
    void (*on_full)(void);
    void *arg;
};

/* Takes connections from the listening, non-blocking socket `fd`, which stays the caller's.
 * on_full(): one waits that the process has no descriptor or memory for; unless it makes room, it pauses
 * the acceptors, since the loop would wake for that one again and again. */
void acceptor_start(struct acceptor *acceptor, int fd,
                    void (*on_accept)(struct acceptor *, int, const struct addr *),
                    void (*on_full)(void), void *arg);
/* Leaves connections in the queue for a while. Both may be called twice. */
void acceptor_pause(struct acceptor *acceptor);
void acceptor_resume(struct acceptor *acceptor);
/* Takes what is in the queue already, then no more. */
void acceptor_stop(struct acceptor *acceptor);

#endif
