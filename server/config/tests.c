/* SPDX-License-Identifier: Apache-2.0 */
#include "config/tests.h"

#include "base/str.h"
#include "config/keys.h"
#include "config/scope.h"
#include "http/http1_parse.h"

/* A name that the site answers to. */
static weir_str name_of(struct arena *arena, const struct site *site)
{
    weir_str name = site->name_n ? site->names[0] : STR("localhost");

    if (name.p[0] == '*') {
        return arena_printf(arena, "test%.*s", (int)name.n - 1, name.p + 1);
    }
    if (name.n && name.p[name.n - 1] == '*') {
        return arena_printf(arena, "%.*stest", (int)name.n - 1, name.p);
    }
    return name;
}

/* "GET https://host:port/path", or "GET /path" for the site itself. False: it is neither. */
static bool read_request(struct config *config, struct test *test)
{
    weir_str rest = test->request, host;
    const char *slash;

    test->method = str_cut(&rest, ' ');
    rest = str_trim(rest);
    if (test->method.n == 0 || rest.n == 0 || memchr(rest.p, ' ', rest.n)) {
        return false;
    }
    test->target = rest;
    test->host = name_of(&config->arena, test->site);
    test->tls = str_starts_with(rest, STR("https://"));
    test->has_scheme = test->tls || str_starts_with(rest, STR("http://"));
    if (!test->has_scheme) {
        return rest.p[0] == '/' || str_eq(rest, STR("*"));
    }
    size_t skip = test->tls ? 8 : 7;
    rest = (weir_str){rest.p + skip, rest.n - skip};
    slash = memchr(rest.p, '/', rest.n);
    test->host = (weir_str){rest.p, slash ? (size_t)(slash - rest.p) : rest.n};
    test->target = slash ? (weir_str){slash, rest.n - test->host.n} : STR("/");
    return http1_split_authority(test->host, &host, &test->port);
}

static bool is_text(struct config *config, const struct node *node)
{
    if (node->type != NODE_STR) {
        config_error(config, &node->at, "tests: %s: expected text in quotes", node->name.p);
    }
    return node->type == NODE_STR;
}

/* The module is loaded here: a test's own process may not. */
static void want_regex(struct config *config, weir_str text, const struct source *at)
{
    if (text.n && text.p[0] == '~') {
        keys_regex(config, at);
    }
}

static void read_fields(struct config *config, const struct node *expect, struct test *test)
{
    const struct node *headers = node_get(expect, STR("headers"));

    if (!headers) {
        return;
    }
    if (headers->type != NODE_GROUP) {
        config_error(config, &headers->at, "tests: expect.headers: expected a group { Name = \"value\"; }");
        return;
    }
    test->expect.fields =
        arena_zalloc(&config->arena, (headers->n + 1) * sizeof(*test->expect.fields));
    for (const struct node *node = headers->first; node; node = node->next) {
        struct expected_field *field = &test->expect.fields[test->expect.field_n++];

        *field = (struct expected_field){
            .name = node->name, .absent = node_is_false(node), .at = node->at};
        if (!field->absent && is_text(config, node)) {
            field->value = node->v.s;
            want_regex(config, field->value, &node->at);
        }
    }
}

static void read_test(struct config *config, const struct site *site, const struct node *node,
                      struct test *test)
{
    test->site = site;
    test->source = node->at;
    if (!schema_fill(config, "tests", test_rows(), WEIR_S_SITE, true, node, test)) {
        return;
    }
    read_fields(config, node_get(node, STR("expect")), test);
    const weir_str texts[] = {test->expect.site, test->expect.route, test->expect.upstream,
                              test->expect.reason, test->expect.body};
    for (size_t i = 0; i < WEIR_COUNT(texts); i++) {
        want_regex(config, texts[i], &test->source);
    }
    if (!read_request(config, test)) {
        config_error(config, &node_get(node, STR("request"))->at,
                 "tests: request = \"%s\": expected \"METHOD URL\", such as \"GET https://%.*s/\" or "
                 "\"GET /\"", test->request.p, (int)test->host.n, test->host.n ? test->host.p : "");
    }
}

struct test *tests_read(struct config *config, const struct site *site, uint32_t *n)
{
    const struct node *list = node_get(config->tree->sites[site->index]->node, STR("tests"));
    bool is_list = list && list->type == NODE_LIST;
    const struct node *item = is_list ? list->first : list;
    struct test *tests = arena_zalloc(&config->arena, (is_list ? list->n : 1) * sizeof(*tests) + 1);

    *n = 0;
    for (; item && !node_is_false(item); item = is_list ? item->next : NULL) {
        if (item->type != NODE_GROUP) {
            config_error(config, &item->at, "tests: expected a list of groups: tests = ( { request = "
                     "\"GET /\"; expect = { status = 200; }; } );");
            continue;
        }
        read_test(config, site, item, &tests[(*n)++]);
    }
    return tests;
}
