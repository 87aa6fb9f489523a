/* SPDX-License-Identifier: Apache-2.0 */
/* health - asks a peer whether it is well: by HTTP, by gRPC's health service, or by a connection
 * alone. When and what follows is the host's. */
#include "health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct protocol protocols[] = {
    [WEIR_HEALTH_HTTP] = {http_ask, http_judge},
    [WEIR_HEALTH_TCP] = {NULL, NULL},
    [WEIR_HEALTH_GRPC] = {grpc_ask, grpc_judge},
};

static void check_free(struct check *check)
{
    if (check->watch) {
        weir_watch_stop(check->watch);
    }
    if (check->fd >= 0) {
        close(check->fd);
    }
    free(check->out);
    free(check->in);
    free(check);
}

static void end(struct check *check, const char *why)
{
    weir_health_done_fn *done = check->done;
    void *arg = check->arg;
    char text[sizeof(check->why)];

    snprintf(text, sizeof(text), "%s", why ? why : "");
    check_free(check);
    done(arg, why ? text : NULL);
}

/* True: there is nothing left to send. */
static bool send_rest(struct check *check)
{
    while (check->out_at < check->out_n) {
        ssize_t n = send(check->fd, check->out + check->out_at, check->out_n - check->out_at,
                         MSG_NOSIGNAL);

        if (n < 0) {
            return errno != EAGAIN; /* reading will tell what is wrong */
        }
        check->out_at += (size_t)n;
    }
    return true;
}

/* False: the check has ended. */
static bool read_more(struct check *check)
{
    if (!check->in && !(check->in = malloc(CHECK_BUFFER))) {
        end(check, "out of memory");
        return false;
    }
    while (check->in_n < CHECK_BUFFER && !check->ended) {
        ssize_t n = recv(check->fd, check->in + check->in_n, CHECK_BUFFER - check->in_n, 0);

        if (n < 0 && errno == EAGAIN) {
            return true;
        }
        if (n < 0) {
            end(check, strerror(errno));
            return false;
        }
        check->ended = n == 0;
        check->in_n += (size_t)n;
    }
    return true;
}

static void on_answer(struct check *check)
{
    if (!read_more(check)) {
        return;
    }
    enum verdict verdict = check->protocol->judge(check);
    if (verdict == VERDICT_GOOD) {
        end(check, NULL);
    } else if (verdict == VERDICT_BAD) {
        end(check, check->why);
    } else if (check->ended || check->in_n == CHECK_BUFFER) {
        end(check, check->ended ? "it closed the connection before its answer was complete"
                                : "its answer is too long to look for what is expected");
    }
}

static void on_socket(void *arg, uint32_t what)
{
    struct check *check = arg;
    int error = 0;
    socklen_t n = sizeof(error);

    if (what & WEIR_WATCH_WRITE) {
        if (getsockopt(check->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
            end(check, strerror(error ? error : errno));
            return;
        }
        if (!check->protocol->ask) {
            end(check, NULL); /* it is connected, which was the question */
            return;
        }
        if (send_rest(check)) {
            weir_watch_change(check->watch, WEIR_WATCH_READ);
        }
    }
    if (what & WEIR_WATCH_READ) {
        on_answer(check);
    }
}

static bool connect_to(struct check *check)
{
    const struct sockaddr *addr = check->about->addr;

    if (check->about->size > offsetof(weir_health_check, fd) && check->about->fd >= 0) {
        check->fd = check->about->fd;
        return true;
    }
    check->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return check->fd >= 0 && (connect(check->fd, addr, check->about->addr_n) == 0 ||
                              errno == EINPROGRESS);
}

static void *start(const weir_health_check *about, weir_health_done_fn *done, void *arg)
{
    struct check *check = calloc(1, sizeof(*check));

    if (!check) {
        return NULL;
    }
    *check = (struct check){.about = about,
                            .protocol = &protocols[about->type],
                            .done = done,
                            .arg = arg,
                            .fd = -1};
    if (!connect_to(check) || (check->protocol->ask && !check->protocol->ask(check))) {
        int error = errno;

        check_free(check);
        errno = error;
        return NULL;
    }
    check->watch = weir_watch_start(check->fd, WEIR_WATCH_WRITE, on_socket, check);
    return check;
}

static void stop(void *state)
{
    check_free(state);
}

static const weir_health_ops health = {.size = sizeof(health), .start = start, .stop = stop};

static const weir_module module = {
    WEIR_MODULE_HEAD("health", "0.1"),
    .doc = "Checks whether peers are well: HTTP, gRPC, TCP.",
    .health = &health,
};

WEIR_MODULE(health, 3, "health", module)
