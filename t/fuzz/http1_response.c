/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of any bytes: slices lie inside the input, and what came in two pieces reads the same. */
#include <stdlib.h>
#include <string.h>

#include "http/http1_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http1_result parse(const char *p, size_t n, size_t *scanned, struct http1_head *head,
                               struct fields *fields, size_t *used)
{
    const struct http1_limits limits = {.max_head = 2048, .max_line = 1024, .max_fields = 30};
    struct http1_error error;

    return http1_parse_response(p, n, scanned, &limits, METHOD_GET, head, fields, used, &error);
}

static void inside(weir_str s, const char *p, size_t n)
{
    if (s.n && (s.p < p || s.p + s.n > p + n)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    size_t scanned = 0, used = 0, used_again = 0;
    struct http1_head head, again;
    struct fields fields;
    struct arena arena;

    arena_init(&arena);
    fields_init(&fields, &arena);
    enum http1_result result = parse(p, size, &scanned, &head, &fields, &used);
    if (result == HTTP1_DONE) {
        if (used > size) {
            abort();
        }
        for (uint32_t i = 0; i < fields.n; i++) {
            inside(fields.list[i].name, p, used);
            inside(fields.list[i].value, p, used);
            if (!field_name_is_valid(fields.list[i].name)) {
                abort();
            }
        }
        scanned = 0;
        enum http1_result first = parse(p, size / 2, &scanned, &again, &fields, &used_again);
        if (first == HTTP1_MORE) {
            first = parse(p, size, &scanned, &again, &fields, &used_again);
        }
        if (first != HTTP1_DONE || used_again != used || again.framing != head.framing ||
            again.content_length != head.content_length) {
            abort();
        }
    }
    arena_fini(&arena);
    return 0;
}
