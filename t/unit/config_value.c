/* SPDX-License-Identifier: Apache-2.0 */
/* Tests server/config: units, values of text, and what syntax mistakes are called. */
#include "tap.h"

#include <inttypes.h>

#include "base/str.h"
#include "config/diag.h"
#include "config/source.h"
#include "config/syntax.h"
#include "config/unit.h"

/* libconfig 1.5 loses a string when it meets a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

static void durations(void)
{
    static const struct {
        const char *text;
        enum unit_result result;
        uint64_t ms;
    } cases[] = {
        {"250ms", UNIT_OK, 250},
        {"10s", UNIT_OK, 10000},
        {"10", UNIT_OK, 10000},
        {"5m", UNIT_OK, 300000},
        {"1h", UNIT_OK, 3600000},
        {"1d", UNIT_OK, 86400000},
        {"2w", UNIT_OK, 1209600000},
        {"1y", UNIT_OK, 31536000000},
        {"0", UNIT_OK, 0},
        {"5H", UNIT_OK, 18000000},
        {"", UNIT_NO_NUMBER, 0},
        {"s", UNIT_NO_NUMBER, 0},
        {"-5s", UNIT_NO_NUMBER, 0},
        {"5x", UNIT_UNKNOWN, 0},
        {"5 s", UNIT_UNKNOWN, 0},
        {"1.5s", UNIT_UNKNOWN, 0},
        {"1h30m", UNIT_UNKNOWN, 0},
        {"999999999999y", UNIT_TOO_LARGE, 0},
        {"99999999999999999999", UNIT_TOO_LARGE, 0},
    };

    for (size_t i = 0; i < WEIR_COUNT(cases); i++) {
        uint64_t ms = 0;
        enum unit_result result = unit_duration(str_from(cases[i].text), &ms);

        ok(result == cases[i].result && ms == cases[i].ms, "duration \"%s\" is %" PRIu64 " ms",
           cases[i].text, cases[i].ms);
    }
}

static void sizes(void)
{
    static const struct {
        const char *text;
        enum unit_result result;
        uint64_t bytes;
    } cases[] = {
        {"512", UNIT_OK, 512},          {"4k", UNIT_OK, 4096},
        {"4K", UNIT_OK, 4096},          {"10m", UNIT_OK, 10485760},
        {"10MB", UNIT_OK, 10485760},    {"1g", UNIT_OK, 1073741824},
        {"2t", UNIT_OK, 2199023255552}, {"7b", UNIT_OK, 7},
        {"k", UNIT_NO_NUMBER, 0},       {"4q", UNIT_UNKNOWN, 0},
        {"4kk", UNIT_UNKNOWN, 0},       {"9000000t", UNIT_TOO_LARGE, 0},
    };

    for (size_t i = 0; i < WEIR_COUNT(cases); i++) {
        uint64_t bytes = 0;
        enum unit_result result = unit_size(str_from(cases[i].text), &bytes);

        ok(result == cases[i].result && bytes == cases[i].bytes, "size \"%s\" is %" PRIu64 " bytes",
           cases[i].text, cases[i].bytes);
    }
}

static void numbers(void)
{
    int64_t value = 0;
    char text[32];

    ok(unit_int(STR("-42"), &value) == UNIT_OK && value == -42, "-42 is a number");
    ok(unit_int(STR("4x"), &value) == UNIT_UNKNOWN, "4x is none");
    ok(unit_int(STR("-"), &value) == UNIT_NO_NUMBER, "- is none");
    ok(unit_int(STR("9223372036854775808"), &value) == UNIT_TOO_LARGE, "2^63 is too large");
    ok(strcmp(unit_print_duration(90000, text), "90s") == 0, "90000 ms are printed as %s", text);
    ok(strcmp(unit_print_duration(0, text), "0s") == 0, "0 ms are printed as %s", text);
    ok(strcmp(unit_print_duration(3600000, text), "1h") == 0, "an hour is printed as %s", text);
    ok(strcmp(unit_print_size(4096, text), "4k") == 0, "4096 bytes are printed as %s", text);
    ok(strcmp(unit_print_size(4097, text), "4097") == 0, "4097 bytes are printed as %s", text);
}

static void nearest(void)
{
    static const weir_str words[] = {{"proxy", 5}, {"connect_timeout", 15}, {"names", 5}};
    const size_t n = WEIR_COUNT(words);

    ok(str_eq(diag_nearest(STR("prxy"), words, n), words[0]), "prxy is near proxy");
    ok(str_eq(diag_nearest(STR("conect_timout"), words, n), words[1]), "two letters are missing");
    ok(str_eq(diag_nearest(STR("connect"), words, n), words[1]), "a beginning is near");
    ok(!diag_nearest(STR("frob"), words, n).p, "nothing is near frob");
}

static void mistakes(void)
{
    static const struct {
        const char *text;
        unsigned line, column; /* 0: no mistake */
        const char *says;
    } cases[] = {
        {"a = \"x\";\nb = [ 1, 2 ];\nc = ( { }, [ ] );\n", 0, 0, ""},
        {"a = 1 b = 2, c: 0x1F; d = 1.5e-3; e = 12L # x\n/* y */ f = true;", 0, 0, ""},
        {"a = \"x;\nb = \"y\";\n", 1, 5, "missing closing quote"},
        {"a = x\";\n", 1, 5, "text needs double quotes around it"},
        {"a = 10s;\n", 1, 5, "a number with a unit needs double quotes around it"},
        {"a = [ \"x\", ];\n", 1, 10, "trailing comma before \"]\""},
        {"a = ( { }\n { } );\n", 1, 9, "missing \",\" before \"{\""},
        {"a = {\n b = 1;\n", 1, 5, "the \"{\" in line 1 is never closed"},
        {"listen 80;\n", 1, 8, "missing \"=\" after \"listen\""},
        {"server {\n}\n", 1, 8, "missing \"=\" between \"server\" and \"{\""},
        {"a = 1;\na = 2;\n", 2, 1, "\"a\" is set twice in this group, first in line 1"},
        {"a = 1;\n}\n", 2, 1, "\"}\" closes nothing"},
        {"a = 1;;\n", 1, 7, "one \";\" too many"},
        {"a = 'x';\n", 1, 5, "single quotes do not make a text"},
        {"a = on;\n", 1, 5, "\"on\" is no value here"},
        {"a = [ { } ];\n", 1, 5, "\"[ ]\" holds plain values only"},
        {"/* a\n", 1, 1, "the comment that begins here is never closed"},
    };

    for (size_t i = 0; i < WEIR_COUNT(cases); i++) {
        struct syntax_mistake m;
        bool is_wrong = syntax_find_mistake(str_from(cases[i].text), &m);

        ok(is_wrong == (cases[i].line != 0) && (!is_wrong || m.line == cases[i].line),
           "line of the mistake in case %zu", i + 1);
        ok(m.column == cases[i].column, "its column: %u, expected %u", m.column, cases[i].column);
        ok(strcmp(m.text, cases[i].says) == 0, "it says: %s", m.text);
    }
}

static void trees(void)
{
    struct arena arena;
    struct diag diag;

    arena_init(&arena);
    diag_init(&diag, &arena);
    struct node *root = source_parse(&arena, &diag, "x.conf",
                                     STR("a = { b = [ 1, 2 ]; c = \"q\\\"\\n\"; d = 1.0; };\n"
                                         "big = 5000000000L; no = false;\n"));
    ok(root && diag.errors == 0, "a text is read");
    weir_str text = node_text(&arena, root, 0);
    ok(str_eq(text, STR("{ a = { b = [ 1, 2 ]; c = \"q\\\"\\n\"; d = 1.0; }; "
                        "big = 5000000000L; no = false; }")),
       "and written: %s", text.p);
    ok(node_get(root, STR("big"))->at.line == 2, "a node knows its line");
    ok(node_is_false(node_get(root, STR("no"))), "false is false");
    ok(!source_parse(&arena, &diag, "x.conf", STR("a = ;")) && diag.errors == 1,
       "a mistake is reported");
    ok(!source_parse(&arena, &diag, "x.conf", STR("a = \0;")) && diag.errors == 2, "NUL, too");
    arena_fini(&arena);
}

int main(void)
{
    durations();
    sizes();
    numbers();
    nearest();
    mistakes();
    trees();
    return done_testing();
}
