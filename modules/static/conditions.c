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

bool conditions_range_applies(weir_req *req, const struct file *file)
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
