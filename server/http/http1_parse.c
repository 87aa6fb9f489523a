/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_parse.h"

#include <string.h>

#include <weir/options.h>

#include "base/str.h"

/* What a byte may be part of. */
enum {
    C_TOKEN = 1,  /* RFC 9110, 5.6.2 */
    C_VALUE = 2,  /* field values: visible, blank, obs-text */
    C_TARGET = 4, /* RFC 3986: what may stand in a path and query, escapes included */
    C_HOST = 8    /* reg-name and IPv4 */
};

static uint8_t classes[256];

static void allow(const char *chars, uint8_t class)
{
    for (; *chars; chars++) {
        classes[(unsigned char)*chars] |= class;
    }
}

__attribute__((constructor)) static void fill_classes(void)
{
    for (int c = 0; c < 256; c++) {
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        classes[c] = alnum ? C_TOKEN | C_TARGET | C_HOST : 0;
        if (c == '\t' || (c >= 0x20 && c != 0x7f)) {
            classes[c] |= C_VALUE;
        }
    }
    allow("!#$%&'*+-.^_`|~", C_TOKEN);
    allow("-._~!$&'()*+,;=:@/?%", C_TARGET);
    /* Browsers send these unescaped, and every server takes them; none has a meaning. */
    allow("|^[]{}`\"\\<>", C_TARGET);
    allow("-._~!$&'()*+,;=%", C_HOST);
}

static bool all_in(weir_str s, uint8_t class)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!(classes[(unsigned char)s.p[i]] & class)) {
            return false;
        }
    }
    return true;
}

enum http1_method http1_method_parse(weir_str name)
{
    static const struct {
        weir_str name;
        enum http1_method method;
    } methods[] = {
        {{"GET", 3}, METHOD_GET},         {{"POST", 4}, METHOD_POST},
        {{"HEAD", 4}, METHOD_HEAD},       {{"PUT", 3}, METHOD_PUT},
        {{"DELETE", 6}, METHOD_DELETE},   {{"OPTIONS", 7}, METHOD_OPTIONS},
        {{"PATCH", 5}, METHOD_PATCH},     {{"CONNECT", 7}, METHOD_CONNECT},
        {{"TRACE", 5}, METHOD_TRACE},
    };

    for (size_t i = 0; i < WEIR_COUNT(methods); i++) {
        if (str_eq(methods[i].name, name)) {
            return methods[i].method;
        }
    }
    return METHOD_OTHER;
}

/* ---- lines ---- */

static bool fail(struct http1_error *error, uint16_t status, const char *what)
{
    *error = (struct http1_error){status, what};
    return false;
}

/* The head's end: the first CRLF CRLF at or after `from`. 0: not there yet. */
static size_t find_end(const char *p, size_t n, size_t from)
{
    size_t at = from;

    while (at + 4 <= n) {
        const char *cr = memchr(p + at, '\r', n - at - 3);

        if (!cr) {
            return 0;
        }
        if (memcmp(cr, "\r\n\r\n", 4) == 0) {
            return (size_t)(cr - p) + 4;
        }
        at = (size_t)(cr - p) + 1;
    }
    return 0;
}

/* Before the end has come: a line feed without its carriage return can be refused already, so that
 * nobody waits for more of what is broken. */
static bool has_bare_line_feed(const char *p, size_t n)
{
    const char *at = p, *end = p + n;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        if (at == p || at[-1] != '\r') {
            return true;
        }
        at++;
    }
    return false;
}

/* ---- fields ---- */

struct reader {
    const char *at, *end; /* of the head; at the end stands the empty line */
    struct fields *fields;
    const struct http1_limits *limits;
    struct http1_error *error;
    uint16_t status;      /* 400 or 502 */
};

static bool read_field(struct reader *r)
{
    const char *name = r->at, *p = name;

    while (classes[(unsigned char)*p] & C_TOKEN) {
        p++;
    }
    if (p == name) {
        return fail(r->error, r->status,
                    *p == ' ' || *p == '\t' ? "a header line begins with a blank"
                    : *p == ':'             ? "a header field has no name"
                                            : "a header field's name has an invalid character");
    }
    if (*p != ':') {
        return fail(r->error, r->status,
                    *p == ' ' || *p == '\t' ? "there is a blank before the colon of a header field"
                    : *p == '\r'            ? "a header line has no colon"
                                            : "a header field's name has an invalid character");
    }
    weir_str field_name_ = {name, (size_t)(p - name)};
    p++;
    while (*p == ' ' || *p == '\t') {
        p++;
    }
    const char *value = p;
    while (classes[(unsigned char)*p] & C_VALUE) {
        p++;
    }
    if (p[0] != '\r' || p[1] != '\n') {
        return fail(r->error, r->status, "a header field's value has a control character");
    }
    const char *value_end = p;
    while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) {
        value_end--;
    }
    r->at = p + 2;
    if (r->fields->n >= r->limits->max_fields) {
        return fail(r->error, r->status == 400 ? 431 : 502,
                    "there are more header fields than client.max_headers");
    }
    fields_add(r->fields, field_id(field_name_), field_name_,
               (weir_str){value, (size_t)(value_end - value)}, 0);
    return true;
}

static bool read_fields(struct reader *r)
{
    while (r->at < r->end) {
        if (!read_field(r)) {
            return false;
        }
    }
    return true;
}

/* ---- framing and connection ---- */

static bool is_only_one(const struct fields *fields, const weir_field *field)
{
    return !fields_next(fields, field);
}

static bool read_length(const struct reader *r, struct http1_head *head, const weir_field *length)
{
    if (!is_only_one(r->fields, length)) {
        return fail(r->error, r->status, "there is more than one Content-Length");
    }
    if (!str_to_u64(length->value, &head->content_length)) {
        return fail(r->error, r->status, "Content-Length is not a decimal number");
    }
    head->framing = FRAMING_LENGTH;
    return true;
}

/* Sets head->framing to LENGTH, CHUNKED or NONE (neither field). */
static bool read_framing(const struct reader *r, struct http1_head *head)
{
    const weir_field *length = fields_get(r->fields, WEIR_F_CONTENT_LENGTH);
    const weir_field *coding = fields_get(r->fields, WEIR_F_TRANSFER_ENCODING);

    head->framing = FRAMING_NONE;
    head->content_length = 0;
    if (!coding) {
        return !length || read_length(r, head, length);
    }
    if (length) {
        return fail(r->error, r->status, "there are both Content-Length and Transfer-Encoding");
    }
    if (!is_only_one(r->fields, coding)) {
        return fail(r->error, r->status, "there is more than one Transfer-Encoding");
    }
    if (head->minor == 0) {
        return fail(r->error, r->status, "HTTP/1.0 knows no Transfer-Encoding");
    }
    if (!str_ieq(coding->value, STR("chunked"))) {
        bool unknown = field_name_is_valid(coding->value) ||
                       (memchr(coding->value.p, ',', coding->value.n) &&
                        !str_starts_with(coding->value, STR("chunked")));

        return fail(r->error, unknown && r->status == 400 ? 501 : r->status,
                    "the only Transfer-Encoding that weir knows is chunked");
    }
    head->framing = FRAMING_CHUNKED;
    return true;
}

static void read_connection_option(struct http1_head *head, weir_str option, bool *close)
{
    if (option.n == 0) {
        return;
    }
    if (str_ieq(option, STR("close"))) {
        *close = true;
    } else if (str_ieq(option, STR("keep-alive"))) {
        head->keep_alive = true;
    } else if (str_ieq(option, STR("upgrade"))) {
        head->upgrade = true;
    } else if (!str_ieq(option, STR("te"))) {
        head->connection_names_fields = true;
    }
}

static void read_connection(const struct fields *fields, struct http1_head *head)
{
    bool close = false;

    head->keep_alive = head->minor == 1;
    head->upgrade = false;
    head->connection_names_fields = false;
    for (const weir_field *f = fields_get(fields, WEIR_F_CONNECTION); f;
         f = fields_next(fields, f)) {
        weir_str rest = f->value;

        while (rest.p) {
            read_connection_option(head, str_trim(str_cut(&rest, ',')), &close);
        }
    }
    if (close) {
        head->keep_alive = false;
    }
    head->upgrade = head->upgrade && fields_get(fields, WEIR_F_UPGRADE) && head->minor == 1;
}

/* ---- authorities ---- */

static bool split_port(weir_str text, uint16_t *port)
{
    uint64_t value;

    if (text.n == 0) {
        *port = 0; /* "host:" is allowed (RFC 3986, 3.2.3) */
        return true;
    }
    if (!str_to_u64(text, &value) || value == 0 || value > 65535) {
        return false;
    }
    *port = (uint16_t)value;
    return true;
}

bool http1_split_authority(weir_str authority, weir_str *host, uint16_t *port)
{
    const char *end = authority.p + authority.n;
    const char *colon;

    *port = 0;
    if (authority.n == 0) {
        return false;
    }
    if (authority.p[0] == '[') {
        const char *close = memchr(authority.p, ']', authority.n);

        if (!close || close - authority.p < 3) {
            return false;
        }
        *host = (weir_str){authority.p, (size_t)(close - authority.p) + 1};
        for (const char *p = authority.p + 1; p < close; p++) {
            char c = ascii_lower(*p);

            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.')) {
                return false;
            }
        }
        colon = close + 1;
        return colon == end ||
               (*colon == ':' && split_port((weir_str){colon + 1, (size_t)(end - colon) - 1}, port));
    }
    colon = memchr(authority.p, ':', authority.n);
    *host = (weir_str){authority.p, colon ? (size_t)(colon - authority.p) : authority.n};
    if (host->n == 0 || !all_in(*host, C_HOST)) {
        return false;
    }
    if (host->n > 1 && host->p[host->n - 1] == '.') {
        host->n--;
    }
    return !colon || split_port((weir_str){colon + 1, (size_t)(end - colon) - 1}, port);
}

/* ---- request lines ---- */

static bool read_version(weir_str version, struct http1_head *head, struct http1_error *error,
                         uint16_t status)
{
    if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.' ||
        (unsigned char)(version.p[5] - '0') > 9 || (unsigned char)(version.p[7] - '0') > 9) {
        return fail(error, status, "the version is not HTTP/1.0 or HTTP/1.1");
    }
    if (version.p[5] != '1' || version.p[7] > '1') {
        return fail(error, status == 400 ? 505 : 502, "the version is not HTTP/1.0 or HTTP/1.1");
    }
    head->minor = (uint8_t)(version.p[7] - '0');
    return true;
}

/* "http://host/path": takes scheme and authority off the target (RFC 9112, 3.2.2). */
static bool read_absolute(struct http1_head *head, struct http1_error *error)
{
    weir_str target = head->target;
    const char *colon = memchr(target.p, ':', target.n);
    weir_str scheme = {target.p, colon ? (size_t)(colon - target.p) : 0};

    if ((!str_ieq(scheme, STR("http")) && !str_ieq(scheme, STR("https"))) ||
        target.n < scheme.n + 3 || memcmp(colon, "://", 3) != 0) {
        return fail(error, 400, "the request target begins neither with '/' nor with http://");
    }
    const char *start = colon + 3, *end = target.p + target.n, *p = start;
    while (p < end && *p != '/' && *p != '?') {
        p++;
    }
    head->scheme = scheme;
    head->authority = (weir_str){start, (size_t)(p - start)};
    head->target = p < end ? (weir_str){p, (size_t)(end - p)} : STR("/");
    if (*head->target.p == '?') {
        return fail(error, 400, "the request target has no path");
    }
    return true;
}

bool http1_target_is_valid(weir_str target)
{
    return target.n > 0 && all_in(target, C_TARGET) &&
           (target.p[0] == '/' || str_eq(target, STR("*")));
}

static bool read_target(struct http1_head *head, struct http1_error *error)
{
    if (head->target.n == 0 || !all_in(head->target, C_TARGET)) {
        return fail(error, 400, "the request target has an invalid character");
    }
    if (head->method == METHOD_CONNECT) {
        head->authority = head->target;
        return true;
    }
    if (head->target.p[0] == '/') {
        return true;
    }
    if (str_eq(head->target, STR("*"))) {
        return head->method == METHOD_OPTIONS ||
               fail(error, 400, "the request target * is for OPTIONS only");
    }
    return read_absolute(head, error);
}

static bool read_request_line(weir_str line, const struct http1_limits *limits,
                              struct http1_head *head, struct http1_error *error)
{
    const char *end = line.p + line.n;
    const char *space = memchr(line.p, ' ', line.n);

    if (line.n > limits->max_line) {
        return fail(error, 414, "the request line is longer than client.max_header");
    }
    if (!space || space == line.p ||
        !all_in((weir_str){line.p, (size_t)(space - line.p)}, C_TOKEN)) {
        return fail(error, 400, "the request line has no valid method");
    }
    head->method_name = (weir_str){line.p, (size_t)(space - line.p)};
    head->method = http1_method_parse(head->method_name);
    const char *target = space + 1;
    space = memchr(target, ' ', (size_t)(end - target));
    if (!space) {
        return fail(error, 400, "the request line is not METHOD TARGET VERSION");
    }
    head->target = (weir_str){target, (size_t)(space - target)};
    if (!read_version((weir_str){space + 1, (size_t)(end - space) - 1}, head, error, 400)) {
        return false;
    }
    return read_target(head, error);
}

/* Exactly one valid Host in HTTP/1.1 (RFC 9112, 3.2). */
static bool read_host(const struct fields *fields, struct http1_head *head,
                      struct http1_error *error)
{
    const weir_field *field = fields_get(fields, WEIR_F_HOST);
    weir_str host;
    uint16_t port;

    if (!field) {
        if (head->minor == 1) {
            return fail(error, 400, "an HTTP/1.1 request needs a Host field");
        }
    } else if (!is_only_one(fields, field)) {
        return fail(error, 400, "there is more than one Host");
    } else if (field->value.n && !http1_split_authority(field->value, &host, &port)) {
        return fail(error, 400, "Host is not a valid host name and port");
    }
    if (head->scheme.n == 0 && head->method != METHOD_CONNECT) {
        head->authority = field ? field->value : (weir_str){0};
    } else if (!http1_split_authority(head->authority, &host, &port)) {
        return fail(error, 400, "the request target's host is not a valid host name and port");
    }
    return true;
}

static bool read_expect(const struct fields *fields, struct http1_head *head,
                        struct http1_error *error)
{
    const weir_field *field = fields_get(fields, WEIR_F_EXPECT);

    if (field && (!str_ieq(field->value, STR("100-continue")) || !is_only_one(fields, field))) {
        return fail(error, 417, "the only expectation that weir knows is 100-continue");
    }
    /* HTTP/1.0 has no such thing, and no body means nothing to wait for. */
    head->expect_continue = field && head->minor == 1 && head->framing != FRAMING_NONE;
    return true;
}

static bool read_request(struct reader *r, struct http1_head *head)
{
    const char *eol = memchr(r->at, '\r', (size_t)(r->end - r->at) + 1);

    if (!eol || eol[1] != '\n') {
        return fail(r->error, 400, "the request line has a control character");
    }
    if (!read_request_line((weir_str){r->at, (size_t)(eol - r->at)}, r->limits, head, r->error)) {
        return false;
    }
    r->at = eol + 2;
    if (!read_fields(r) || !read_host(r->fields, head, r->error) || !read_framing(r, head)) {
        return false;
    }
    read_connection(r->fields, head);
    return read_expect(r->fields, head, r->error);
}

/* Refuses a head that is too large: it is the request line's fault when that alone is (RFC 9110,
 * 15.5.15). */
static void fail_too_large(const char *p, size_t n, uint32_t max_head, uint16_t status,
                           struct http1_error *error)
{
    bool is_line = !memchr(p, '\n', n < max_head ? n : max_head);

    fail(error, status == 502 ? 502 : is_line ? 414 : 431,
         "the head is larger than client.max_header");
}

/* The common part: waits for the end of the head. DONE: *end is behind the empty line. */
static enum http1_result wait_for_end(const char *p, size_t n, size_t *scanned, uint32_t max_head,
                                      uint16_t status, struct http1_error *error, size_t *end)
{
    *end = find_end(p, n, *scanned > 3 ? *scanned - 3 : 0);
    if (*end == 0) {
        if (has_bare_line_feed(p, n)) {
            fail(error, status, "a line ends without a carriage return");
            return HTTP1_ERROR;
        }
        *scanned = n;
        if (n >= max_head) {
            fail_too_large(p, n, max_head, status, error);
            return HTTP1_ERROR;
        }
        return HTTP1_MORE;
    }
    if (*end > max_head) {
        fail_too_large(p, n, max_head, status, error);
        return HTTP1_ERROR;
    }
    return HTTP1_DONE;
}

enum http1_result http1_parse_request(const char *p, size_t n, size_t *scanned,
                                      const struct http1_limits *limits, struct http1_head *head,
                                      struct fields *fields, size_t *used,
                                      struct http1_error *error)
{
    size_t skipped = 0, end;

    if (n >= 1 && p[0] == '\r') {
        if (n < 2) {
            return HTTP1_MORE;
        }
        if (p[1] != '\n') {
            fail(error, 400, "a carriage return stands alone");
            return HTTP1_ERROR;
        }
        skipped = 2;
    }
    size_t seen = *scanned > skipped ? *scanned - skipped : 0;
    enum http1_result result =
        wait_for_end(p + skipped, n - skipped, &seen, limits->max_head, 400, error, &end);
    *scanned = seen + skipped;
    if (result == HTTP1_MORE && n > skipped && !(classes[(unsigned char)p[skipped]] & C_TOKEN)) {
        fail(error, 400, "the request line has no valid method");
        return HTTP1_ERROR;
    }
    if (result != HTTP1_DONE) {
        return result;
    }
    *head = (struct http1_head){0};
    fields_clear(fields);
    struct reader r = {.at = p + skipped,
                       .end = p + skipped + end - 2,
                       .fields = fields,
                       .limits = limits,
                       .error = error,
                       .status = 400};
    *used = skipped + end;
    return read_request(&r, head) ? HTTP1_DONE : HTTP1_ERROR;
}

/* ---- responses ---- */

static bool read_status_line(weir_str line, struct http1_head *head, struct http1_error *error)
{
    if (line.n < 12 || line.p[8] != ' ') {
        return fail(error, 502, "the status line is not VERSION STATUS REASON");
    }
    if (!read_version((weir_str){line.p, 8}, head, error, 502)) {
        return false;
    }
    uint64_t status;
    if (!str_to_u64((weir_str){line.p + 9, 3}, &status) || status < 100 ||
        (line.n > 12 && line.p[12] != ' ')) {
        return fail(error, 502, "the status is not three digits");
    }
    head->status = (uint16_t)status;
    head->reason = line.n > 13 ? (weir_str){line.p + 13, line.n - 13} : (weir_str){0};
    if (!all_in(head->reason, C_VALUE)) {
        return fail(error, 502, "the status line has a control character");
    }
    return true;
}

/* A body where there can be none: who sends it and who reads it may see two different answers. */
static bool settle_response_framing(struct http1_head *head, enum http1_method method,
                                    struct http1_error *error)
{
    bool bodyless = head->status < 200 || head->status == 204 || head->status == 304 ||
                    method == METHOD_HEAD || (method == METHOD_CONNECT && head->status < 300);
    bool has_body = head->framing == FRAMING_CHUNKED ||
                    (head->framing == FRAMING_LENGTH && head->content_length > 0);

    if (head->status < 200 && has_body) {
        return fail(error, 502, "an interim answer has a body");
    }
    if (head->status == 204 && has_body) {
        head->keep_alive = false; /* it may yet come */
    }
    if (bodyless) {
        head->framing = FRAMING_NONE;
    } else if (head->framing == FRAMING_NONE) {
        head->framing = FRAMING_CLOSE;
    }
    return true;
}

enum http1_result http1_parse_response(const char *p, size_t n, size_t *scanned,
                                       const struct http1_limits *limits, enum http1_method method,
                                       struct http1_head *head, struct fields *fields, size_t *used,
                                       struct http1_error *error)
{
    size_t end;
    enum http1_result result = wait_for_end(p, n, scanned, limits->max_head, 502, error, &end);

    if (result == HTTP1_MORE && n >= 5 && memcmp(p, "HTTP/", 5) != 0) {
        fail(error, 502, "the answer does not begin with HTTP/");
        return HTTP1_ERROR;
    }
    if (result != HTTP1_DONE) {
        return result;
    }
    *head = (struct http1_head){0};
    fields_clear(fields);
    struct reader r = {.at = p,
                       .end = p + end - 2,
                       .fields = fields,
                       .limits = limits,
                       .error = error,
                       .status = 502};
    const char *eol = memchr(p, '\r', end);
    if (!eol || eol[1] != '\n') {
        fail(error, 502, "the status line has a control character");
        return HTTP1_ERROR;
    }
    if (!read_status_line((weir_str){p, (size_t)(eol - p)}, head, error)) {
        return HTTP1_ERROR;
    }
    r.at = eol + 2;
    if (!read_fields(&r) || !read_framing(&r, head)) {
        return HTTP1_ERROR;
    }
    read_connection(fields, head);
    *used = end;
    return settle_response_framing(head, method, error) ? HTTP1_DONE : HTTP1_ERROR;
}
