/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conditions.h"
#include "ranges.h"
#include "variant.h"

weir_rc answer_refusal(weir_req *req, uint32_t status, weir_reason reason, const char *what,
                       weir_str path)
{
    char detail[300];

    snprintf(detail, sizeof(detail), "%s: %.*s", what, (int)(path.n > 200 ? 200 : path.n), path.p);
    return weir_reply(req, status, reason, WEIR_STR(""), WEIR_STR(""), detail);
}

weir_rc answer_errno(weir_req *req, int error, weir_str path)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EXDEV: /* a link that leaves the root */
    case ENXIO: /* a socket */
    case ELOOP:
        return answer_refusal(req, 404, WEIR_REASON_FILE_NOT_FOUND, strerror(error), path);
    case EACCES:
    case EPERM:
        return answer_refusal(
            req, 403, WEIR_REASON_ACCESS_DENIED,
            "the worker user may not read it; check the file's and its folders' modes", path);
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return answer_refusal(req, 503, WEIR_REASON_PROXY_INTERNAL_ERROR, strerror(error), path);
    default:
        return answer_refusal(req, 500, WEIR_REASON_PROXY_INTERNAL_ERROR, strerror(error), path);
    }
}

static void set_known(weir_req *req, uint32_t id, weir_str value)
{
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, id, value);
}

static weir_str joined(weir_req *req, weir_str a, weir_str b)
{
    char *text = weir_alloc(req, a.n + b.n);

    memcpy(text, a.p, a.n);
    memcpy(text + a.n, b.p, b.n);
    return (weir_str){text, a.n + b.n};
}

static weir_str copy(weir_req *req, weir_str s)
{
    char *text = weir_alloc(req, s.n);

    memcpy(text, s.p, s.n);
    return (weir_str){text, s.n};
}

static weir_str etag_of(weir_req *req, const struct conf *conf, const struct file *file)
{
    return conf->etag == ETAG_OFF ? (weir_str){NULL, 0}
           : conf->etag == ETAG_WEAK
               ? joined(req, WEIR_STR("W/"), (weir_str){file->etag, file->etag_n})
               : copy(req, (weir_str){file->etag, file->etag_n});
}

/* Texts of the entry are copied: logs look at them after the body, and with it the entry, has gone.
 */
static void set_validators(weir_req *req, const struct conf *conf, const struct file *file)
{
    weir_str etag = etag_of(req, conf, file);

    set_known(req, WEIR_F_LAST_MODIFIED, copy(req, (weir_str){file->modified, 29}));
    if (etag.n) {
        set_known(req, WEIR_F_ETAG, etag);
    }
}

static void set_head(weir_req *req, const struct conf *conf, const struct choice *choice)
{
    set_known(req, WEIR_F_CONTENT_TYPE, choice->type);
    set_validators(req, conf, choice->file);
    set_known(req, WEIR_F_ACCEPT_RANGES, WEIR_STR("bytes"));
    if (choice->coding) {
        set_known(req, WEIR_F_CONTENT_ENCODING, (weir_str){choice->coding, strlen(choice->coding)});
    }
}

/* Takes a reference to the file. */
static void add_content(weir_req *req, struct file *file, uint64_t first, uint64_t n)
{
    weir_chain *body = weir_body(req);

    if (n == 0) {
        file_release(file);
    } else if (file->content) {
        weir_chain_add_ref(body, file->content + first, n, file_release, file);
    } else {
        weir_chain_add_file(body, file->fd, first, n, file_release, file);
    }
}

/* "bytes 0-1/5"; without a range what a 416 has. */
static weir_str content_range(weir_req *req, const struct range *range, uint64_t size)
{
    char *text = weir_alloc(req, 80);
    int n = range ? snprintf(text, 80, "bytes %llu-%llu/%llu", (unsigned long long)range->first,
                             (unsigned long long)range->last, (unsigned long long)size)
                  : snprintf(text, 80, "bytes */%llu", (unsigned long long)size);

    return (weir_str){text, (size_t)n};
}

static weir_rc send_range(weir_req *req, struct file *file, const struct range *range)
{
    uint64_t n = range->last - range->first + 1;

    set_known(req, WEIR_F_CONTENT_RANGE, content_range(req, range, file->size));
    add_content(req, file, range->first, n);
    return weir_respond(req, 206, (int64_t)n);
}

/* multipart/byteranges (RFC 9110, 14.6). Nobody knows the request's id beforehand, so no file holds
 * the boundary. */
static weir_rc send_ranges(weir_req *req, const struct choice *choice, const struct range *ranges,
                           int n)
{
    weir_str boundary = weir_get(req, WEIR_GET_ID);
    size_t room = choice->type.n + boundary.n + 160;
    char *text = weir_alloc(req, room);
    struct file *file = choice->file;
    uint64_t length = 0;
    int part;

    for (int i = 0; i < n; i++) {
        weir_str where = content_range(req, &ranges[i], file->size);

        part =
            snprintf(text, room, "\r\n--%.*s\r\nContent-Type: %.*s\r\nContent-Range: %.*s\r\n\r\n",
                     (int)boundary.n, boundary.p, (int)choice->type.n, choice->type.p, (int)where.n,
                     where.p);
        weir_chain_copy(weir_body(req), text, (size_t)part);
        file_retain(file);
        add_content(req, file, ranges[i].first, ranges[i].last - ranges[i].first + 1);
        length += (uint64_t)part + ranges[i].last - ranges[i].first + 1;
    }
    file_release(file);
    part = snprintf(text, room, "\r\n--%.*s--\r\n", (int)boundary.n, boundary.p);
    weir_chain_copy(weir_body(req), text, (size_t)part);
    set_known(req, WEIR_F_CONTENT_TYPE,
              joined(req, WEIR_STR("multipart/byteranges; boundary="), boundary));
    return weir_respond(req, 206, (int64_t)length + part);
}

static weir_rc refuse_range(weir_req *req, struct file *file)
{
    set_known(req, WEIR_F_CONTENT_RANGE, content_range(req, NULL, file->size));
    file_release(file);
    return weir_reply(req, 416, WEIR_REASON_RANGE_NOT_SATISFIABLE, WEIR_STR(""), WEIR_STR(""),
                      "the range asked for lies behind the file's end");
}

static weir_rc send_without_body(weir_req *req, const struct conf *conf, struct file *file,
                                 uint32_t status)
{
    set_validators(req, conf, file);
    file_release(file);
    return status == 412 ? weir_reply(req, 412, WEIR_REASON_HTTP_REQUEST_DENIED, WEIR_STR(""),
                                      WEIR_STR(""), "a precondition of the request is not met")
                         : weir_respond(req, status, status == 304 ? -1 : 0);
}

/* As ranges_parse(). A Range is for GET (RFC 9110, 14.2). */
static int wanted_ranges(weir_req *req, const struct file *file, struct range *ranges)
{
    weir_str value;

    if (weir_field_get(req, WEIR_REQUEST, WEIR_F_RANGE, &value) != WEIR_OK ||
        weir_get(req, WEIR_GET_METHOD).n != 3 || !conditions_range_applies(req, file)) {
        return RANGES_NONE;
    }
    return ranges_parse(value, file->size, ranges);
}

weir_rc answer_with_file(weir_req *req, const struct conf *conf, struct file *file)
{
    struct range ranges[RANGES_MAX];
    struct choice choice = variant_choose(req, conf, file);
    uint32_t status = conditions_check(req, choice.file);

    file = choice.file;
    if (status != 200) {
        return send_without_body(req, conf, file, status);
    }
    int n = wanted_ranges(req, file, ranges);
    if (n == RANGES_BAD) {
        return refuse_range(req, file);
    }
    set_head(req, conf, &choice);
    if (n > 1) {
        return send_ranges(req, &choice, ranges, n);
    }
    if (n == 1) {
        return send_range(req, file, &ranges[0]);
    }
    uint64_t size = file->size;
    add_content(req, file, 0, size);
    return weir_respond(req, 200, (int64_t)size);
}
