/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 all the way: a client's bytes in any split, a backend that answers anything in any order,
 * and what weir does between them (codec_server, exchange_stream, mux). Sockets are real, and so
 * are the modules. When both have left, nobody may be left over.
 *
 * The input is a row of actions: a byte that says what, one that says how much or which. */
#include "base/clock.h"
#include "base/metrics.h"
#include "base/running.h"
#include "base/zone.h"
#include "config/config.h"
#include "http/client.h"
#include "http/server.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BACKENDS 4
#define TURNS_MAX 2000 /* until everything has ended */

static struct config config;
static char folder[] = "/tmp/weir-fuzz-XXXXXX";
static int listening, client_fd, backend_fds[BACKENDS];
static bool is_polite; /* the backend begins with SETTINGS */

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "http2_proxy: %s\n", what);
        abort();
    }
}

/* ---- once ---- */

static void remove_folder(void)
{
    static const char *const names[] = {"weir.conf", "backend"};
    char path[200];

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void listen_as_backend(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/backend", folder);
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(bind(listening, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(listening, 64) == 0,
         "no socket for the backend");
}

/* The modules are those that were built along with this program, in BUILD/t/fuzz. */
static void write_conf(char path[200])
{
    char self[400], modules[500];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    must(n > 0, "where is this program?");
    self[n] = '\0';
    for (int up = 0; up < 3; up++) {
        *strrchr(self, '/') = '\0';
    }
    snprintf(modules, sizeof(modules), "%s/modules", self);
    snprintf(path, 200, "%s/weir.conf", folder);
    FILE *file = fopen(path, "w");
    must(file != NULL, "no configuration");
    fprintf(file,
            "server = { modules_path = [ \"%s\" ]; error_log = { path = \"/dev/null\"; }; };\n"
            "upstream = { b = { servers = ( { address = \"unix:%s/backend\"; max_fails = 0; } ); "
            "}; };\n"
            "sites = ( { listen = [ \"http://unix:%s/front\" ]; http2 = { cleartext = true; };\n"
            "  client = { max_body = \"64k\"; };\n"
            "  proxy = { to = \"h2://b\"; }; } );\n",
            modules, folder, folder);
    fclose(file);
}

static void keep_zone(void *arg, const char *name, int fd)
{
    (void)arg;
    (void)name;
    (void)fd;
}

static void start(void)
{
    char path[200];

    must(mkdtemp(folder) != NULL, "no folder");
    atexit(remove_folder);
    listen_as_backend();
    write_conf(path);
    clock_update();
    bool fine = config_load(&config, path, host_tables());
    fine = fine && metrics_open() && running_open() && config_commit(&config);
    if (!fine) {
        diag_print(&config.diag, stderr);
    }
    must(fine, "the configuration is not right");
    zones_complete(keep_zone, NULL);
    uint32_t slot = running_take_slot(1, 1);
    running_use_slot(slot);
    metrics_use_slot(slot);
    loop_init();
    must(server_start(&config, NULL, 0, -1) == 0, "the server does not start");
}

/* ---- both sides ---- */

static void put(int fd, const void *p, size_t n)
{
    if (fd >= 0) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        (void)put; /* what a full socket does not take is lost, which is an attack as well */
    }
}

static void frame(int fd, uint8_t type, uint8_t flags, uint32_t stream, const void *p, size_t n)
{
    char bytes[9 + 64] = {0, 0, (char)n, (char)type, (char)flags};
    uint32_t id = htonl(stream);

    memcpy(bytes + 5, &id, 4);
    memcpy(bytes + 9, p, n);
    put(fd, bytes, 9 + n);
}

static void turn(void)
{
    loop_turn();
    for (size_t i = 0; i < BACKENDS; i++) {
        if (backend_fds[i] >= 0) {
            continue;
        }
        backend_fds[i] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (is_polite) {
            frame(backend_fds[i], 4, 0, 0, "", 0);
        }
    }
}

static void take(int fd, size_t n)
{
    static char into[65536];

    if (fd >= 0) {
        ssize_t got = recv(fd, into, n < sizeof(into) ? n : sizeof(into), MSG_DONTWAIT);

        (void)got;
    }
}

static void leave(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* A stream of the client: a request with or without a body, a piece, its end, a reset, a window. */
static void as_client(uint8_t which)
{
    static const char get[] = "\x82\x86\x84\x41\x01"
                              "a",
                      post[] = "\x83\x86\x84\x41\x01"
                               "a";
    uint32_t stream = which >> 3 << 1 | 1;

    switch (which & 7) {
    case 0:
    case 1:
        frame(client_fd, 1, 5, stream, get, sizeof(get) - 1);
        break;
    case 2:
        frame(client_fd, 1, 4, stream, post, sizeof(post) - 1);
        break;
    case 3:
        frame(client_fd, 0, 0, stream, "0123456789", 10);
        break;
    case 4:
        frame(client_fd, 0, 1, stream, "end", 3);
        break;
    case 5:
        frame(client_fd, 3, 0, stream, "\0\0\0\10", 4);
        break;
    case 6:
        frame(client_fd, 8, 0, which >> 3 ? stream : 0, "\0\0\1\0", 4);
        break;
    default:
        frame(client_fd, 4, 0, 0, which >> 3 & 1 ? "\0\4\0\0\0\1" : "\0\4\0\0\xff\xff", 6);
        break;
    }
}

static void as_backend(int fd, uint8_t which)
{
    static const char head[] = "\x88",
                      interim[] = "\x08\x03"
                                  "103",
                      odd[] = "\x08\x03"
                              "999",
                      trailers[] = "\x40\x01x\x01y";
    uint32_t stream = which >> 3 << 1 | 1;

    switch (which & 7) {
    case 0:
        frame(fd, 1, 4, stream, head, 1);
        break;
    case 1:
        frame(fd, 1, 5, stream, head, 1);
        break;
    case 2:
        frame(fd, 0, 0, stream, "0123456789012345678901234567890123456789", 40);
        break;
    case 3:
        frame(fd, 0, 1, stream, "end", 3);
        break;
    case 4:
        frame(fd, 3, 0, stream, which & 8 ? "\0\0\0\7" : "\0\0\0\2", 4);
        break;
    case 5:
        frame(fd, 1, 4, stream, which & 8 ? interim : odd, 5);
        break;
    case 6:
        frame(fd, 1, 5, stream, trailers, sizeof(trailers) - 1);
        break;
    default:
        frame(fd, 7, 0, 0, "\0\0\0\1\0\0\0\0", 8);
        break;
    }
}

static void act(uint8_t what, uint8_t which)
{
    int *backend = &backend_fds[what >> 4 & (BACKENDS - 1)];

    switch (what & 15) {
    case 2:
    case 3:
        as_client(which);
        break;
    case 4:
    case 5:
    case 6:
        as_backend(*backend, which);
        break;
    case 7:
        take(client_fd, (size_t)which * 256);
        break;
    case 8:
        take(*backend, (size_t)which * 256);
        break;
    case 9:
        leave(backend);
        break;
    case 10:
        shutdown(client_fd, SHUT_WR);
        break;
    case 11:
        frame(*backend, 4, 0, 0, "\0\3\0\0\0\1", 6); /* one stream at a time */
        break;
    case 12:
        frame(*backend, 4, 1, 0, "", 0);
        break;
    default:
        turn();
        break;
    }
}

static void meet(bool speaks_h2)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    struct addr addr = {.len = sizeof(sa_family_t)};
    int fds[2];

    for (size_t i = 0; i < BACKENDS; i++) {
        backend_fds[i] = -1;
    }
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0,
         "no sockets");
    client_fd = fds[0];
    addr.sa.sa_family = AF_UNIX;
    if (speaks_h2) {
        put(client_fd, preface, 33);
    }
    client_open(config.listeners[0], fds[1], &addr, 0, true);
}

/* Who has left is soon gone, whatever was under way. */
static void part(void)
{
    leave(&client_fd);
    for (int i = 0; i < TURNS_MAX && client_count > 0; i++) {
        turn();
    }
    must(client_count == 0, "a client that has left is still there");
    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < BACKENDS; k++) {
            leave(&backend_fds[k]);
        }
        turn();
    }
    for (size_t k = 0; k < BACKENDS; k++) {
        leave(&backend_fds[k]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_started;
    size_t at = 1;

    if (!is_started) {
        is_started = true;
        start();
    }
    if (size < 3) {
        return 0;
    }
    is_polite = !(data[0] & 2);
    meet(!(data[0] & 1));
    while (at + 1 < size) {
        uint8_t what = data[at], which = data[at + 1];

        at += 2;
        if ((what & 15) < 2) {
            size_t n = which < size - at ? which : size - at;

            put(what & 1 ? backend_fds[what >> 4 & (BACKENDS - 1)] : client_fd, data + at, n);
            at += n;
        } else {
            act(what, which);
        }
    }
    turn();
    part();
    return 0;
}
