/* SPDX-License-Identifier: Apache-2.0 */
/* syslog_sink.c - lines to a syslog server, each a message of its own (RFC 5424; RFC 5426 for UDP).
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "sink_kind.h"

#define PRIORITY (23 * 8 + 6) /* local7, informational */
#define AGAIN_MS 1000         /* between two attempts to connect, and two complaints */

struct syslog_sink {
    const char *path;
    int fd; /* -1: not connected */
    struct sockaddr_storage addr;
    socklen_t addr_n;
    char host[256];
    uint32_t lost_metric;
    uint64_t lost, tried_ms, said_ms;
};

static bool connect_sink(struct syslog_sink *sink)
{
    if (sink->fd >= 0) {
        close(sink->fd);
    }
    sink->fd = socket(sink->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sink->fd >= 0 &&
        connect(sink->fd, (const struct sockaddr *)&sink->addr, sink->addr_n) != 0) {
        close(sink->fd);
        sink->fd = -1;
    }
    return sink->fd >= 0;
}

/* VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA */
static int write_header(const struct syslog_sink *sink, char *out, size_t size)
{
    int64_t now_ms = weir_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    char when[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    return snprintf(out, size, "<%d>1 %s.%03dZ %s weir %d access - ", PRIORITY, when,
                    (int)(now_ms % 1000), sink->host, (int)getpid());
}

static bool send_message(struct syslog_sink *sink, const char *line, size_t n)
{
    char header[400];
    int header_n = write_header(sink, header, sizeof(header));
    struct iovec parts[] = {{header, (size_t)header_n},
                            {(void *)(uintptr_t)line, n - 1}}; /* no newline in a message */
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    return sendmsg(sink->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void syslog_sink_put(struct syslog_sink *sink, const char *line, size_t n)
{
    uint64_t now_ms = weir_now_ms();

    if (sink->fd >= 0 && send_message(sink, line, n)) {
        return;
    }
    int error = sink->fd >= 0 ? errno : ENOTCONN;
    bool is_full = error == EAGAIN || error == ENOBUFS || error == EMSGSIZE;
    if (!is_full && (sink->tried_ms == 0 || now_ms - sink->tried_ms >= AGAIN_MS)) {
        sink->tried_ms = now_ms;
        if (connect_sink(sink) && send_message(sink, line, n)) {
            return;
        }
    }
    sink->lost++;
    weir_metric_add(sink->lost_metric, 1);
    if (sink->said_ms == 0 || now_ms - sink->said_ms >= AGAIN_MS) {
        sink->said_ms = now_ms;
        weir_log(WEIR_LOG_ERROR, NULL, "access_log %s: %s: %llu lines are lost so far", sink->path,
                 strerror(error), (unsigned long long)sink->lost);
    }
}

/* ---- configuration ---- */

static bool parse_unix(struct syslog_sink *sink, const char *path)
{
    struct sockaddr_un *addr = (struct sockaddr_un *)&sink->addr;
    size_t n = strlen(path);

    addr->sun_family = AF_UNIX;
    memcpy(addr->sun_path, path, n + 1);
    sink->addr_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return n < sizeof(addr->sun_path);
}

static bool parse_udp(weir_cfg *cfg, struct syslog_sink *sink, const char *host_port)
{
    const char *colon = strrchr(host_port, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
    char host[256];
    size_t n = (size_t)(colon - host_port);

    if (n > 2 && host_port[0] == '[' && host_port[n - 1] == ']') {
        host_port++;
        n -= 2;
    }
    n = n < sizeof(host) ? n : sizeof(host) - 1;
    memcpy(host, host_port, n);
    host[n] = '\0';
    int rc = getaddrinfo(host, colon + 1, &hints, &found);
    if (rc != 0) {
        weir_cfg_error(cfg, "path", "%s: %s", host, gai_strerror(rc));
        return false;
    }
    memcpy(&sink->addr, found->ai_addr, found->ai_addrlen);
    sink->addr_n = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

struct syslog_sink *syslog_sink_open(weir_cfg *cfg, weir_str path, uint32_t lost)
{
    struct syslog_sink *sink = weir_cfg_alloc(cfg, sizeof(*sink));
    const char *where = path.p + sizeof("syslog:") - 1;
    bool is_unix = strncmp(where, "unix:", 5) == 0;

    sink->path = path.p;
    sink->fd = -1;
    sink->lost_metric = lost;
    if (gethostname(sink->host, sizeof(sink->host) - 1) != 0 || sink->host[0] == '\0') {
        memcpy(sink->host, "-", 2);
    }
    if (is_unix ? !parse_unix(sink, where + 5) : !parse_udp(cfg, sink, where + 6)) {
        return NULL;
    }
    return sink; /* each worker connects, and does so again when the server was started anew */
}
