/* SPDX-License-Identifier: Apache-2.0 */
/* http.c - a GET, its status, and if asked for a text in its answer. HTTP/1.0 and no keep-alive: the
 * end of the connection is the end of the answer, so nothing has to be decoded. */
#include "health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool http_ask(struct check *check)
{
    const weir_health_check *about = check->about;

    check->out_n = about->path.n + about->host.n + 128;
    check->out = malloc(check->out_n);
    if (!check->out) {
        return false;
    }
    check->out_n = (size_t)snprintf(check->out, check->out_n,
                                    "GET %.*s HTTP/1.0\r\nHost: %.*s\r\nUser-Agent: weir-health\r\n"
                                    "Accept: */*\r\nConnection: close\r\n\r\n",
                                    (int)about->path.n, about->path.p, (int)about->host.n,
                                    about->host.p);
    return true;
}

static bool is_good(const weir_health_check *about, unsigned status)
{
    unsigned bit = status - 100;

    return status >= 100 && status <= 599 && (about->expect[bit / 64] >> (bit % 64) & 1);
}

/* "HTTP/1.1 200": 0: it is no such line; 1: more of it has to come. */
static unsigned status_of(const struct check *check)
{
    const char *p = check->in;

    if (memcmp(p, "HTTP/1.", check->in_n < 7 ? check->in_n : 7) != 0) {
        return 0;
    }
    if (check->in_n < 13) {
        return 1;
    }
    unsigned status = 0;
    for (int i = 9; i < 12; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }
        status = status * 10 + (unsigned)(p[i] - '0');
    }
    return p[8] == ' ' && status >= 100 ? status : 0;
}

/* Has all come that Content-Length promises? */
static bool is_whole(const struct check *check, const char *body)
{
    static const char name[] = "\ncontent-length:";
    size_t n = sizeof(name) - 1;
    uint64_t length = 0;

    for (const char *p = check->in; p + n < body; p++) {
        if (strncasecmp(p, name, n) != 0) {
            continue;
        }
        for (p += n; p < body && *p == ' '; p++) {
        }
        for (; p < body && *p >= '0' && *p <= '9' && length < CHECK_BUFFER; p++) {
            length = length * 10 + (uint64_t)(*p - '0');
        }
        return (size_t)(check->in + check->in_n - body) >= length;
    }
    return false;
}

enum verdict http_judge(struct check *check)
{
    weir_str body = check->about->body;
    unsigned status = status_of(check);

    if (status == 1) {
        return VERDICT_MORE;
    }
    if (status == 0 || !is_good(check->about, status)) {
        snprintf(check->why, sizeof(check->why),
                 status ? "it answered %u" : "its answer is not HTTP", status);
        return VERDICT_BAD;
    }
    if (body.n == 0) {
        return VERDICT_GOOD;
    }
    const char *head_end = memmem(check->in, check->in_n, "\r\n\r\n", 4);
    size_t skip = head_end ? (size_t)(head_end - check->in) + 4 : check->in_n;
    if (memmem(check->in + skip, check->in_n - skip, body.p, body.n)) {
        return VERDICT_GOOD;
    }
    if (!check->ended && !(head_end && is_whole(check, check->in + skip))) {
        return VERDICT_MORE;
    }
    snprintf(check->why, sizeof(check->why), "its answer does not contain \"%.*s\"",
             (int)(body.n < 80 ? body.n : 80), body.p);
    return VERDICT_BAD;
}
