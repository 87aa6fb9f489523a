/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c - FastCGI 1.0 as an application's server sees it: records on a connection that serves one
 * request at a time. php-fpm does not multiplex, and nobody else does. */
#include "fastcgi.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RECORD_HEAD 8
#define RECORD_MAX 65528            /* bytes of a record's content that we send: no padding then */
#define HEAD_MAX (256u * 1024)      /* of a response; the host's buffer_head is smaller */
#define FIELDS_MAX 200
#define STDERR_MAX 1024             /* bytes of a line that are logged */
#define STREAM 1
#define WINDOW (256u * 1024)        /* bytes of a response that are read ahead of the client */

enum record_type {
    BEGIN_REQUEST = 1,
    END_REQUEST = 3,
    PARAMS = 4,
    STDIN = 5,
    STDOUT = 6,
    STDERR = 7
};

struct fastcgi {
    weir_stream *stream;            /* NULL: nobody waits */
    const struct fastcgi_request *request;
    char *out;                      /* BEGIN_REQUEST and PARAMS, until output() takes them */
    size_t out_n;
    bool sends_body;                /* STDIN is not complete */
    size_t ahead;                   /* bytes of the response that the client has not taken */
    bool is_closing;                /* no more requests on this connection */
    bool is_busy;                   /* between request and END_REQUEST */
    /* the record that comes in */
    unsigned char head[RECORD_HEAD];
    size_t head_n;
    size_t left, padding;           /* bytes of it that have not come */
    /* the response */
    char *fields;                   /* its head so far */
    size_t fields_n, fields_cap;
    bool head_done;
    char line[STDERR_MAX];          /* of stderr */
    size_t line_n;
};

static void *fcgi_connect(weir_conn *conn)
{
    (void)conn;
    return calloc(1, sizeof(struct fastcgi));
}

static void fcgi_close(void *state)
{
    struct fastcgi *f = state;

    free(f->out);
    free(f->fields);
    free(f);
}

static uint32_t fcgi_limit(void *state)
{
    const struct fastcgi *f = state;

    return f->is_closing ? 0 : 1;
}

static bool fcgi_allows_connect(void *state)
{
    (void)state;
    return false;
}

/* ---- the request ---- */

static size_t put_record(char *at, enum record_type type, size_t n)
{
    const unsigned char head[RECORD_HEAD] = {1, type, 0, STREAM, (unsigned char)(n >> 8),
                                             (unsigned char)n, 0, 0};

    memcpy(at, head, sizeof(head));
    return RECORD_HEAD;
}

static weir_str content_length(const weir_stream_head *head)
{
    for (size_t i = 0; i < head->field_n; i++) {
        if (head->fields[i].name.n == 14 &&
            memcmp(head->fields[i].name.p, "content-length", 14) == 0) {
            return head->fields[i].value;
        }
    }
    return (weir_str){NULL, 0};
}

/* As many records as PARAMS needs, and the empty one that ends it. */
static char *put_params(char *at, const char *params, size_t n)
{
    while (n > 0) {
        size_t piece = n < RECORD_MAX ? n : RECORD_MAX;

        at += put_record(at, PARAMS, piece);
        memcpy(at, params, piece);
        at += piece;
        params += piece;
        n -= piece;
    }
    return at + put_record(at, PARAMS, 0);
}

static weir_rc fcgi_request(void *state, weir_stream *stream, const weir_stream_head *head,
                            uint32_t *id)
{
    struct fastcgi *f = state;
    const struct fastcgi_request *request = head->request;
    const unsigned char begin[8] = {0, 1 /* responder */, request->keep, 0, 0, 0, 0, 0};
    weir_str length = content_length(head);
    char pair[64];
    size_t pair_n = length.n < 32 ? params_put(pair, WEIR_STR("CONTENT_LENGTH"), length) : 0;
    size_t n = request->params_n + pair_n;

    f->out = malloc(n + (n / RECORD_MAX + 6) * RECORD_HEAD + sizeof(begin));
    if (!f->out) {
        return WEIR_ERROR;
    }
    char *at = f->out;
    at += put_record(at, BEGIN_REQUEST, sizeof(begin));
    memcpy(at, begin, sizeof(begin));
    at += sizeof(begin);
    at += put_record(at, PARAMS, pair_n);
    memcpy(at, pair, pair_n);
    at = put_params(at + pair_n, request->params, request->params_n);
    if (head->ended) {
        at += put_record(at, STDIN, 0);
    }
    f->out_n = (size_t)(at - f->out);
    f->stream = stream;
    f->request = request;
    f->sends_body = !head->ended;
    f->is_busy = true;
    f->is_closing = !request->keep;
    f->head_done = false;
    f->fields_n = 0;
    f->ahead = 0;
    *id = STREAM;
    return WEIR_OK;
}

static weir_rc put_body(struct fastcgi *f, weir_chain *out, size_t room)
{
    char record[RECORD_HEAD];
    bool is_end;
    size_t pending = weir_stream_pending(f->stream, &is_end);
    size_t n = pending < room ? pending : room;

    n = n < RECORD_MAX ? n : RECORD_MAX;
    if (n > 0) {
        weir_chain_copy(out, record, put_record(record, STDIN, n));
        if (weir_stream_take(f->stream, out, n) != WEIR_OK) {
            return WEIR_ERROR;
        }
    }
    if (is_end && n == pending) {
        weir_chain_copy(out, record, put_record(record, STDIN, 0));
        f->sends_body = false;
    }
    return n < pending ? WEIR_MORE : WEIR_OK;
}

static weir_rc fcgi_output(void *state, weir_chain *out, size_t room)
{
    struct fastcgi *f = state;

    if (f->out) {
        weir_chain_copy(out, f->out, f->out_n);
        room = room > f->out_n ? room - f->out_n : 0;
        free(f->out);
        f->out = NULL;
    }
    if (f->stream && f->sends_body) {
        return put_body(f, out, room ? room : 1);
    }
    return f->is_closing && !f->is_busy ? WEIR_DONE : WEIR_OK;
}

/* ---- the response ---- */

static void log_line(struct fastcgi *f)
{
    if (f->line_n && f->request) {
        weir_log(WEIR_LOG_ERROR, f->request->req, "fastcgi stderr: %.*s", (int)f->line_n, f->line);
    }
    f->line_n = 0;
}

static void take_stderr(struct fastcgi *f, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n') {
            log_line(f);
        } else if (f->line_n < sizeof(f->line) && p[i] != '\r') {
            f->line[f->line_n++] = (unsigned char)p[i] < ' ' ? ' ' : p[i];
        }
    }
}

/* It can be told nothing more; the connection is of no use any more either. */
static void give_up(struct fastcgi *f)
{
    weir_stream *stream = f->stream;

    f->stream = NULL;
    f->request = NULL;
    f->is_closing = true;
    f->is_busy = false;
    if (stream) {
        weir_stream_gone(stream, WEIR_STREAM_FAILED);
    }
}

/* The length of the head with its empty line; 0: it is not complete. */
static size_t head_length(const char *p, size_t n, size_t from)
{
    for (size_t i = from; i < n; i++) {
        if (p[i] == '\n' && i + 1 < n && p[i + 1] == '\n') {
            return i + 2;
        }
        if (p[i] == '\n' && i + 2 < n && p[i + 1] == '\r' && p[i + 2] == '\n') {
            return i + 3;
        }
    }
    return 0;
}

static weir_str trim(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) {
        end--;
    }
    return (weir_str){p, (size_t)(end - p)};
}

static bool is_named(weir_str name, const char *text)
{
    return strlen(text) == name.n && strncasecmp(name.p, text, name.n) == 0;
}

static unsigned status_number(weir_str value)
{
    unsigned status = 0;

    for (size_t i = 0; i < value.n && i < 3; i++) {
        if (value.p[i] < '0' || value.p[i] > '9') {
            return 0;
        }
        status = status * 10 + (unsigned)(value.p[i] - '0');
    }
    return status >= 100 && status <= 999 ? status : 0;
}

/* Returns how many fields; *status is 0 when a line makes no sense. */
static size_t parse_fields(const char *p, size_t n, weir_field *list, unsigned *status)
{
    const char *end = p + n;
    bool redirects = false;
    size_t found = 0;

    *status = 200;
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        const char *line_end = stop ? stop : end;
        const char *colon = memchr(p, ':', (size_t)(line_end - p));

        if (trim(p, line_end).n == 0) {
            break;
        }
        if (!colon || found == FIELDS_MAX) {
            *status = 0;
            return 0;
        }
        weir_str name = trim(p, colon), value = trim(colon + 1, line_end);
        if (is_named(name, "status")) {
            *status = status_number(value);
            redirects = false;
        } else {
            redirects = redirects || (is_named(name, "location") && *status == 200);
            list[found++] = (weir_field){.name = name, .value = value};
        }
        p = line_end + 1;
    }
    /* A Location without a Status is a redirect (RFC 3875, 6.2.3). */
    *status = redirects && *status == 200 ? 302 : *status;
    return found;
}

/* False: the response makes no sense, and was given up. */
static bool pass_head(struct fastcgi *f, size_t n)
{
    weir_field list[FIELDS_MAX];
    unsigned status;
    size_t found = parse_fields(f->fields, n, list, &status);

    f->head_done = true;
    if (status < 200 || weir_stream_head_came(f->stream, status, list, found, 0) != WEIR_OK) {
        give_up(f);
        return false;
    }
    return true;
}

static bool keep_head(struct fastcgi *f, const char *p, size_t n)
{
    if (f->fields_n + n > f->fields_cap) {
        size_t cap = (f->fields_n + n) * 2;
        char *more = cap <= 2 * (HEAD_MAX + 65536) ? realloc(f->fields, cap) : NULL;

        if (!more) {
            return false;
        }
        f->fields = more;
        f->fields_cap = cap;
    }
    memcpy(f->fields + f->fields_n, p, n);
    f->fields_n += n;
    return true;
}

static void pass_body(struct fastcgi *f, const char *p, size_t n)
{
    f->ahead += n;
    weir_stream_body(f->stream, p, n);
}

static void take_stdout(struct fastcgi *f, const char *p, size_t n)
{
    if (!f->stream || n == 0) {
        return;
    }
    if (f->head_done) {
        pass_body(f, p, n);
        return;
    }
    size_t from = f->fields_n > 2 ? f->fields_n - 2 : 0;
    if (!keep_head(f, p, n)) {
        give_up(f);
        return;
    }
    size_t head_n = head_length(f->fields, f->fields_n, from);
    if (head_n == 0 && f->fields_n > HEAD_MAX) {
        give_up(f);
    } else if (head_n && pass_head(f, head_n) && f->stream && f->fields_n > head_n) {
        pass_body(f, f->fields + head_n, f->fields_n - head_n);
    }
}

static void end_request(struct fastcgi *f)
{
    weir_stream *stream = f->stream;
    bool is_whole = f->head_done;

    log_line(f);
    f->is_busy = false;
    f->is_closing = f->is_closing || f->sends_body;
    f->stream = NULL;
    f->request = NULL;
    if (!stream) {
        return;
    }
    if (is_whole && weir_stream_end(stream, NULL, 0) == WEIR_OK) {
        weir_stream_gone(stream, WEIR_STREAM_OK);
    } else {
        f->is_closing = true;
        weir_stream_gone(stream, WEIR_STREAM_FAILED);
    }
}

static void take_content(struct fastcgi *f, const char *p, size_t n)
{
    switch (f->head[1]) {
    case STDOUT:
        take_stdout(f, p, n);
        break;
    case STDERR:
        take_stderr(f, p, n);
        break;
    default:
        break; /* END_REQUEST's is looked at as a whole below; others are not asked for */
    }
}

/* Collects a record's head. True: it is complete. */
static bool take_head(struct fastcgi *f, const char **p, size_t *n)
{
    while (f->head_n < RECORD_HEAD && *n > 0) {
        f->head[f->head_n++] = (unsigned char)*(*p)++;
        --*n;
        if (f->head_n == RECORD_HEAD) {
            f->left = (size_t)f->head[4] << 8 | f->head[5];
            f->padding = f->head[6];
        }
    }
    return f->head_n == RECORD_HEAD;
}

static weir_rc fcgi_input(void *state, const char *p, size_t n)
{
    struct fastcgi *f = state;

    while (take_head(f, &p, &n)) {
        size_t piece = f->left < n ? f->left : n;
        size_t skipped;

        if (f->head[0] != 1 || (f->head[1] != STDOUT && f->head[1] != STDERR &&
                                f->head[1] != END_REQUEST)) {
            return WEIR_ERROR;
        }
        take_content(f, p, piece);
        f->left -= piece;
        p += piece;
        n -= piece;
        skipped = f->left == 0 ? (f->padding < n ? f->padding : n) : 0;
        f->padding -= skipped;
        p += skipped;
        n -= skipped;
        if (f->left > 0 || f->padding > 0) {
            return WEIR_OK;
        }
        f->head_n = 0;
        if (f->head[1] == END_REQUEST) {
            end_request(f);
        }
    }
    return WEIR_OK;
}

/* ---- the rest ---- */

static void fcgi_resume(void *state, uint32_t id)
{
    (void)state; /* output() asks the stream each time */
    (void)id;
}

static void fcgi_consumed(void *state, uint32_t id, size_t n)
{
    struct fastcgi *f = state;

    (void)id;
    f->ahead -= n < f->ahead ? n : f->ahead;
}

static bool fcgi_wants_input(void *state)
{
    const struct fastcgi *f = state;

    return !f->stream || f->ahead < WINDOW;
}

/* The application would have to be heard to its end before the connection served others. */
static void fcgi_leave(void *state, uint32_t id, uint32_t why)
{
    struct fastcgi *f = state;

    (void)id;
    (void)why;
    f->stream = NULL;
    f->request = NULL;
    f->is_closing = true;
    f->is_busy = false;
}

static void fcgi_drain(void *state)
{
    struct fastcgi *f = state;

    f->is_closing = true;
}

const weir_codec_ops fastcgi_codec = {
    .size = sizeof(fastcgi_codec),
    .name = "fastcgi",
    .input = fcgi_input,
    .output = fcgi_output,
    .resume = fcgi_resume,
    .consumed = fcgi_consumed,
    .reset = fcgi_leave,
    .drain = fcgi_drain,
    .close = fcgi_close,
    .connect = fcgi_connect,
    .limit = fcgi_limit,
    .allows_connect = fcgi_allows_connect,
    .request = fcgi_request,
    .leave = fcgi_leave,
    .wants_input = fcgi_wants_input,
};
