/* SPDX-License-Identifier: Apache-2.0 */
/* Heads: what is taken, what is refused with which status, and that pieces change nothing. */
#include "tap.h"

#include <string.h>

#include "base/str.h"
#include <weir/options.h>

#include "http/http1_parse.h"

static const struct http1_limits limits = {.max_head = 4096, .max_line = 1024, .max_fields = 20};
static struct arena arena;
static struct fields fields;
static struct http1_head head;
static struct http1_error error;
static size_t used;

static enum http1_result request(const char *text, size_t n)
{
    size_t scanned = 0;

    return http1_parse_request(text, n, &scanned, &limits, &head, &fields, &used, &error);
}

static enum http1_result response(const char *text, enum http1_method method)
{
    size_t scanned = 0;

    return http1_parse_response(text, strlen(text), &scanned, &limits, method, &head, &fields,
                                &used, &error);
}

static void test_good_request(void)
{
    static const char text[] = "POST /a/b?c=d HTTP/1.1\r\nHost: Example.com:8080\r\nX-One:  two \r\n"
                               "content-length: 12\r\n\r\nbody";

    ok(request(text, sizeof(text) - 1) == HTTP1_DONE, "a request");
    ok(head.method == METHOD_POST && str_eq(head.target, STR("/a/b?c=d")), "method and target");
    ok(head.framing == FRAMING_LENGTH && head.content_length == 12, "framing");
    ok(used == sizeof(text) - 1 - 4, "the body is left");
    ok(str_eq(head.authority, STR("Example.com:8080")), "authority");
    ok(fields.n == 3 && str_eq(fields.list[1].value, STR("two")), "values are trimmed");
    ok(head.keep_alive && head.minor == 1, "keep-alive");
    for (size_t i = 0; i < used; i++) {
        if (request(text, i) != HTTP1_MORE) {
            ok(false, "the first %zu bytes are not complete", i);
            return;
        }
    }
    ok(true, "no part of it is complete");
}

static void test_forms(void)
{
#define REQ(text) request(text, sizeof(text) - 1)
    ok(REQ("GET http://a.b/c HTTP/1.1\r\nHost: other\r\n\r\n") == HTTP1_DONE &&
           str_eq(head.target, STR("/c")) && str_eq(head.authority, STR("a.b")),
       "absolute-form wins over Host");
    ok(REQ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == HTTP1_DONE, "OPTIONS *");
    ok(REQ("GET / HTTP/1.0\r\n\r\n") == HTTP1_DONE && !head.keep_alive, "HTTP/1.0 without Host");
    ok(REQ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == HTTP1_DONE && head.keep_alive,
       "HTTP/1.0 keep-alive");
    ok(REQ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == HTTP1_DONE, "an empty line before it");
    ok(REQ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, X-Foo\r\nUpgrade: websocket\r\n\r\n") ==
               HTTP1_DONE && head.upgrade && head.connection_names_fields, "Connection's options");
    ok(REQ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nExpect: 100-continue\r\n\r\n") ==
               HTTP1_DONE && head.framing == FRAMING_CHUNKED && head.expect_continue, "chunked");
}

static const struct {
    const char *text;
    uint16_t status;
} bad_requests[] = {
    {"GET / HTTP/1.1\nHost: a\n\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/11\r\nHost: a\r\n\r\n", 400},
    {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /# HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a,b\"\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX(: y\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\n", 417},
    {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
};

static const char *const bad_responses[] = {
    "HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n",
    "HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 abc OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.2 200 OK\r\n\r\n",
    "HTTQ/1.1 200 OK\r\n\r\n",
    "200 OK\r\n\r\n",
    "HTTP/1.1 200 O\x01K\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX y\r\n\r\n",
    "HTTP/1.1 200 OK\r\n folded: y\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
};

static void test_bad(void)
{
    for (size_t i = 0; i < WEIR_COUNT(bad_requests); i++) {
        enum http1_result result = request(bad_requests[i].text, strlen(bad_requests[i].text));

        ok(result == HTTP1_ERROR && error.status == bad_requests[i].status,
           "bad request %zu: %u %s", i, error.status, result == HTTP1_ERROR ? error.what : "taken");
    }
    for (size_t i = 0; i < WEIR_COUNT(bad_responses); i++) {
        enum http1_result result = response(bad_responses[i], METHOD_GET);

        ok(result == HTTP1_ERROR && error.status == 502, "bad response %zu: %s", i,
           result == HTTP1_ERROR ? error.what : "taken");
    }
}

static void test_responses(void)
{
    ok(response("HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", METHOD_GET) == HTTP1_DONE &&
           head.framing == FRAMING_LENGTH, "a response without a reason phrase");
    ok(response("HTTP/1.1 200 OK\r\n\r\n", METHOD_GET) == HTTP1_DONE &&
           head.framing == FRAMING_CLOSE, "until the end of the connection");
    ok(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", METHOD_HEAD) == HTTP1_DONE &&
           head.framing == FRAMING_NONE, "HEAD has no body");
    ok(response("HTTP/1.1 304 OK\r\nContent-Length: 3\r\n\r\n", METHOD_GET) == HTTP1_DONE &&
           head.framing == FRAMING_NONE, "304 has no body");
    ok(response("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", METHOD_GET) == HTTP1_DONE &&
           !head.keep_alive, "HTTP/1.0 closes");
}

static void test_limits(void)
{
    char text[8192];
    size_t n = (size_t)snprintf(text, sizeof(text), "GET /%01500d HTTP/1.1\r\nHost: a\r\n\r\n", 0);

    ok(request(text, n) == HTTP1_ERROR && error.status == 414, "a long request line");
    n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: %05000d\r\n\r\n", 0);
    ok(request(text, n) == HTTP1_ERROR && error.status == 431, "a long head");
    ok(request(text, 4500) == HTTP1_ERROR && error.status == 431, "a long head, not complete");
    n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 25; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "X: y\r\n");
    }
    n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n");
    ok(request(text, n) == HTTP1_ERROR && error.status == 431, "many fields");
}

/* One bad character at any place of a value of any length; a TAB is none. */
static void test_values(void)
{
    static const char bad[] = {'\0', '\r', '\n', 0x1f, 0x7f};
    char text[33];
    int wrong = 0;

    for (size_t n = 0; n < sizeof(text); n++) {
        memset(text, 'v', sizeof(text));
        wrong += !field_value_is_valid((weir_str){text, n});
        for (size_t at = 0; at < n; at++) {
            for (size_t i = 0; i < sizeof(bad); i++) {
                text[at] = bad[i];
                wrong += field_value_is_valid((weir_str){text, n});
            }
            text[at] = '\t';
            wrong += !field_value_is_valid((weir_str){text, n});
            text[at] = (char)0xe4;
            wrong += !field_value_is_valid((weir_str){text, n});
            text[at] = 'v';
        }
    }
    ok(wrong == 0, "control characters in values (%d wrong)", wrong);
}

int main(void)
{
    arena_init(&arena);
    fields_init(&fields, &arena);
    test_good_request();
    test_forms();
    test_bad();
    test_responses();
    test_limits();
    test_values();
    arena_fini(&arena);
    return done_testing();
}
