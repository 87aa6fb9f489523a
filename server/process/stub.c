/* SPDX-License-Identifier: Apache-2.0 */
#include "process/stub.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/str.h"
#include "http/chunked.h"
#include "http/http1_parse.h"
#include "net/loop.h"
#include "upstream/group.h"

#define HEAD_MAX (256 * 1024)

struct stub {
    int fd;
    struct event event;
    struct arena arena; /* of the request at hand */
    weir_str upstream;
    char *in;           /* what was read and not used */
    size_t in_n, in_cap;
    bool in_body;
    weir_str head;      /* as it came */
    uint64_t body_left;
    bool is_chunked;
    struct chunked chunked;
};

static const struct stub_answer *answer;

void stub_init(const struct stub_answer *answer_)
{
    answer = answer_;
}

static void stub_close(struct stub *stub)
{
    event_del(&stub->event);
    close(stub->fd);
    arena_fini(&stub->arena);
    free(stub->in);
    free(stub);
}

static void use(struct stub *stub, size_t n)
{
    stub->in_n -= n;
    memmove(stub->in, stub->in + n, stub->in_n);
}

/* ---- answering ---- */

/* Answers are small: the socket takes them at once. */
static bool put(struct stub *stub, weir_str text)
{
    return send(stub->fd, text.p, text.n, MSG_NOSIGNAL) == (ssize_t)text.n;
}

static weir_str body_text(struct stub *stub)
{
    if (answer->body.n) {
        return answer->body;
    }
    return arena_printf(&stub->arena, "upstream %.*s\n%.*s", (int)stub->upstream.n,
                        stub->upstream.p, (int)stub->head.n, stub->head.p);
}

static bool give_answer(struct stub *stub)
{
    struct arena *arena = &stub->arena;
    const weir_str *values = answer->headers.items;
    bool is_head = str_starts_with(stub->head, STR("HEAD "));
    weir_str body = body_text(stub), fields = STR("");

    for (size_t i = 0; i < answer->headers.n; i++) {
        weir_str name = answer->headers.keys[i];

        fields = arena_printf(arena, "%.*s%.*s: %.*s\r\n", (int)fields.n, fields.p, (int)name.n,
                              name.p, (int)values[i].n, values[i].p);
    }
    weir_str text = arena_printf(
        arena, "HTTP/1.1 %u Stub\r\n%s%.*sContent-Length: %zu\r\n\r\n%.*s", answer->status,
        answer->body.n ? "" : "Content-Type: text/plain\r\n", (int)fields.n, fields.p, body.n,
        is_head ? 0 : (int)body.n, body.p);
    return put(stub, text);
}

/* ---- reading ---- */

enum progress { WAITS, GOES_ON, FAILED };

static enum progress read_head(struct stub *stub)
{
    const struct http1_limits limits = {
        .max_head = HEAD_MAX, .max_line = HEAD_MAX, .max_fields = 10000};
    struct http1_error error = {0};
    struct http1_head head = {0};
    struct fields fields;
    size_t scanned = 0, used = 0;

    arena_fini(&stub->arena);
    fields_init(&fields, &stub->arena);
    enum http1_result result = http1_parse_request(stub->in, stub->in_n, &scanned, &limits, &head,
                                                   &fields, &used, &error);
    if (result != HTTP1_DONE) {
        return result == HTTP1_MORE ? WAITS : FAILED;
    }
    stub->head = arena_dup(&stub->arena, (weir_str){stub->in, used});
    stub->body_left = head.framing == FRAMING_LENGTH ? head.content_length : 0;
    stub->is_chunked = head.framing == FRAMING_CHUNKED;
    chunked_init(&stub->chunked);
    stub->in_body = true;
    use(stub, used);
    return GOES_ON;
}

/* The body is read and dropped. */
static enum progress read_body(struct stub *stub)
{
    if (stub->is_chunked) {
        const char *p = stub->in;
        size_t n = stub->in_n;
        enum chunked_result result;
        struct fields trailers;
        weir_str data;

        fields_init(&trailers, &stub->arena);
        while ((result = chunked_decode(&stub->chunked, &p, &n, &data, &trailers, NULL)) ==
               CHUNKED_DATA) {
        }
        use(stub, stub->in_n - n);
        if (result != CHUNKED_END) {
            return result == CHUNKED_ERROR ? FAILED : WAITS;
        }
    } else {
        size_t n = stub->in_n < stub->body_left ? stub->in_n : stub->body_left;

        use(stub, n);
        stub->body_left -= n;
        if (stub->body_left) {
            return WAITS;
        }
    }
    stub->in_body = false;
    return give_answer(stub) ? GOES_ON : FAILED;
}

static bool work(struct stub *stub)
{
    enum progress progress;

    do {
        progress = stub->in_body ? read_body(stub) : read_head(stub);
    } while (progress == GOES_ON && (stub->in_n || stub->in_body));
    return progress != FAILED;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct stub *stub = arg;

    (void)what;
    loop_woke();
    if (stub->in_cap - stub->in_n < 4096) {
        stub->in_cap = 2 * stub->in_cap + 16384;
        stub->in = mem_realloc(stub->in, stub->in_cap);
    }
    ssize_t n = read(fd, stub->in + stub->in_n, stub->in_cap - stub->in_n);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    stub->in_n += n > 0 ? (size_t)n : 0;
    if (n <= 0 || !work(stub)) {
        stub_close(stub);
    }
}

int stub_open(struct weir_peer *peer)
{
    int pair[2];

    if (answer->status == 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    struct stub *stub = mem_zalloc(sizeof(*stub));
    stub->fd = pair[1];
    stub->upstream = peer->group->conf->name;
    arena_init(&stub->arena);
    event_assign(&stub->event, loop.base, stub->fd, EV_READ | EV_PERSIST, on_readable, stub);
    event_add(&stub->event, NULL);
    return pair[0];
}
