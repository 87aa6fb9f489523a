/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, tables, dates, addresses. */
#include "tap.h"

#include "base/addr.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/table.h"

static void test_strings(void)
{
    weir_str rest = STR("a, b,,c");
    uint64_t value;

    ok(str_eq(str_cut(&rest, ','), STR("a")) && str_eq(str_trim(str_cut(&rest, ',')), STR("b")),
       "str_cut");
    ok(str_list_has(STR("gzip, Close"), STR("close")) && !str_list_has(STR("closed"), STR("close")),
       "str_list_has");
    ok(!str_to_u64(STR(""), &value) && !str_to_u64(STR("1x"), &value) &&
           !str_to_u64(STR("9223372036854775808"), &value) && str_to_u64(STR("42"), &value) &&
           value == 42, "str_to_u64");
    ok(str_distance(STR("proxy"), STR("porxy")) == 1 && str_distance(STR("a"), STR("abc")) == 2,
       "str_distance");
}

static void test_table(void)
{
    static char keys[200][8];
    struct table table = {0};
    unsigned missing = 0;

    for (int i = 0; i < 200; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        table_put(&table, str_from(keys[i]), keys[i]);
    }
    for (int i = 0; i < 200; i++) {
        missing += table_get(&table, str_from(keys[i])) != keys[i];
    }
    ok(missing == 0 && !table_get(&table, STR("k200")), "a table finds what is in it");
    ok(!table_put(&table, STR("k7"), keys[0]) && table_get(&table, STR("k7")) == keys[7],
       "a key is put once");
    table_fini(&table);
}

static void test_dates(void)
{
    char text[30];
    int64_t a = 0, b = 0, c = 0;

    clock_http_date(784111777, text);
    ok(str_eq(str_from(text), STR("Sun, 06 Nov 1994 08:49:37 GMT")), "IMF-fixdate");
    ok(clock_parse_http_date(str_from(text), &a) &&
           clock_parse_http_date(STR("Sunday, 06-Nov-94 08:49:37 GMT"), &b) &&
           clock_parse_http_date(STR("Sun Nov  6 08:49:37 1994"), &c) && a == 784111777 && a == b &&
           b == c, "the three forms");
    ok(!clock_parse_http_date(STR("0"), &a), "anything else is no date");
}

static void test_addresses(void)
{
    static const char *const good[][2] = {{"127.0.0.1:80", "127.0.0.1:80"},
                                          {"*:8080", "0.0.0.0:8080"},
                                          {"[::1]:443", "[::1]:443"},
                                          {"unix:/run/x.sock", "unix:/run/x.sock"}};
    char text[ADDR_TEXT];
    struct addr addr;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        bool fine = addr_parse(str_from(good[i][0]), -1, &addr) == 0;

        addr_format(&addr, text);
        ok(fine && str_eq(str_from(text), str_from(good[i][1])), "%s", good[i][0]);
    }
    ok(addr_parse(STR("127.0.0.1"), -1, &addr) != 0 && addr_parse(STR("1.2.3.4:0"), -1, &addr) != 0 &&
           addr_parse(STR("1.2.3.4:65536"), -1, &addr) != 0, "bad ports");
}

int main(void)
{
    test_strings();
    test_table();
    test_dates();
    test_addresses();
    return done_testing();
}
