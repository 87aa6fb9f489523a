/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: what comes out begins with '/', has no dot segments and no empty ones, and no NUL. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(weir_str path)
{
    if (path.n == 0 || path.p[0] != '/' || memchr(path.p, '\0', path.n)) {
        abort();
    }
    weir_str rest = {path.p + 1, path.n - 1};
    while (rest.p) {
        weir_str segment = str_cut(&rest, '/');

        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")) ||
            (segment.n == 0 && rest.p)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str target = {(const char *)data, size};
    struct uri_path uri;
    struct arena arena;
    weir_str out;

    if (memchr(data, '\0', size)) {
        return 0; /* the head's parser refuses those */
    }
    arena_init(&arena);
    if (uri_parse(target, &arena, &uri) == URI_OK && !str_eq(target, STR("*"))) {
        check(uri.path);
        uri_strip_prefix(uri.raw, STR("/a/b"));
    }
    uri_decode(target, &arena, &out);
    uri_encode_path(target, &arena);
    uri_query_arg(target, STR("a"));
    arena_fini(&arena);
    return 0;
}
