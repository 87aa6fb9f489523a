/* SPDX-License-Identifier: Apache-2.0 */
#include "conditions.h"

#include <string.h>
#include <time.h>

/* Only the form that senders must use (RFC 9110, 5.6.7); any other date is ignored, and that is always
 * safe: the file is sent whole. */
static bool parse_date(weir_str text, int64_t *seconds)
{
    char copy[30];
    struct tm tm = {0};

    if (text.n != 29) {
        return false;
    }
    memcpy(copy, text.p, 29);
    copy[29] = '\0';
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end) {
        return false;
    }
    *seconds = timegm(&tm);
    return true;
}

static bool get(weir_req *req, uint32_t id, weir_str *out)
{
    return weir_field_get(req, WEIR_REQUEST, id, out) == WEIR_OK;
}

/* Is the file's entity tag in the list? `weak` comparison ignores W/ (RFC 9110, 8.8.3.2). */
static bool list_has_etag(weir_str list, const struct file *file, bool weak)
{
    const char *p = list.p, *end = list.p + list.n;

    if (list.n == 1 && *p == '*') {
        return true;
    }
    while (p < end) {
        while (p < end && (*p == ' ' || *p == ',' || *p == '\t')) {
            p++;
        }
        bool is_weak = end - p > 2 && p[0] == 'W' && p[1] == '/';
        p += is_weak ? 2 : 0;
        const char *quote = p < end && *p == '"' ? memchr(p + 1, '"', (size_t)(end - p) - 1) : NULL;
        if (!quote) {
            return false;
        }
        size_t n = (size_t)(quote - p) + 1;
        if (n == file->etag_n && memcmp(p, file->etag, n) == 0 && (weak || !is_weak)) {
            return true;
        }
        p = quote + 1;
    }
    return false;
}

uint32_t conditions_check(weir_req *req, const struct file *file)
{
    int64_t when;
    weir_str value;

    if (get(req, WEIR_F_IF_MATCH, &value)) {
        if (!list_has_etag(value, file, false)) {
            return 412;
        }
    } else if (get(req, WEIR_F_IF_UNMODIFIED_SINCE, &value) && parse_date(value, &when) &&
               file->mtime_s > when) {
        return 412;
    }
    if (get(req, WEIR_F_IF_NONE_MATCH, &value)) {
        return list_has_etag(value, file, true) ? 304 : 200;
    }
    if (get(req, WEIR_F_IF_MODIFIED_SINCE, &value) && parse_date(value, &when) &&
        file->mtime_s <= when) {
        return 304;
    }
    return 200;
}

/* If-Range names the file as the client has it; another file is sent whole (RFC 9110, 13.1.5). */
static bool range_applies(weir_req *req, const struct file *file)
{
    weir_str value;
    int64_t when;

    if (!get(req, WEIR_F_IF_RANGE, &value)) {
        return true;
    }
    if (value.n && value.p[0] == '"') {
        return value.n == file->etag_n && memcmp(value.p, file->etag, value.n) == 0;
    }
    return parse_date(value, &when) && when == file->mtime_s;
}

static bool read_number(const char **p, const char *end, uint64_t *out)
{
    const char *start = *p;
    uint64_t value = 0;

    while (*p < end && **p >= '0' && **p <= '9') {
        if (value > UINT64_MAX / 16) {
            return false;
        }
        value = value * 10 + (uint64_t)(*(*p)++ - '0');
    }
    *out = value;
    return *p > start;
}

enum range_result range_parse(weir_req *req, const struct file *file, uint64_t *first,
                              uint64_t *last)
{
    weir_str value;

    if (!get(req, WEIR_F_RANGE, &value) || value.n < 7 || memcmp(value.p, "bytes=", 6) != 0 ||
        memchr(value.p, ',', value.n) || !range_applies(req, file)) {
        return RANGE_NONE;
    }
    const char *p = value.p + 6, *end = value.p + value.n;
    bool has_first = read_number(&p, end, first);
    if (p >= end || *p++ != '-') {
        return RANGE_NONE;
    }
    bool has_last = read_number(&p, end, last);
    if (p != end || (!has_first && !has_last) || (has_first && has_last && *last < *first)) {
        return RANGE_NONE;
    }
    if (!has_first) { /* the last so many bytes */
        if (*last == 0 || file->size == 0) {
            return RANGE_BAD;
        }
        *first = *last < file->size ? file->size - *last : 0;
        *last = file->size - 1;
        return RANGE_ONE;
    }
    if (*first >= file->size) {
        return RANGE_BAD;
    }
    if (!has_last || *last >= file->size) {
        *last = file->size - 1;
    }
    return RANGE_ONE;
}
