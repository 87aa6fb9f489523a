/* SPDX-License-Identifier: Apache-2.0 */
#include "conditions.h"

#include <weir/range.h>

#include "http_date.h"
#include "words.h"

struct validators validators_of(const struct message *response, int64_t date_s)
{
    struct validators v = {.date_s = date_s};

    message_get(response, WEIR_F_ETAG, &v.etag);
    message_get(response, WEIR_F_LAST_MODIFIED, &v.modified);
    return v;
}

bool conditions_are_origins(const struct message *request)
{
    weir_str value;

    return message_get(request, WEIR_F_IF_MATCH, &value) ||
           message_get(request, WEIR_F_IF_UNMODIFIED_SINCE, &value);
}

bool conditions_are_caches(const struct message *request)
{
    weir_str value;

    return message_get(request, WEIR_F_IF_NONE_MATCH, &value) ||
           message_get(request, WEIR_F_IF_MODIFIED_SINCE, &value);
}

static bool is_weak(weir_str etag)
{
    return etag.n > 2 && etag.p[0] == 'W' && etag.p[1] == '/';
}

static weir_str opaque(weir_str etag)
{
    return is_weak(etag) ? (weir_str){etag.p + 2, etag.n - 2} : etag;
}

bool etag_is_listed(weir_str list, weir_str etag)
{
    weir_str member;

    if (etag.n == 0) {
        return false;
    }
    while (list_next(&list, &member)) {
        if (word_is(opaque(member), opaque(etag))) {
            return true;
        }
    }
    return false;
}

static bool is_unmodified_since(weir_str since_text, const struct validators *v)
{
    int64_t since, modified = v->date_s;

    if (!http_date_parse(since_text, v->date_s, &since)) {
        return false;
    }
    /* Without Last-Modified the Date stands in (RFC 9111, 4.3.2). */
    if (v->modified.n && !http_date_parse(v->modified, v->date_s, &modified)) {
        return false;
    }
    return modified <= since;
}

bool conditions_not_modified(const struct message *request, const struct validators *v)
{
    weir_str value;
    bool has_list = false;

    for (size_t i = 0; i < request->n; i++) {
        if (request->fields[i].id == WEIR_F_IF_NONE_MATCH) {
            has_list = true;
            value = request->fields[i].value;
            if (word_is(weir_trim(value), WEIR_STR("*")) || etag_is_listed(value, v->etag)) {
                return true;
            }
        }
    }
    if (has_list) {
        return false;
    }
    return message_get(request, WEIR_F_IF_MODIFIED_SINCE, &value) && is_unmodified_since(value, v);
}

/* If-Range has to name exactly what is stored, and by a strong validator (RFC 9110, 13.1.5). */
static bool range_applies(const struct message *request, const struct validators *v)
{
    int64_t wanted, modified;
    weir_str value;

    if (!message_get(request, WEIR_F_IF_RANGE, &value)) {
        return true;
    }
    if (value.n && (value.p[0] == '"' || is_weak(value))) {
        return !is_weak(value) && word_is(value, v->etag);
    }
    return http_date_parse(value, v->date_s, &wanted) &&
           http_date_parse(v->modified, v->date_s, &modified) && wanted == modified &&
           modified < v->date_s;
}

enum range_result range_of(const struct message *request, const struct validators *v,
                           uint64_t length, uint64_t *first, uint64_t *last)
{
    weir_str value;

    if (!message_get(request, WEIR_F_RANGE, &value) || value.n < 7 ||
        !word_iis((weir_str){value.p, 6}, WEIR_STR("bytes=")) || memchr(value.p, ',', value.n) ||
        !range_applies(request, v)) {
        return RANGE_NONE;
    }
    switch (weir_range_read((weir_str){value.p + 6, value.n - 6}, length, first, last)) {
    case WEIR_RANGE_ONE:
        return RANGE_ONE;
    case WEIR_RANGE_BEHIND:
        return RANGE_BAD;
    default:
        return RANGE_NONE;
    }
}
