/* SPDX-License-Identifier: Apache-2.0 */
/* What origins and clients may write into fields that the cache reads. */
#include <stdlib.h>
#include <string.h>

#include "cache_control.h"
#include "content_range.h"
#include "http_date.h"
#include "invalidation.h"
#include "vary.h"
#include "words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_seconds(int64_t seconds)
{
    if (seconds < -1 || seconds > SECONDS_MAX) {
        abort();
    }
}

static void read_directives(weir_str text)
{
    struct cache_control cc;

    cache_control_init(&cc);
    cache_control_add(&cc, text);
    check_seconds(cc.max_age);
    check_seconds(cc.s_maxage);
    cache_control_init(&cc);
    if (cache_control_targeted(&cc, text)) {
        check_seconds(cc.max_age);
    }
}

static void read_ranges(weir_str text)
{
    const weir_field fields[] = {{.id = WEIR_F_RANGE, .value = text},
                                 {.id = WEIR_F_IF_NONE_MATCH, .value = text},
                                 {.id = WEIR_F_VARY, .value = text, .name = WEIR_STR("Accept")}};
    const struct message message = {fields, 3};
    const struct validators v = {.etag = WEIR_STR("\"a\"")};
    char names_text[VARY_NAMES_MAX], values_text[VARY_VALUES_MAX];
    uint64_t first, last;
    weir_str names, values;

    if (range_of(&message, &v, 100, &first, &last) == RANGE_ONE && (last > 99 || first > last)) {
        abort();
    }
    conditions_not_modified(&message, &v);
    if (vary_names(&message, names_text, &names)) {
        vary_values(names, &message, values_text, &values);
    }
    vary_values(WEIR_STR("accept"), &message, values_text, &values);
}

static void read_content_range(weir_str text)
{
    const struct content_range other = {.first = 10, .last = 19, .length = 100};
    struct content_range range, both;
    char out[CONTENT_RANGE_MAX];

    if (!content_range_parse(text, &range)) {
        return;
    }
    if (range.first > range.last || range.last >= range.length ||
        content_range_format(&range, out) >= sizeof(out)) {
        abort();
    }
    if (content_range_join(&range, &other, &both) &&
        (both.first > both.last || both.last >= both.length ||
         content_range_bytes(&both) > content_range_bytes(&range) + content_range_bytes(&other))) {
        abort();
    }
}

static void read_location(weir_str text)
{
    weir_str target = WEIR_STR("/a/b?c"), path;
    char *out = malloc(text.n + target.n + 1);

    if (invalidation_target(text, WEIR_STR("https"), WEIR_STR("example.com"), target, out, &path) &&
        (path.n == 0 || path.p[0] != '/' || path.n > text.n + target.n + 1)) {
        abort();
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str text = {(const char *)data, size};
    int64_t seconds;

    read_directives(text);
    read_ranges(text);
    read_content_range(text);
    read_location(text);
    http_date_parse(text, 1700000000, &seconds);
    return 0;
}
