/* SPDX-License-Identifier: Apache-2.0 */
#include "http2.h"

#include <string.h>

void http2_head_begin(struct h2 *h2)
{
    for (uint32_t i = 0; i < h2->field_n; i++) {
        nghttp2_rcbuf_decref(h2->names[i]);
        nghttp2_rcbuf_decref(h2->values[i]);
    }
    h2->field_n = 0;
    h2->head_bytes = 0;
    h2->head_is_too_large = false;
}

bool http2_head_add(struct h2 *h2, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    h2->head_bytes += nghttp2_rcbuf_get_buf(name).len + nghttp2_rcbuf_get_buf(value).len + 32;
    if (h2->field_n == FIELDS_MAX || h2->head_bytes > h2->conf->max_header_list) {
        h2->head_is_too_large = true;
        /* Reading on keeps the compression in step; doing so for ever would be a gift. */
        return http2_bear(h2, 1);
    }
    nghttp2_rcbuf_incref(name);
    nghttp2_rcbuf_incref(value);
    h2->names[h2->field_n] = name;
    h2->values[h2->field_n++] = value;
    return true;
}

static weir_str text_of(nghttp2_rcbuf *buf)
{
    nghttp2_vec vec = nghttp2_rcbuf_get_buf(buf);

    return (weir_str){(const char *)vec.base, vec.len};
}

static bool is(weir_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static void read_pseudo(weir_stream_head *head, weir_str name, weir_str value)
{
    if (is(name, ":method")) {
        head->method = value;
    } else if (is(name, ":path")) {
        head->path = value;
    } else if (is(name, ":authority")) {
        head->authority = value;
    } else if (is(name, ":scheme")) {
        head->scheme = value;
    } else if (is(name, ":protocol")) {
        head->protocol = value;
    }
}

/* Three digits, as nghttp2 has seen to. */
static uint32_t read_status(weir_str value)
{
    uint32_t status = 0;

    for (size_t i = 0; i < value.n && i < 3; i++) {
        status = status * 10 + (uint32_t)(value.p[i] - '0');
    }
    return status;
}

size_t http2_head_fields(const struct h2 *h2, weir_field *fields, weir_stream_head *head,
                         uint32_t *status)
{
    size_t n = 0;

    for (uint32_t i = 0; i < h2->field_n; i++) {
        weir_str name = text_of(h2->names[i]), value = text_of(h2->values[i]);

        if (name.n == 0 || name.p[0] != ':') {
            fields[n++] = (weir_field){.name = name, .value = value};
        } else if (head) {
            read_pseudo(head, name, value);
        } else if (status && is(name, ":status")) {
            *status = read_status(value);
        }
    }
    return n;
}

nghttp2_nv http2_pair(weir_str name, weir_str value, uint8_t flags)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.p,
                        .value = (uint8_t *)(uintptr_t)value.p,
                        .namelen = name.n,
                        .valuelen = value.n,
                        .flags = flags};
}
