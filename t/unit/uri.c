/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "base/str.h"
#include "http/uri.h"

static const struct {
    const char *target, *path; /* NULL: refused */
} cases[] = {
    {"/", "/"},
    {"/a/b", "/a/b"},
    {"/a//b", "/a/b"},
    {"//a", "/a"},
    {"/a/./b", "/a/b"},
    {"/a/../b", "/b"},
    {"/a/..", "/"},
    {"/a/.", "/a/"},
    {"/a/b/..", "/a/"},
    {"/a/%2e%2e/b", "/b"},
    {"/%61", "/a"},
    {"/a%2Fb", "/a%2Fb"},
    {"/a%2fb", "/a%2Fb"},
    {"/a%252fb", "/a%2fb"},
    {"/..a", "/..a"},
    {"/a..", "/a.."},
    {"/static../x", "/static../x"},
    {"/%C3%A9", "/\xc3\xa9"},
    {"/..", NULL},
    {"/a/../../b", NULL},
    {"/%2e%2e/x", NULL},
    {"/%00", NULL},
    {"/%0a", NULL},
    {"/%", NULL},
    {"/%2", NULL},
    {"/%zz", NULL},
    {"a", NULL},
    {"", NULL},
};

static const struct {
    const char *path, *prefix;
    bool has;
} prefixes[] = {
    {"/a/b", "/a", true},  {"/a", "/a", true},    {"/ab", "/a", false}, {"/a/b", "/a/", true},
    {"/a", "/a/", false},  {"/x", "/", true},     {"/", "/", true},     {"/a/b", "/a/b/c", false},
};

int main(void)
{
    struct arena arena;
    struct uri_path uri;

    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum uri_result result = uri_parse(str_from(cases[i].target), &arena, &uri);
        bool fine = result == URI_OK;

        ok(cases[i].path ? fine && str_eq(uri.path, str_from(cases[i].path)) : !fine,
           "%s: %.*s", cases[i].target, fine ? (int)uri.path.n : 7, fine ? uri.path.p : "refused");
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        ok(uri_path_has_prefix(str_from(prefixes[i].path), str_from(prefixes[i].prefix)) ==
               prefixes[i].has, "%s under %s", prefixes[i].path, prefixes[i].prefix);
    }
    ok(uri_parse(STR("/a?b=c&d"), &arena, &uri) == URI_OK && str_eq(uri.query, STR("b=c&d")) &&
           str_eq(uri_query_arg(uri.query, STR("b")), STR("c")), "query");
    ok(str_eq(uri_strip_prefix(STR("/%61pi/x%2fy"), STR("/api")), STR("/x%2fy")),
       "a prefix is stripped by segments");
    arena_fini(&arena);
    return done_testing();
}
