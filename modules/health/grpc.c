/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.c - grpc.health.v1.Health/Check over HTTP/2 in clear text: one stream, no compression of our
 * side's fields, and of the answer only the DATA frames are looked at: the message says it all. */
#include "health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_HEAD 9
#define FIELDS_MAX 512

enum frame_type {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_GOAWAY = 7
};

enum {
    FLAG_END_STREAM = 1,
    FLAG_END_HEADERS = 4,
    FLAG_PADDED = 8
};

static char *put(char *at, const void *p, size_t n)
{
    memcpy(at, p, n);
    return at + n;
}

static char *put_frame_head(char *at, size_t n, int type, int flags, unsigned stream)
{
    const unsigned char head[FRAME_HEAD] = {(unsigned char)(n >> 16), (unsigned char)(n >> 8),
                                            (unsigned char)n, (unsigned char)type,
                                            (unsigned char)flags, 0, 0, 0, (unsigned char)stream};

    return put(at, head, sizeof(head));
}

/* A literal field without indexing, both parts plain (RFC 7541, 6.2.2). Values are cut at 126. */
static char *put_field(char *at, const char *name, weir_str value)
{
    size_t name_n = strlen(name), n = value.n < 127 ? value.n : 126;

    *at++ = 0;
    *at++ = (char)name_n;
    at = put(at, name, name_n);
    *at++ = (char)n;
    return put(at, value.p, n);
}

static size_t put_fields(char *fields, const weir_health_check *about)
{
    char *at = fields;

    at = put_field(at, ":method", WEIR_STR("POST"));
    at = put_field(at, ":scheme", WEIR_STR("http"));
    at = put_field(at, ":path", WEIR_STR("/grpc.health.v1.Health/Check"));
    at = put_field(at, ":authority", about->host);
    at = put_field(at, "content-type", WEIR_STR("application/grpc"));
    at = put_field(at, "te", WEIR_STR("trailers"));
    return (size_t)(at - fields);
}

bool grpc_ask(struct check *check)
{
    weir_str service = check->about->service;
    size_t service_n = service.n < 127 ? service.n : 126;
    size_t message_n = service_n ? service_n + 2 : 0;
    char fields[FIELDS_MAX];
    size_t fields_n = put_fields(fields, check->about);
    char *at = malloc(FIELDS_MAX + 256);

    check->out = at;
    if (!at) {
        return false;
    }
    at = put(at, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    at = put_frame_head(at, 0, FRAME_SETTINGS, 0, 0);
    at = put_frame_head(at, fields_n, FRAME_HEADERS, FLAG_END_HEADERS, 1);
    at = put(at, fields, fields_n);
    at = put_frame_head(at, 5 + message_n, FRAME_DATA, FLAG_END_STREAM, 1);
    at = put(at, "\0\0\0\0", 4); /* not compressed, and a length of four bytes */
    *at++ = (char)message_n;
    if (message_n) {
        *at++ = 0x0a; /* field 1, text */
        *at++ = (char)service_n;
        at = put(at, service.p, service_n);
    }
    check->out_n = (size_t)(at - check->out);
    return true;
}

static enum verdict bad(struct check *check, const char *why)
{
    snprintf(check->why, sizeof(check->why), "%s", why);
    return VERDICT_BAD;
}

/* HealthCheckResponse: field 1 is the status; 1 is SERVING. */
static enum verdict judge_message(struct check *check, const unsigned char *p, size_t n)
{
    if (n < 5 || p[0] != 0) {
        return bad(check, "its answer is not a plain gRPC message");
    }
    if (n >= 7 && p[5] == 0x08 && p[6] == 1) {
        return VERDICT_GOOD;
    }
    return bad(check, "the service is not serving");
}

static enum verdict judge_frame(struct check *check, int type, int flags, unsigned stream,
                                const unsigned char *p, size_t n)
{
    if (type == FRAME_GOAWAY || (type == FRAME_RST_STREAM && stream == 1)) {
        return bad(check, "it refused the request");
    }
    if (stream == 1 && type == FRAME_DATA && n > 0) {
        size_t pad = flags & FLAG_PADDED ? 1u : 0u;

        return judge_message(check, p + pad, n - pad);
    }
    if (stream == 1 && type == FRAME_HEADERS && flags & FLAG_END_STREAM) {
        return bad(check, "it answered without a message: is the health service registered?");
    }
    return VERDICT_MORE;
}

enum verdict grpc_judge(struct check *check)
{
    const unsigned char *p = (const unsigned char *)check->in;
    size_t left = check->in_n;

    while (left >= FRAME_HEAD) {
        size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        unsigned stream = (p[5] & 0x7fu) << 24 | (unsigned)p[6] << 16 | (unsigned)p[7] << 8 | p[8];

        if (memcmp(p, "HTTP/1", 6) == 0) {
            return bad(check, "it speaks HTTP/1, not gRPC");
        }
        if (left < FRAME_HEAD + n) {
            break;
        }
        enum verdict verdict = judge_frame(check, p[3], p[4], stream, p + FRAME_HEAD, n);
        if (verdict != VERDICT_MORE) {
            return verdict;
        }
        p += FRAME_HEAD + n;
        left -= FRAME_HEAD + n;
    }
    return VERDICT_MORE;
}
