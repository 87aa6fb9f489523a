/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of HTTP caching, row by row: what a response and two requests say, and what a shared
 * cache does with them. Each row names the section that it comes from; sections without a number in
 * front are of RFC 9111. */
#include "tap.h"

#include <stdlib.h>

#include "cache_status.h"
#include "content_range.h"
#include "freshness.h"
#include "http_date.h"
#include "invalidation.h"
#include "update.h"
#include "vary.h"
#include "words.h"

#define T0 INT64_C(1700000000) /* when the response comes: Tue, 14 Nov 2023 22:13:20 GMT */
#define FIELDS_MAX 24

static weir_str str(const char *s)
{
    return (weir_str){s, strlen(s)};
}

/* ---- heads written as "Name: value|Name: value" ---- */

struct head {
    char text[2048];
    weir_field fields[FIELDS_MAX];
    struct message message;
};

static const struct {
    const char *name;
    uint32_t id;
} known[] = {
#define KNOWN(id_, name_) {name_, WEIR_F_##id_},
    WEIR_KNOWN_FIELDS(KNOWN)
#undef KNOWN
};

static uint32_t id_of(weir_str name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (word_iis(str(known[i].name), name)) {
            return known[i].id;
        }
    }
    return 0;
}

/* "@-30" in a value is the date 30 seconds before T0. */
static void expand(const char *from, char *to)
{
    while (*from) {
        if (*from == '@' && (from[1] == '-' || from[1] == '+')) {
            char *end;

            http_date_format(T0 + strtol(from + 1, &end, 10), to);
            to += HTTP_DATE_SIZE;
            from = end;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void read_head(struct head *head, const char *text)
{
    size_t n = 0;
    char *rest;

    expand(text ? text : "", head->text);
    for (char *line = strtok_r(head->text, "|", &rest); line; line = strtok_r(NULL, "|", &rest)) {
        char *colon = strchr(line, ':');
        weir_field *field = &head->fields[n++];

        field->name = (weir_str){line, (size_t)(colon - line)};
        field->value = weir_trim(str(colon + 1));
        field->id = id_of(field->name);
    }
    head->message = (struct message){head->fields, n};
}

/* ---- one row ---- */

struct row {
    const char *section, *what;
    const char *first;    /* request, after "METHOD " if it is not GET */
    const char *response; /* "200 Name: value|..." */
    int64_t after_s;
    const char *second;   /* request; NULL: none besides the same again */
    const char *expected; /* see outcome() */
};

static const struct store_rules no_rules = {.valid_s = -1};
static const struct store_rules guessing = {
    .valid_s = -1, .heuristic_percent = 10, .heuristic_max_s = 86400};

static weir_str take_method(const char **text)
{
    const char *space = *text ? strchr(*text, ' ') : NULL;
    const char *colon = *text ? strchr(*text, ':') : NULL;

    if (!*text || **text < 'A' || **text > 'Z' || (colon && (!space || colon < space)) ||
        (!space && colon)) {
        return WEIR_STR("GET");
    }
    size_t n = space ? (size_t)(space - *text) : strlen(*text);
    weir_str method = {*text, n};
    *text += n + (space != NULL);
    return method;
}

static struct cache_control directives(const struct message *request)
{
    struct cache_control cc;

    cache_control_init(&cc);
    for (size_t i = 0; i < request->n; i++) {
        if (request->fields[i].id == WEIR_F_CACHE_CONTROL) {
            cache_control_add(&cc, request->fields[i].value);
        }
    }
    return cc;
}

static bool same_variant(const struct message *a, const struct message *b,
                         const struct message *response)
{
    char names_text[VARY_NAMES_MAX], one[VARY_VALUES_MAX], two[VARY_VALUES_MAX];
    weir_str names, x, y;

    return vary_names(response, names_text, &names) && vary_values(names, a, one, &x) &&
           vary_values(names, b, two, &y) && word_is(x, y);
}

#define OUTCOME_MAX 128 /* bytes of what outcome() writes */

static void answer(const struct message *request, const struct message *response,
                   const struct freshness *f, const struct reuse *reuse, char *out)
{
    struct validators v = validators_of(response, f->date_s);
    uint64_t first, last;
    int n = snprintf(out, OUTCOME_MAX, "%s", reuse->how == REUSE_FRESH   ? "fresh"
                               : reuse->how == REUSE_STALE ? "stale"
                                                           : "background");

    if (conditions_not_modified(request, &v)) {
        snprintf(out + n, OUTCOME_MAX - (size_t)n, " 304");
        return;
    }
    switch (range_of(request, &v, 100, &first, &last)) {
    case RANGE_ONE:
        snprintf(out + n, OUTCOME_MAX - (size_t)n, " %llu-%llu", (unsigned long long)first, (unsigned long long)last);
        break;
    case RANGE_BAD:
        snprintf(out + n, OUTCOME_MAX - (size_t)n, " 416");
        break;
    default:
        snprintf(out + n, OUTCOME_MAX - (size_t)n, " age=%lld", (long long)reuse->age_s);
        break;
    }
}

/* "no REASON": not stored. "variant": stored, for other requests. "forward": the origin has to be
 * asked. "validate WHY". "fresh|stale|background" with "304", "416", "FIRST-LAST" of 100 bytes, or
 * "age=SECONDS". */
static void outcome(const struct row *row, const struct store_rules *rules, char *out)
{
    static struct head one, response, two;
    static char scratch[SCRATCH_SIZE];
    const char *first = row->first, *second = row->second ? row->second : row->first;
    weir_str method = take_method(&first);
    struct cache_control cc, request;
    struct freshness f;
    char *rest;

    take_method(&second);
    read_head(&one, first);
    read_head(&two, second);
    uint32_t status = (uint32_t)strtol(row->response, &rest, 10);
    read_head(&response, *rest ? rest + 1 : "");
    struct exchange_head head = {.method = method,
                                 .request = one.message,
                                 .status = status,
                                 .response = response.message,
                                 .request_ms = T0 * 1000,
                                 .response_ms = T0 * 1000};
    request = directives(&one.message);
    enum store_reason reason = store_decide(&head, rules, &request, &cc, scratch, &f);
    if (reason != STORE_YES) {
        snprintf(out, OUTCOME_MAX, "no %s", store_reason_text(reason));
        return;
    }
    if (!same_variant(&one.message, &two.message, &response.message)) {
        snprintf(out, OUTCOME_MAX, "variant");
        return;
    }
    if (conditions_are_origins(&two.message)) {
        snprintf(out, OUTCOME_MAX, "forward");
        return;
    }
    request = directives(&two.message);
    struct reuse reuse = reuse_decide(&f, &request, (T0 + row->after_s) * 1000);
    if (reuse.how == REUSE_REVALIDATE) {
        snprintf(out, OUTCOME_MAX, "validate %s", reuse.why);
        return;
    }
    answer(&two.message, &response.message, &f, &reuse, out);
}

static void run(const struct row *rows, size_t n, const struct store_rules *rules)
{
    for (size_t i = 0; i < n; i++) {
        char got[OUTCOME_MAX];

        outcome(&rows[i], rules, got);
        if (!ok(strcmp(got, rows[i].expected) == 0, "%s: %s", rows[i].section, rows[i].what)) {
            fprintf(stderr, "# %s: expected \"%s\", got \"%s\"\n", rows[i].what, rows[i].expected,
                    got);
        }
    }
}

#define RUN(rows, rules) run((rows), sizeof(rows) / sizeof((rows)[0]), (rules))

/* ---- the rows ---- */

static const struct row lifetimes[] = {
    {"4.2.1", "max-age", NULL, "200 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"4.2.1", "max-age, one second before its end", NULL, "200 Cache-Control: max-age=60", 59, NULL, "fresh age=59"},
    {"4.2", "at its end it is stale", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 60, NULL, "validate expired"},
    {"4.2.1", "max-age=0 with a validator", NULL, "200 Cache-Control: max-age=0|ETag: \"a\"", 0, NULL, "validate expired"},
    {"3", "max-age=0 and nothing to ask with", NULL, "200 Cache-Control: max-age=0", 0, NULL, "no expired"},
    {"5.2.2.10", "s-maxage before max-age", NULL, "200 Cache-Control: max-age=1, s-maxage=60", 30, NULL, "fresh age=30"},
    {"5.2.2.10", "a short s-maxage, too", NULL, "200 Cache-Control: max-age=60, s-maxage=10|ETag: \"a\"", 30, NULL, "validate must-revalidate"},
    {"5.2.2.1", "max-age before Expires", NULL, "200 Cache-Control: max-age=60|Expires: @-100|Date: @+0", 30, NULL, "fresh age=30"},
    {"5.2.2.1", "a short max-age before a long Expires", NULL, "200 Cache-Control: max-age=1|Expires: @+1000|ETag: \"a\"", 30, NULL, "validate expired"},
    {"5.3", "Expires in the future", NULL, "200 Expires: @+100|Date: @+0", 50, NULL, "fresh age=50"},
    {"5.3", "Expires without Date", NULL, "200 Expires: @+100", 50, NULL, "fresh age=50"},
    {"5.3", "Expires in the past", NULL, "200 Expires: @-100|Date: @+0|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "Expires as Date", NULL, "200 Expires: @+0|Date: @+0|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "the lifetime is Expires less Date", NULL, "200 Expires: @+100|Date: @+80|ETag: \"a\"", 30, NULL, "validate expired"},
    {"5.3", "Expires: 0", NULL, "200 Expires: 0|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "Expires: -1", NULL, "200 Expires: -1|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "an Expires of another zone", NULL, "200 Expires: Fri, 01 Jan 2038 01:01:01 AEST|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2", "UTC is another zone", NULL, "200 Expires: Fri, 01 Jan 2038 01:01:01 UTC|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "two Expires lines", NULL, "200 Expires: @+100|Expires: @+100|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "one Expires on two lines", NULL, "200 Expires: Fri|Expires: 01 Jan 2038 01:01:01 GMT|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2", "an Expires in other case", NULL, "200 Expires: fRI, 01 jAN 2038 01:01:01 gmt", 9, NULL, "fresh age=9"},
    {"5.3", "Expires in the form of RFC 850", NULL, "200 Expires: Friday, 01-Jan-38 01:01:01 GMT", 9, NULL, "fresh age=9"},
    {"5.3", "Expires in the form of asctime", NULL, "200 Expires: Fri Jan  1 01:01:01 2038", 9, NULL, "fresh age=9"},
    {"5.3", "an Expires without its zone", NULL, "200 Expires: Fri, 01 Jan 2038 01:01:01|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "an Expires with a one-digit hour", NULL, "200 Expires: Fri, 01 Jan 2038 1:01:01 GMT|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "an Expires with two digits of the year", NULL, "200 Expires: Fri, 01 Jan 38 01:01:01 GMT|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "an Expires with dots between the digits", NULL, "200 Expires: Fri, 01 Jan 2038 01.01.01 GMT|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "an Expires with two spaces", NULL, "200 Expires: Fri,  01 Jan 2038 01:01:01 GMT|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "an Expires with dashes", NULL, "200 Expires: Fri, 01-Jan-2038 01:01:01 GMT|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "an Expires with a wrong weekday is a date still", NULL, "200 Expires: Sun, 01 Jan 2038 01:01:01 GMT", 9, NULL, "fresh age=9"},
    {"5.3", "an empty Expires", NULL, "200 Expires: |ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.3", "an Expires in far centuries", NULL, "200 Expires: Fri, 31 Dec 9999 23:59:59 GMT", 9, NULL, "fresh age=9"},
    {"4.2.1", "max-age that is no number", NULL, "200 Cache-Control: max-age=abc|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "max-age with a fraction", NULL, "200 Cache-Control: max-age=60.5|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "a negative max-age", NULL, "200 Cache-Control: max-age=-60|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "an empty max-age", NULL, "200 Cache-Control: max-age=|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "max-age without a value", NULL, "200 Cache-Control: max-age|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "max-age in single quotes", NULL, "200 Cache-Control: max-age='60'|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "a space before the equals sign", NULL, "200 Cache-Control: max-age =60|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "a space behind the equals sign", NULL, "200 Cache-Control: max-age= 60|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.1", "an invalid max-age beside Expires", NULL, "200 Cache-Control: max-age=x|Expires: @+100|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.2", "max-age in quotes", NULL, "200 Cache-Control: max-age=\"60\"", 30, NULL, "fresh age=30"},
    {"5.2", "directives in other case", NULL, "200 Cache-Control: MaX-aGe=60", 30, NULL, "fresh age=30"},
    {"1.2.2", "2147483648 seconds", NULL, "200 Cache-Control: max-age=2147483648", 30, NULL, "fresh age=30"},
    {"1.2.2", "more seconds than fit into any number", NULL, "200 Cache-Control: max-age=99999999999999999999", 30, NULL, "fresh age=30"},
    {"1.2.2", "leading zeros", NULL, "200 Cache-Control: max-age=0060", 30, NULL, "fresh age=30"},
    {"4.2.1", "max-age twice, the first counts", NULL, "200 Cache-Control: max-age=60, max-age=1", 30, NULL, "fresh age=30"},
    {"4.2.1", "max-age twice on two lines", NULL, "200 Cache-Control: max-age=1|Cache-Control: max-age=60|ETag: \"a\"", 30, NULL, "validate expired"},
    {"5.2.3", "unknown directives do not matter", NULL, "200 Cache-Control: foo, max-age=60, bar=\"x, no-store\"", 30, NULL, "fresh age=30"},
    {"5.2.3", "a directive in another one's quotes is none", NULL, "200 Cache-Control: ext=\"max-age=60\"|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.2", "a quote that never closes hides nothing", NULL, "200 Cache-Control: ext=\"x, no-store", 0, NULL, "no no-store"},
    {"5.2", "empty members", NULL, "200 Cache-Control: ,, max-age=60 ,", 30, NULL, "fresh age=30"},
    {"4.2.1", "a directive whose name only begins so", NULL, "200 Cache-Control: max-ages=60|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.4", "Pragma of a response means nothing", NULL, "200 Cache-Control: max-age=60|Pragma: no-cache", 30, NULL, "fresh age=30"},
};

static const struct row ages[] = {
    {"4.2.3", "Age is added up", NULL, "200 Cache-Control: max-age=60|Age: 10", 30, NULL, "fresh age=40"},
    {"4.2.3", "Age beyond the lifetime", NULL, "200 Cache-Control: max-age=60|Age: 100|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.3", "an old Date is an age", NULL, "200 Cache-Control: max-age=60|Date: @-20", 30, NULL, "fresh age=50"},
    {"4.2.3", "the larger of Date and Age", NULL, "200 Cache-Control: max-age=60|Date: @-20|Age: 5", 30, NULL, "fresh age=50"},
    {"4.2.3", "the larger of Age and Date", NULL, "200 Cache-Control: max-age=60|Date: @-5|Age: 20", 30, NULL, "fresh age=50"},
    {"4.2.3", "a Date in the future is no age", NULL, "200 Cache-Control: max-age=60|Date: @+20", 30, NULL, "fresh age=30"},
    {"5.1", "Age that is no number is ignored", NULL, "200 Cache-Control: max-age=60|Age: abc", 30, NULL, "fresh age=30"},
    {"5.1", "a negative Age is ignored", NULL, "200 Cache-Control: max-age=60|Age: -100", 30, NULL, "fresh age=30"},
    {"5.1", "an Age with a fraction is ignored", NULL, "200 Cache-Control: max-age=60|Age: 100.5", 30, NULL, "fresh age=30"},
    {"5.1", "an Age with a parameter is ignored", NULL, "200 Cache-Control: max-age=60|Age: 100;x=1", 30, NULL, "fresh age=30"},
    {"5.1", "of a list of Ages the first counts", NULL, "200 Cache-Control: max-age=60|Age: 10, 100", 30, NULL, "fresh age=40"},
    {"5.1", "of two Ages the first counts", NULL, "200 Cache-Control: max-age=60|Age: 10|Age: 100", 30, NULL, "fresh age=40"},
    {"5.1", "an empty Age is ignored", NULL, "200 Cache-Control: max-age=60|Age: ", 30, NULL, "fresh age=30"},
    {"1.2.2", "an Age that is too large is very old", NULL, "200 Cache-Control: max-age=60|Age: 99999999999999999999|ETag: \"a\"", 0, NULL, "validate expired"},
    {"5.1", "Age counts against s-maxage", NULL, "200 Cache-Control: s-maxage=60|Age: 100|ETag: \"a\"", 0, NULL, "validate must-revalidate"},
    {"5.1", "Age counts against Expires", NULL, "200 Expires: @+60|Date: @+0|Age: 100|ETag: \"a\"", 0, NULL, "validate expired"},
    {"4.2.3", "an invalid Date is when it came", NULL, "200 Cache-Control: max-age=60|Date: yesterday", 30, NULL, "fresh age=30"},
};

static const struct row storing[] = {
    {"3", "nothing said, nothing to ask with", NULL, "200", 0, NULL, "no no-lifetime"},
    {"3", "nothing said, but an entity tag", NULL, "200 ETag: \"a\"", 0, NULL, "validate expired"},
    {"3", "nothing said, but Last-Modified", NULL, "200 Last-Modified: @-100", 0, NULL, "validate expired"},
    {"3", "POST", "POST ", "200 Cache-Control: max-age=60", 0, NULL, "no method"},
    {"3", "PUT", "PUT ", "200 Cache-Control: max-age=60", 0, NULL, "no method"},
    {"3", "a method nobody knows", "M-SEARCH ", "200 Cache-Control: max-age=60", 0, NULL, "no method"},
    {"3", "a HEAD's answer has no body to store", "HEAD ", "200 Cache-Control: max-age=60", 0, NULL, "no method"},
    {"5.2.2.5", "no-store", NULL, "200 Cache-Control: no-store", 0, NULL, "no no-store"},
    {"5.2.2.5", "no-store beside max-age", NULL, "200 Cache-Control: max-age=60, no-store", 0, NULL, "no no-store"},
    {"5.2.2.5", "no-store beside Expires", NULL, "200 Cache-Control: no-store|Expires: @+100", 0, NULL, "no no-store"},
    {"5.2", "No-StOrE", NULL, "200 Cache-Control: No-StOrE|Expires: @+100", 0, NULL, "no no-store"},
    {"5.2.2.5", "no-store on a second line", NULL, "200 Cache-Control: max-age=60|Cache-Control: no-store", 0, NULL, "no no-store"},
    {"5.2.2.7", "private", NULL, "200 Cache-Control: private, max-age=60", 0, NULL, "no private"},
    {"5.2.2.7", "private of some fields", NULL, "200 Cache-Control: private=\"X-User\", max-age=60", 30, NULL, "fresh age=30"},
    {"5.2.2.7", "private of no field at all", NULL, "200 Cache-Control: private=\"\", max-age=60", 0, NULL, "no private"},
    {"5.2.2.3", "must-understand lifts no-store for 200", NULL, "200 Cache-Control: must-understand, no-store, max-age=60", 30, NULL, "fresh age=30"},
    {"5.2.2.3", "must-understand with a status unknown here", NULL, "299 Cache-Control: must-understand, no-store, max-age=60", 0, NULL, "no status"},
    {"5.2.2.3", "must-understand alone, a status unknown here", NULL, "599 Cache-Control: must-understand, max-age=60", 0, NULL, "no status"},
    {"5.2.1.5", "no-store of the request", "Cache-Control: no-store", "200 Cache-Control: max-age=60", 0, NULL, "no request-no-store"},
    {"3.5", "Authorization", "Authorization: x", "200 Cache-Control: max-age=60", 0, NULL, "no authorization"},
    {"3.5", "Authorization and Expires", "Authorization: x", "200 Expires: @+100", 0, NULL, "no authorization"},
    {"3.5", "Authorization with public", "Authorization: x", "200 Cache-Control: max-age=60, public", 30, NULL, "fresh age=30"},
    {"3.5", "Authorization with s-maxage", "Authorization: x", "200 Cache-Control: s-maxage=60", 30, NULL, "fresh age=30"},
    {"3.5", "Authorization with must-revalidate", "Authorization: x", "200 Cache-Control: max-age=60, must-revalidate", 30, NULL, "fresh age=30"},
    {"3.5", "Authorization with proxy-revalidate", "Authorization: x", "200 Cache-Control: max-age=60, proxy-revalidate", 30, NULL, "no authorization"},
    {"3.5", "Authorization with immutable", "Authorization: x", "200 Cache-Control: max-age=60, immutable", 30, NULL, "no authorization"},
    {"7.3", "Set-Cookie", NULL, "200 Cache-Control: max-age=60|Set-Cookie: a=b", 0, NULL, "no set-cookie"},
    {"5.2.2.4", "Set-Cookie that no-cache names", NULL, "200 Cache-Control: max-age=60, no-cache=\"set-cookie\"|Set-Cookie: a=b", 30, NULL, "fresh age=30"},
    {"5.2.2.7", "Set-Cookie that private names", NULL, "200 Cache-Control: max-age=60, private=\"a, Set-Cookie\"|Set-Cookie: a=b", 30, NULL, "fresh age=30"},
    {"4.1", "Vary: *", NULL, "200 Cache-Control: max-age=60|Vary: *", 0, NULL, "no vary-any"},
    {"4.1", "Vary: * among others", NULL, "200 Cache-Control: max-age=60|Vary: Foo, *", 0, NULL, "no vary-any"},
    {"4.1", "Vary: * on a second line", NULL, "200 Cache-Control: max-age=60|Vary: Foo|Vary: *", 0, NULL, "no vary-any"},
    {"3", "206 is no whole", NULL, "206 Cache-Control: max-age=60|Content-Range: bytes 0-1/2", 0, NULL, "no status"},
    {"3", "304 is no response of its own", NULL, "304 Cache-Control: max-age=60", 0, NULL, "no status"},
    {"4.2.2", "201 may not be guessed at", NULL, "201 ETag: \"a\"", 0, NULL, "no status"},
    {"3", "201 with a lifetime", NULL, "201 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"3", "302 with a lifetime", NULL, "302 Cache-Control: max-age=60|Location: /x", 30, NULL, "fresh age=30"},
    {"3", "302 with public", NULL, "302 Cache-Control: public|ETag: \"a\"", 0, NULL, "validate expired"},
    {"3", "302 with nothing", NULL, "302 Location: /x|ETag: \"a\"", 0, NULL, "no status"},
    {"3", "307 with Expires", NULL, "307 Expires: @+60|Location: /x", 30, NULL, "fresh age=30"},
    {"3", "404 with a lifetime", NULL, "404 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"3", "500 with a lifetime", NULL, "500 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"3", "503 with a lifetime", NULL, "503 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"3", "599, a status without meaning, with a lifetime", NULL, "599 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"9110 15.1", "204 with a lifetime", NULL, "204 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"9110 15.1", "410 with a lifetime", NULL, "410 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"9110 15.1", "501 with a lifetime", NULL, "501 Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
};

static const struct row guesses[] = {
    {"4.2.2", "a tenth of the time since Last-Modified", NULL, "200 Last-Modified: @-1000|Date: @+0", 99, NULL, "fresh age=99"},
    {"4.2.2", "no more than that", NULL, "200 Last-Modified: @-1000|Date: @+0", 100, NULL, "validate expired"},
    {"4.2.2", "203", NULL, "203 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "204", NULL, "204 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "300", NULL, "300 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "301", NULL, "301 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "308", NULL, "308 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "404", NULL, "404 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "405", NULL, "405 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "410", NULL, "410 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "414", NULL, "414 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "501", NULL, "501 Last-Modified: @-1000", 50, NULL, "fresh age=50"},
    {"4.2.2", "not 201", NULL, "201 Last-Modified: @-1000", 50, NULL, "no status"},
    {"4.2.2", "not 302", NULL, "302 Last-Modified: @-1000", 50, NULL, "no status"},
    {"4.2.2", "not 403", NULL, "403 Last-Modified: @-1000", 50, NULL, "no status"},
    {"4.2.2", "not 500", NULL, "500 Last-Modified: @-1000", 50, NULL, "no status"},
    {"4.2.2", "not 599", NULL, "599 Last-Modified: @-1000", 50, NULL, "no status"},
    {"4.2.2", "599 with public", NULL, "599 Last-Modified: @-1000|Cache-Control: public", 50, NULL, "fresh age=50"},
    {"4.2.2", "not beside an explicit lifetime", NULL, "200 Last-Modified: @-1000|Cache-Control: max-age=1", 50, NULL, "validate expired"},
    {"4.2.2", "not beside an invalid Expires", NULL, "200 Last-Modified: @-1000|Expires: 0", 50, NULL, "validate expired"},
    {"4.2.2", "not from a Last-Modified in the future", NULL, "200 Last-Modified: @+1000", 1, NULL, "validate expired"},
    {"4.2.2", "not from a Last-Modified that is no date", NULL, "200 Last-Modified: monday", 1, NULL, "validate expired"},
    {"4.2.2", "no longer than the admin says", NULL, "200 Last-Modified: @-100000000", 86400, NULL, "validate expired"},
};

static const struct row reusing[] = {
    {"5.2.2.4", "no-cache", NULL, "200 Cache-Control: max-age=60, no-cache|ETag: \"a\"", 1, NULL, "validate no-cache"},
    {"5.2.2.4", "No-CaChE", NULL, "200 Cache-Control: max-age=60, No-CaChE|ETag: \"a\"", 1, NULL, "validate no-cache"},
    {"5.2.2.4", "no-cache beside Expires", NULL, "200 Cache-Control: no-cache|Expires: @+100", 1, NULL, "validate no-cache"},
    {"5.2.2.4", "no-cache of some fields", NULL, "200 Cache-Control: max-age=60, no-cache=\"X-A\"", 1, NULL, "fresh age=1"},
    {"5.2.2.2", "must-revalidate while fresh", NULL, "200 Cache-Control: max-age=60, must-revalidate", 1, NULL, "fresh age=1"},
    {"5.2.2.2", "must-revalidate once stale", NULL, "200 Cache-Control: max-age=60, must-revalidate|ETag: \"a\"", 90, "Cache-Control: max-stale=100", "validate must-revalidate"},
    {"5.2.2.8", "proxy-revalidate once stale", NULL, "200 Cache-Control: max-age=60, proxy-revalidate|ETag: \"a\"", 90, "Cache-Control: max-stale", "validate must-revalidate"},
    {"5.2.2.10", "s-maxage once stale", NULL, "200 Cache-Control: s-maxage=60|ETag: \"a\"", 90, "Cache-Control: max-stale", "validate must-revalidate"},
    {"5.2.1.1", "max-age of the request, older", NULL, "200 Cache-Control: max-age=60", 30, "Cache-Control: max-age=10", "validate request-max-age"},
    {"5.2.1.1", "max-age of the request, younger", NULL, "200 Cache-Control: max-age=60", 5, "Cache-Control: max-age=10", "fresh age=5"},
    {"5.2.1.1", "max-age=0 of the request", NULL, "200 Cache-Control: max-age=60", 1, "Cache-Control: max-age=0", "validate request-max-age"},
    {"5.2.1.1", "Age counts for it", NULL, "200 Cache-Control: max-age=60|Age: 20", 1, "Cache-Control: max-age=10", "validate request-max-age"},
    {"5.2.1.2", "max-stale, enough", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 70, "Cache-Control: max-stale=20", "stale age=70"},
    {"5.2.1.2", "max-stale, not enough", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 90, "Cache-Control: max-stale=20", "validate expired"},
    {"5.2.1.2", "max-stale without a value", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 9000, "Cache-Control: max-stale", "stale age=9000"},
    {"5.2.1.2", "max-stale cannot lift no-cache", NULL, "200 Cache-Control: max-age=60, no-cache|ETag: \"a\"", 70, "Cache-Control: max-stale", "validate no-cache"},
    {"5.2.1.3", "min-fresh, enough", NULL, "200 Cache-Control: max-age=60", 30, "Cache-Control: min-fresh=20", "fresh age=30"},
    {"5.2.1.3", "min-fresh, not enough", NULL, "200 Cache-Control: max-age=60", 50, "Cache-Control: min-fresh=20", "validate request-min-fresh"},
    {"5.2.1.4", "no-cache of the request", NULL, "200 Cache-Control: max-age=60", 1, "Cache-Control: no-cache", "validate request-no-cache"},
    {"8246 2", "immutable, while fresh", NULL, "200 Cache-Control: max-age=60, immutable", 1, "Cache-Control: no-cache", "fresh age=1"},
    {"8246 2", "immutable against max-age=0", NULL, "200 Cache-Control: max-age=60, immutable", 1, "Cache-Control: max-age=0", "fresh age=1"},
    {"8246 2", "immutable, once stale", NULL, "200 Cache-Control: max-age=60, immutable|ETag: \"a\"", 70, "Cache-Control: no-cache", "validate request-no-cache"},
    {"5861 3", "stale-while-revalidate, within", NULL, "200 Cache-Control: max-age=60, stale-while-revalidate=30", 80, NULL, "background age=80"},
    {"5861 3", "stale-while-revalidate, over", NULL, "200 Cache-Control: max-age=60, stale-while-revalidate=30", 91, NULL, "validate expired"},
    {"5861 3", "stale-while-revalidate and must-revalidate", NULL, "200 Cache-Control: max-age=60, stale-while-revalidate=30, must-revalidate", 80, NULL, "validate must-revalidate"},
    {"5861 3", "stale-while-revalidate and s-maxage", NULL, "200 Cache-Control: s-maxage=60, stale-while-revalidate=30", 80, NULL, "validate must-revalidate"},
    {"5861 3", "stale-while-revalidate that is no number", NULL, "200 Cache-Control: max-age=60, stale-while-revalidate=x|ETag: \"a\"", 80, NULL, "validate expired"},
    {"5861 3", "stale-while-revalidate that came expired", NULL, "200 Cache-Control: max-age=0, stale-while-revalidate=30", 5, NULL, "background age=5"},
    {"5861 3", "stale-while-revalidate against max-age of the request", NULL, "200 Cache-Control: max-age=60, stale-while-revalidate=30", 80, "Cache-Control: max-age=10", "validate request-max-age"},
};

static const struct row variants[] = {
    {"4.1", "the same value", "Foo: 1", "200 Cache-Control: max-age=60|Vary: Foo", 1, NULL, "fresh age=1"},
    {"4.1", "another value", "Foo: 1", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Foo: 2", "variant"},
    {"4.1", "none where there was one", "Foo: 1", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Bar: 1", "variant"},
    {"4.1", "one where there was none", "Bar: 1", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Foo: 1", "variant"},
    {"4.1", "none in both", "Bar: 1", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Bar: 2", "fresh age=1"},
    {"4.1", "an empty one is not an absent one", "Foo: ", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Bar: 2", "variant"},
    {"4.1", "fields that Vary does not name", "Foo: 1|Bar: 1", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Foo: 1|Bar: 2", "fresh age=1"},
    {"4.1", "names in any case", "fOO: 1", "200 Cache-Control: max-age=60|Vary: FOO", 1, "Foo: 1", "fresh age=1"},
    {"4.1", "values in their case", "Foo: a", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Foo: A", "variant"},
    {"4.1", "two fields, both the same", "Foo: 1|Bar: 2", "200 Cache-Control: max-age=60|Vary: Foo, Bar", 1, "Bar: 2|Foo: 1", "fresh age=1"},
    {"4.1", "two fields, one differs", "Foo: 1|Bar: 2", "200 Cache-Control: max-age=60|Vary: Foo, Bar", 1, "Foo: 1|Bar: 3", "variant"},
    {"4.1", "two fields, values swapped", "Foo: 1|Bar: 2", "200 Cache-Control: max-age=60|Vary: Foo, Bar", 1, "Foo: 2|Bar: 1", "variant"},
    {"4.1", "Vary on two lines", "Foo: 1|Bar: 2", "200 Cache-Control: max-age=60|Vary: Foo|Vary: Bar", 1, "Foo: 1|Bar: 3", "variant"},
    {"4.1", "an empty Vary", "Foo: 1", "200 Cache-Control: max-age=60|Vary: ", 1, "Foo: 2", "fresh age=1"},
    {"4.1", "spaces around members", "Foo: 1,2", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Foo: 1 ,  2", "fresh age=1"},
    {"4.1", "lines are joined", "Foo: 1, 2", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Foo: 1|Foo: 2", "fresh age=1"},
    {"4.1", "the order of members of a field not known", "Foo: 1, 2", "200 Cache-Control: max-age=60|Vary: Foo", 1, "Foo: 2, 1", "variant"},
    {"4.1", "the order of languages", "Accept-Language: en, de", "200 Cache-Control: max-age=60|Vary: Accept-Language", 1, "Accept-Language: de, en", "fresh age=1"},
    {"4.1", "the case of languages", "Accept-Language: en-GB", "200 Cache-Control: max-age=60|Vary: Accept-Language", 1, "Accept-Language: EN-gb", "fresh age=1"},
    {"4.1", "spaces before weights", "Accept-Language: en;q=0.5", "200 Cache-Control: max-age=60|Vary: Accept-Language", 1, "Accept-Language: en; q=0.5", "fresh age=1"},
    {"4.1", "weights", "Accept-Language: en;q=0.5, de", "200 Cache-Control: max-age=60|Vary: Accept-Language", 1, "Accept-Language: en, de;q=0.5", "variant"},
    {"4.1", "codings in another order", "Accept-Encoding: gzip, br", "200 Cache-Control: max-age=60|Vary: Accept-Encoding", 1, "Accept-Encoding: br,gzip", "fresh age=1"},
    {"4.1", "other codings", "Accept-Encoding: gzip", "200 Cache-Control: max-age=60|Vary: Accept-Encoding", 1, "Accept-Encoding: gzip, br", "variant"},
};

static const struct row conditions[] = {
    {"4.3.2", "If-None-Match, the same", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-None-Match: \"a\"", "fresh 304"},
    {"4.3.2", "If-None-Match, another", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-None-Match: \"b\"", "fresh age=1"},
    {"4.3.2", "If-None-Match: *", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-None-Match: *", "fresh 304"},
    {"4.3.2", "the first of several", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-None-Match: \"a\", \"b\"", "fresh 304"},
    {"4.3.2", "the last of several", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-None-Match: \"b\",\"a\"", "fresh 304"},
    {"4.3.2", "on a second line", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-None-Match: \"b\"|If-None-Match: \"a\"", "fresh 304"},
    {"9110 13.1.2", "weak comparison", NULL, "200 Cache-Control: max-age=60|ETag: W/\"a\"", 1, "If-None-Match: \"a\"", "fresh 304"},
    {"9110 13.1.2", "weak comparison, the other way", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-None-Match: W/\"a\"", "fresh 304"},
    {"9110 8.8.3", "a comma in an entity tag", NULL, "200 Cache-Control: max-age=60|ETag: \"a,b\"", 1, "If-None-Match: \"a,b\"", "fresh 304"},
    {"9110 8.8.3", "a tag inside another one", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-None-Match: \"xa\"", "fresh age=1"},
    {"4.3.2", "nothing to compare with", NULL, "200 Cache-Control: max-age=60", 1, "If-None-Match: \"a\"", "fresh age=1"},
    {"4.3.2", "If-Modified-Since, not since", NULL, "200 Cache-Control: max-age=60|Last-Modified: @-100", 1, "If-Modified-Since: @-100", "fresh 304"},
    {"4.3.2", "If-Modified-Since, later", NULL, "200 Cache-Control: max-age=60|Last-Modified: @-100", 1, "If-Modified-Since: @-50", "fresh 304"},
    {"4.3.2", "If-Modified-Since, since", NULL, "200 Cache-Control: max-age=60|Last-Modified: @-100", 1, "If-Modified-Since: @-200", "fresh age=1"},
    {"4.3.2", "without Last-Modified its Date", NULL, "200 Cache-Control: max-age=60|Date: @-10", 1, "If-Modified-Since: @-5", "fresh 304"},
    {"4.3.2", "without Last-Modified, before its Date", NULL, "200 Cache-Control: max-age=60|Date: @-10", 1, "If-Modified-Since: @-20", "fresh age=11"},
    {"9110 13.1.3", "If-Modified-Since that is no date", NULL, "200 Cache-Control: max-age=60|Last-Modified: @-100", 1, "If-Modified-Since: now", "fresh age=1"},
    {"9110 13.1.3", "If-None-Match comes first and matches", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"|Last-Modified: @-100", 1, "If-None-Match: \"a\"|If-Modified-Since: @-200", "fresh 304"},
    {"9110 13.1.3", "If-None-Match comes first and does not match", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"|Last-Modified: @-100", 1, "If-None-Match: \"b\"|If-Modified-Since: @-100", "fresh age=1"},
    {"9110 13.1.3", "If-None-Match without a stored tag hides If-Modified-Since", NULL, "200 Cache-Control: max-age=60|Last-Modified: @-100", 1, "If-None-Match: \"b\"|If-Modified-Since: @-100", "fresh age=1"},
    {"4.3.2", "If-Match is the origin's", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-Match: \"a\"", "forward"},
    {"4.3.2", "If-Unmodified-Since is the origin's", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "If-Unmodified-Since: @-1", "forward"},
};

static const struct row ranges[] = {
    {"9110 14.1.2", "first bytes", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=0-1", "fresh 0-1"},
    {"9110 14.1.2", "from a byte on", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=10-", "fresh 10-99"},
    {"9110 14.1.2", "last bytes", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=-10", "fresh 90-99"},
    {"9110 14.1.2", "more last bytes than there are", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=-1000", "fresh 0-99"},
    {"9110 14.1.2", "up to behind the end", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=90-1000", "fresh 90-99"},
    {"9110 14.1.2", "behind the end", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=100-", "fresh 416"},
    {"9110 14.1.2", "no last bytes", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=-0", "fresh 416"},
    {"9110 14.1.1", "the wrong way round", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=5-1", "fresh age=1"},
    {"9110 14.2", "another unit", NULL, "200 Cache-Control: max-age=60", 1, "Range: lines=0-1", "fresh age=1"},
    {"9110 14.1", "the unit in any case", NULL, "200 Cache-Control: max-age=60", 1, "Range: Bytes=0-1", "fresh 0-1"},
    {"9110 14.2", "several ranges: the whole", NULL, "200 Cache-Control: max-age=60", 1, "Range: bytes=0-1,5-6", "fresh age=1"},
    {"9110 13.1.5", "If-Range that fits", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "Range: bytes=0-1|If-Range: \"a\"", "fresh 0-1"},
    {"9110 13.1.5", "If-Range that does not", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "Range: bytes=0-1|If-Range: \"b\"", "fresh age=1"},
    {"9110 13.1.5", "a weak If-Range never fits", NULL, "200 Cache-Control: max-age=60|ETag: W/\"a\"", 1, "Range: bytes=0-1|If-Range: W/\"a\"", "fresh age=1"},
    {"9110 13.1.5", "If-Range with a date", NULL, "200 Cache-Control: max-age=60|Last-Modified: @-100|Date: @+0", 1, "Range: bytes=0-1|If-Range: @-100", "fresh 0-1"},
    {"9110 13.1.5", "If-Range with a later date", NULL, "200 Cache-Control: max-age=60|Last-Modified: @-100|Date: @+0", 1, "Range: bytes=0-1|If-Range: @-50", "fresh age=1"},
    {"9110 13.2.2", "a condition before the range", NULL, "200 Cache-Control: max-age=60|ETag: \"a\"", 1, "Range: bytes=0-1|If-None-Match: \"a\"", "fresh 304"},
};

static const struct row targeted[] = {
    {"9213 2.2", "CDN-Cache-Control alone", NULL, "200 CDN-Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"9213 2.2", "a long one before a short Cache-Control", NULL, "200 Cache-Control: max-age=1|CDN-Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"9213 2.2", "a short one before a long Cache-Control", NULL, "200 Cache-Control: max-age=60|CDN-Cache-Control: max-age=1|ETag: \"a\"", 30, NULL, "validate expired"},
    {"9213 2.2", "it lifts no-store of Cache-Control", NULL, "200 Cache-Control: no-store|CDN-Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"9213 2.2", "its no-store counts", NULL, "200 Cache-Control: max-age=60|CDN-Cache-Control: no-store", 0, NULL, "no no-store"},
    {"9213 2.2", "its private counts", NULL, "200 Cache-Control: max-age=60|CDN-Cache-Control: private", 0, NULL, "no private"},
    {"9213 2.2", "its no-cache counts", NULL, "200 Cache-Control: max-age=60|CDN-Cache-Control: no-cache|ETag: \"a\"", 1, NULL, "validate no-cache"},
    {"9213 2.2", "Expires does not count beside it", NULL, "200 CDN-Cache-Control: max-age=60|Expires: @-100", 30, NULL, "fresh age=30"},
    {"9213 2.2", "a future Expires, neither", NULL, "200 CDN-Cache-Control: max-age=0|Expires: @+100|ETag: \"a\"", 0, NULL, "validate expired"},
    {"9213 2.2", "Age counts", NULL, "200 CDN-Cache-Control: max-age=60|Age: 100|ETag: \"a\"", 0, NULL, "validate expired"},
    {"9213 2.1", "an empty one is ignored", NULL, "200 Cache-Control: max-age=60|CDN-Cache-Control: ", 30, NULL, "fresh age=30"},
    {"9213 2.1", "not a dictionary: ignored whole", NULL, "200 Cache-Control: no-store|CDN-Cache-Control: max-age=60, &&&", 0, NULL, "no no-store"},
    {"9213 2.1", "a space before the equals sign", NULL, "200 Cache-Control: max-age=1|CDN-Cache-Control: max-age =60|ETag: \"a\"", 30, NULL, "validate expired"},
    {"9213 2.1", "a space behind the equals sign", NULL, "200 Cache-Control: max-age=1|CDN-Cache-Control: max-age= 60|ETag: \"a\"", 30, NULL, "validate expired"},
    {"9213 2.1", "a string where a number belongs", NULL, "200 Cache-Control: no-store|CDN-Cache-Control: max-age=\"60\"", 0, NULL, "no no-store"},
    {"9213 2.1", "a decimal where a number belongs", NULL, "200 Cache-Control: no-store|CDN-Cache-Control: max-age=60.5", 0, NULL, "no no-store"},
    {"9213 2.1", "keys are in lower case", NULL, "200 Cache-Control: max-age=60|CDN-Cache-Control: Max-Age=1", 30, NULL, "fresh age=30"},
    {"9213 2.1", "an extension", NULL, "200 CDN-Cache-Control: foo, bar=(a b);c=1, max-age=60", 30, NULL, "fresh age=30"},
    {"9213 2.1", "parameters are ignored", NULL, "200 CDN-Cache-Control: max-age=60;foo=1", 30, NULL, "fresh age=30"},
    {"9213 2.1", "no-store=?0 is not no-store", NULL, "200 CDN-Cache-Control: max-age=60, no-store=?0", 30, NULL, "fresh age=30"},
    {"8941 3.2", "of a key that comes twice the last counts", NULL, "200 CDN-Cache-Control: max-age=1, max-age=60", 30, NULL, "fresh age=30"},
    {"8941 4.2", "two lines are one dictionary", NULL, "200 CDN-Cache-Control: foo|CDN-Cache-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"8941 4.2.2", "a comma at the end", NULL, "200 Cache-Control: no-store|CDN-Cache-Control: max-age=60,", 0, NULL, "no no-store"},
    {"8941 3.3.1", "too many digits", NULL, "200 Cache-Control: no-store|CDN-Cache-Control: max-age=1234567890123456", 0, NULL, "no no-store"},
    {"9213 2.1", "many seconds", NULL, "200 CDN-Cache-Control: max-age=99999999999", 30, NULL, "fresh age=30"},
    {"9213 2.1", "stale-while-revalidate", NULL, "200 CDN-Cache-Control: max-age=60, stale-while-revalidate=30", 80, NULL, "background age=80"},
    {"9213 2.1", "authorization with public", "Authorization: x", "200 CDN-Cache-Control: max-age=60, public", 1, NULL, "fresh age=1"},
    {"Surrogate-Control", "a lifetime", NULL, "200 Surrogate-Control: max-age=60", 30, NULL, "fresh age=30"},
    {"Surrogate-Control", "content is another thing", NULL, "200 Surrogate-Control: content=\"ESI/1.0\", max-age=60", 30, NULL, "fresh age=30"},
    {"Surrogate-Control", "before Cache-Control", NULL, "200 Cache-Control: max-age=60|Surrogate-Control: no-store", 0, NULL, "no no-store"},
    {"Surrogate-Control", "behind CDN-Cache-Control", NULL, "200 CDN-Cache-Control: max-age=60|Surrogate-Control: no-store", 30, NULL, "fresh age=30"},
};

/* ---- what is not a request and a response ---- */

static void test_dates(void)
{
    static const struct {
        const char *text;
        int64_t seconds; /* -1: none */
    } dates[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"sun, 06 nov 1994 08:49:37 gmt", 784111777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"Monday, 01-Jan-73 00:00:00 GMT", 3250454400}, /* 2073: not 50 years ahead */
        {"Monday, 01-Jan-80 00:00:00 GMT", 315532800},  /* 1980: 2080 would be */
        {"Sun, 06 Nov 94 08:49:37 GMT", -1},
        {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 8:49:37 GMT", -1},
        {"Sun, 06-Nov-1994 08:49:37 GMT", -1},
        {"Sun 06 Nov 1994 08:49:37 GMT", -1},
        {"Sun,  06 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
        {"Sun, 06 Nov 1994 08:49:37 +0000", -1},
        {"Sun, 06 Nov 1994 08.49.37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:37", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
        {"Sun, 32 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Foo 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 24:00:00 GMT", -1},
        {"Sun, 06 Nov 1994 23:60:00 GMT", -1},
        {"Day, 06 Nov 1994 08:49:37 GMT", -1},
        {"06 Nov 1994 08:49:37 GMT", -1},
        {"Sun", -1},
        {"Sunday", -1},
        {"0", -1},
        {"", -1},
    };

    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        int64_t seconds = -1;
        bool is_date = http_date_parse(str(dates[i].text), T0, &seconds);

        ok(is_date == (dates[i].seconds != -1) && (!is_date || seconds == dates[i].seconds),
           "9110 5.6.7: \"%s\"", dates[i].text);
    }
    char text[HTTP_DATE_SIZE];
    http_date_format(784111777, text);
    ok(memcmp(text, dates[0].text, HTTP_DATE_SIZE) == 0, "9110 5.6.7: a date is written");
}

static void test_errors(void)
{
    static const struct {
        const char *section, *response;
        int64_t after_s;
        bool configured, expected;
    } rows[] = {
        {"5861 4", "200 Cache-Control: max-age=60, stale-if-error=30", 80, false, true},
        {"5861 4", "200 Cache-Control: max-age=60, stale-if-error=30", 91, false, false},
        {"5861 4", "200 Cache-Control: max-age=60", 80, false, false},
        {"4.2.4", "200 Cache-Control: max-age=60", 80, true, true},
        {"4.2.4", "200 Cache-Control: max-age=60, must-revalidate", 80, true, false},
        {"4.2.4", "200 Cache-Control: max-age=60, proxy-revalidate", 80, true, false},
        {"4.2.4", "200 Cache-Control: s-maxage=60", 80, true, false},
        {"4.2.4", "200 Cache-Control: max-age=60, no-cache", 80, true, false},
        {"5861 4", "200 Cache-Control: max-age=60, stale-if-error=30, must-revalidate", 80, false, false},
        {"5861 4", "200 Cache-Control: max-age=60", 30, false, true},
    };
    static struct head response;
    static char scratch[SCRATCH_SIZE];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cache_control cc, request;
        struct freshness f;

        read_head(&response, rows[i].response + 4);
        struct exchange_head head = {.method = WEIR_STR("GET"),
                                     .status = 200,
                                     .response = response.message,
                                     .request_ms = T0 * 1000,
                                     .response_ms = T0 * 1000};
        cache_control_init(&request);
        store_decide(&head, &no_rules, &request, &cc, scratch, &f);
        ok(reuse_on_error(&f, (T0 + rows[i].after_s) * 1000, rows[i].configured) ==
               rows[i].expected,
           "%s: %s of an error, %llds old, is %s", rows[i].section, rows[i].response,
           (long long)rows[i].after_s, rows[i].expected ? "allowed" : "not");
    }
}

static void test_fields(void)
{
    static const struct {
        const char *section, *cc, *field;
        bool stored;
    } rows[] = {
        {"3.1", "", "Content-Type: a", true},
        {"3.1", "", "X-Anything: a", true},
        {"3.1", "", "Connection: a", false},
        {"3.1", "", "Keep-Alive: a", false},
        {"3.1", "", "Proxy-Connection: a", false},
        {"3.1", "", "Transfer-Encoding: a", false},
        {"3.1", "", "TE: a", false},
        {"3.1", "", "Upgrade: a", false},
        {"3.1", "", "Proxy-Authenticate: a", false},
        {"3.1", "", "Proxy-Authorization: a", false},
        {"3.1", "", "Proxy-Authentication-Info: a", false},
        {"3.1", "", "WWW-Authenticate: a", true},
        {"3.1", "", "Strict-Transport-Security: a", true},
        {"5.2.2.4", "no-cache=\"X-One\"", "X-One: a", false},
        {"5.2.2.4", "no-cache=\"X-One, X-Two\"", "x-two: a", false},
        {"5.2.2.4", "no-cache=\"X-One\"", "X-Two: a", true},
        {"5.2.2.4", "no-cache=X-One", "X-One: a", false},
        {"5.2.2.7", "private=\"X-One\"", "X-One: a", false},
        {"5.2.2.7", "private=\"X-One\"", "X-Two: a", true},
        {"Surrogate-Control", "", "Surrogate-Control: a", false},
        {"9213 3.1", "", "CDN-Cache-Control: a", true},
    };
    static struct head head;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cache_control cc;

        cache_control_init(&cc);
        cache_control_add(&cc, str(rows[i].cc));
        read_head(&head, rows[i].field);
        ok(field_is_stored(&head.fields[0], &cc, 0) == rows[i].stored, "%s: %s is %sstored (%s)",
           rows[i].section, rows[i].field, rows[i].stored ? "" : "not ", rows[i].cc);
    }
}

static void test_invalidation(void)
{
    static const struct {
        const char *location, *path; /* NULL: another origin's */
    } rows[] = {
        {"/x", "/x"},
        {"/x?y=1#z", "/x?y=1"},
        {"https://example.com/x", "/x"},
        {"https://EXAMPLE.com/x", "/x"},
        {"https://example.com", "/"},
        {"//example.com/x", "/x"},
        {"x", "/a/x"},
        {"../x", "/x"},
        {"../../../x", "/x"},
        {"./x/../y", "/a/y"},
        {"?q=2", "/a/b?q=2"},
        {"/x/./y/../z/", "/x/z/"},
        {"https://example.com?x", "/?x"},
        {"http://example.com/x", NULL},
        {"https://example.org/x", NULL},
        {"//example.org/x", NULL},
        {"https://example.com:8443/x", NULL},
        {"mailto:somebody@example.com", NULL},
        {"#part", NULL},
        {"", NULL},
    };
    static const struct {
        const char *method;
        bool safe;
    } methods[] = {{"GET", true},    {"HEAD", true},   {"OPTIONS", true},  {"TRACE", true},
                   {"POST", false},  {"PUT", false},   {"DELETE", false},  {"PATCH", false},
                   {"get", false},   {"M-SEARCH", false}, {"PROPFIND", false}};
    char out[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_str path = {0};
        bool mine = invalidation_target(str(rows[i].location), WEIR_STR("https"),
                                        WEIR_STR("example.com"), WEIR_STR("/a/b?c"), out, &path);

        ok(mine == (rows[i].path != NULL) && (!mine || word_is(path, str(rows[i].path))),
           "4.4: Location: %s", rows[i].location);
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        ok(method_is_safe(str(methods[i].method)) == methods[i].safe, "9110 9.2.1: %s is %ssafe",
           methods[i].method, methods[i].safe ? "" : "not ");
    }
    ok(status_invalidates(200) && status_invalidates(303) && !status_invalidates(404) &&
           !status_invalidates(500), "4.4: only success invalidates");
}

static void test_parts(void)
{
    static const struct {
        const char *section, *value, *beside, *expected; /* NULL: not one; "": they do not join */
    } rows[] = {
        {"9110 14.4", "bytes 0-9/100", "bytes 10-19/100", "bytes 0-19/100"},
        {"9110 14.4", "bytes 10-19/100", "bytes 0-9/100", "bytes 0-19/100"},
        {"9110 14.4", "Bytes 0-9/100", "bytes 5-19/100", "bytes 0-19/100"},
        {"3.4", "bytes 0-49/100", "bytes 50-99/100", "bytes 0-99/100"},
        {"3.4", "bytes 0-99/100", "bytes 10-19/100", "bytes 0-99/100"},
        {"3.4", "bytes 0-9/100", "bytes 11-19/100", ""},
        {"3.4", "bytes 11-19/100", "bytes 0-9/100", ""},
        {"3.4", "bytes 0-9/100", "bytes 10-19/101", ""},
        {"9110 14.4", "bytes 0-9/*", NULL, NULL},
        {"9110 14.4", "bytes */100", NULL, NULL},
        {"9110 14.4", "bytes 9-0/100", NULL, NULL},
        {"9110 14.4", "bytes 0-100/100", NULL, NULL},
        {"9110 14.4", "bytes 0-9/", NULL, NULL},
        {"9110 14.4", "bytes -9/100", NULL, NULL},
        {"9110 14.4", "pages 0-9/100", NULL, NULL},
        {"9110 14.4", "bytes=0-9/100", NULL, NULL},
        {"9110 14.4", "bytes 0-9/99999999999999999999", "bytes 10-19/99999999999999999999", ""},
        {"9110 14.4", "", NULL, NULL},
    };
    static const struct {
        const char *section, *a, *b;
        bool match;
    } same[] = {
        {"9110 8.8.3", "ETag: \"a\"", "ETag: \"a\"", true},
        {"9110 8.8.3", "ETag: \"a\"", "ETag: \"b\"", false},
        {"9110 8.8.3.2", "ETag: W/\"a\"", "ETag: W/\"a\"", false},
        {"9110 8.8.3.2", "ETag: \"a\"", "ETag: W/\"a\"", false},
        {"9110 8.8.2.2", "Last-Modified: @-100", "Last-Modified: @-100", true},
        {"9110 8.8.2.2", "Last-Modified: @-100", "Last-Modified: @-200", false},
        {"9110 8.8.2.2", "Last-Modified: @-1", "Last-Modified: @-1", false},
        {"3.4", "ETag: \"a\"|Last-Modified: @-100", "Last-Modified: @-100", false},
        {"3.4", "X: a", "X: a", false},
    };
    static struct head one, two;
    struct content_range a, b, both;
    char out[CONTENT_RANGE_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_one = content_range_parse(str(rows[i].value), &a);
        bool joins = is_one && rows[i].beside && content_range_parse(str(rows[i].beside), &b) &&
                     content_range_join(&a, &b, &both);
        weir_str text = {out, joins ? content_range_format(&both, out) : 0};

        if (rows[i].expected && !rows[i].expected[0]) {
            ok(!joins, "%s: %s and %s do not join", rows[i].section, rows[i].value, rows[i].beside);
            continue;
        }
        ok(is_one == (rows[i].expected != NULL) &&
               (!is_one || word_is(text, str(rows[i].expected))),
           "%s: %s and %s: %s", rows[i].section, rows[i].value,
           rows[i].beside ? rows[i].beside : "nothing", rows[i].expected ? rows[i].expected : "none");
    }
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        read_head(&one, same[i].a);
        read_head(&two, same[i].b);
        struct validators v = validators_of(&one.message, T0), w = validators_of(&two.message, T0);

        ok(parts_match(&v, &w) == same[i].match, "%s: parts with %s and %s are %sof the same",
           same[i].section, same[i].a, same[i].b, same[i].match ? "" : "not ");
    }
}

static void test_updates(void)
{
    static const struct {
        const char *section, *stored, *fresh, *expected;
    } rows[] = {
        {"3.2", "A: 1|B: 2", "A: 3", "B: 2|A: 3"},
        {"3.2", "A: 1", "B: 2", "A: 1|B: 2"},
        {"3.2", "A: 1|A: 2", "a: 3", "a: 3"},
        {"3.2", "A: 1", "A: 2|A: 3", "A: 2|A: 3"},
        {"3.2", "Content-Length: 1", "Content-Length: 2", "Content-Length: 1"},
        {"3.2", "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: gzip"},
        {"3.2", "Content-Range: bytes 0-1/2", "Content-Range: bytes 0-0/2", "Content-Range: bytes 0-1/2"},
        {"3.2", "Content-Type: a/b", "Content-Type: c/d", "Content-Type: c/d"},
        {"4.3.4", "Date: @-100", "Date: @+0", "Date: @+0"},
        {"4.3.4", "Cache-Control: max-age=1", "Cache-Control: max-age=60", "Cache-Control: max-age=60"},
        {"4.3.4", "ETag: \"a\"|Expires: @-1", "Expires: @+60", "ETag: \"a\"|Expires: @+60"},
    };
    static struct head stored, fresh, expected;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_field out[2 * FIELDS_MAX];

        read_head(&stored, rows[i].stored);
        read_head(&fresh, rows[i].fresh);
        read_head(&expected, rows[i].expected);
        size_t n = update_fields(&stored.message, &fresh.message, out);
        bool fine = n == expected.message.n;
        for (size_t k = 0; fine && k < n; k++) {
            fine = word_is(out[k].name, expected.fields[k].name) &&
                   word_is(out[k].value, expected.fields[k].value);
        }
        ok(fine, "%s: %s updated with %s", rows[i].section, rows[i].stored, rows[i].fresh);
    }
}

static void test_status(void)
{
    static const struct {
        struct cache_status status;
        const char *section, *text;
    } rows[] = {
        {{.word = CACHE_HIT, .has_ttl = true, .ttl_s = 376}, "9211 2.1", "weir; hit; ttl=376"},
        {{.word = CACHE_STALE, .has_ttl = true, .ttl_s = -412}, "9211 2.4", "weir; hit; ttl=-412"},
        {{.word = CACHE_MISS, .fwd = FWD_URI_MISS}, "9211 2.2", "weir; fwd=uri-miss"},
        {{.word = CACHE_MISS, .fwd = FWD_VARY_MISS, .stored = true}, "9211 2.5", "weir; fwd=vary-miss; stored"},
        {{.word = CACHE_REVALIDATED, .fwd = FWD_STALE, .fwd_status = 304}, "9211 2.3", "weir; fwd=stale; fwd-status=304"},
        {{.word = CACHE_BYPASS, .fwd = FWD_BYPASS}, "9211 2.2", "weir; fwd=bypass"},
        {{.word = CACHE_MISS, .fwd = FWD_METHOD}, "9211 2.2", "weir; fwd=method"},
        {{.word = CACHE_EXPIRED, .fwd = FWD_REQUEST}, "9211 2.2", "weir; fwd=request"},
        {{.word = CACHE_MISS, .fwd = FWD_PARTIAL}, "9211 2.2", "weir; fwd=partial"},
        {{.word = CACHE_HIT, .fwd = FWD_URI_MISS, .collapsed = true}, "9211 2.6", "weir; fwd=uri-miss; collapsed"},
        {{.word = CACHE_MISS, .fwd = FWD_URI_MISS, .detail = "no-store"}, "9211 2.8", "weir; fwd=uri-miss; detail=no-store"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[CACHE_STATUS_MAX];
        size_t n = cache_status_format(&rows[i].status, out);

        ok(word_is((weir_str){out, n}, str(rows[i].text)), "%s: %s", rows[i].section, rows[i].text);
    }
}

/* ---- what the admin says ---- */

static void test_rules(void)
{
    static const struct store_rules valid = {.valid_s = 60};
    static const struct store_rules careless = {
        .valid_s = 60,
        .ignore = IGNORE_CACHE_CONTROL | IGNORE_EXPIRES | IGNORE_SET_COOKIE | IGNORE_VARY};
    static const struct row said[] = {
        {"valid", "for answers that say nothing", NULL, "302 Location: /x", 30, NULL, "fresh age=30"},
        {"valid", "not for those that say something", NULL, "200 Cache-Control: max-age=1|ETag: \"a\"", 30, NULL, "validate expired"},
        {"valid", "not against no-store", NULL, "200 Cache-Control: no-store", 30, NULL, "no no-store"},
        {"valid", "not against Authorization", "Authorization: x", "200 ETag: \"a\"", 30, NULL, "no authorization"},
    };
    static const struct row ignored[] = {
        {"ignore", "Cache-Control", NULL, "200 Cache-Control: no-store", 30, NULL, "fresh age=30"},
        {"ignore", "Expires", NULL, "200 Expires: 0", 30, NULL, "fresh age=30"},
        {"ignore", "Set-Cookie", NULL, "200 Set-Cookie: a=b", 30, NULL, "fresh age=30"},
        {"ignore", "Authorization cannot be", "Authorization: x", "200 Set-Cookie: a=b", 30, NULL, "no authorization"},
    };

    RUN(said, &valid);
    RUN(ignored, &careless);
}

int main(void)
{
    RUN(lifetimes, &no_rules);
    RUN(ages, &no_rules);
    RUN(storing, &no_rules);
    RUN(guesses, &guessing);
    RUN(reusing, &no_rules);
    RUN(variants, &no_rules);
    RUN(conditions, &no_rules);
    RUN(ranges, &no_rules);
    RUN(targeted, &no_rules);
    test_dates();
    test_errors();
    test_fields();
    test_invalidation();
    test_parts();
    test_updates();
    test_status();
    test_rules();
    return done_testing();
}
