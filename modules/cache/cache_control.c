/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_control.h"

#include <stddef.h>

#include "words.h"

/* What a directive's argument means. */
enum kind {
    KIND_FLAG,
    KIND_SECONDS,
    KIND_LIFETIME, /* seconds that make the response stale when they are none */
    KIND_FIELDS,   /* without an argument a flag, with one a list of field names */
    KIND_MAX_STALE
};

static const struct directive {
    weir_str name;
    enum kind kind;
    uint32_t flag;
    size_t offset;
} directives[] = {
#define FLAG(text, flag_) {{text, sizeof(text) - 1}, KIND_FLAG, (flag_), 0}
#define VALUE(text, kind_, flag_, member)                                                          \
    {{text, sizeof(text) - 1}, (kind_), (flag_), offsetof(struct cache_control, member)}
    VALUE("max-age", KIND_LIFETIME, 0, max_age),
    VALUE("s-maxage", KIND_LIFETIME, 0, s_maxage),
    VALUE("stale-while-revalidate", KIND_SECONDS, 0, stale_while_revalidate),
    VALUE("stale-if-error", KIND_SECONDS, 0, stale_if_error),
    VALUE("min-fresh", KIND_SECONDS, 0, min_fresh),
    VALUE("max-stale", KIND_MAX_STALE, CC_MAX_STALE_ANY, max_stale),
    VALUE("no-cache", KIND_FIELDS, CC_NO_CACHE, no_cache_fields),
    VALUE("private", KIND_FIELDS, CC_PRIVATE, private_fields),
    FLAG("no-store", CC_NO_STORE),
    FLAG("public", CC_PUBLIC),
    FLAG("must-revalidate", CC_MUST_REVALIDATE),
    FLAG("proxy-revalidate", CC_PROXY_REVALIDATE),
    FLAG("must-understand", CC_MUST_UNDERSTAND),
    FLAG("immutable", CC_IMMUTABLE),
    FLAG("only-if-cached", CC_ONLY_IF_CACHED),
};

void cache_control_init(struct cache_control *cc)
{
    *cc = (struct cache_control){.max_age = -1,
                                 .s_maxage = -1,
                                 .stale_while_revalidate = -1,
                                 .stale_if_error = -1,
                                 .max_stale = -1,
                                 .min_fresh = -1};
}

static const struct directive *find(weir_str name, bool any_case)
{
    for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
        if (any_case ? word_iis(directives[i].name, name) : word_is(directives[i].name, name)) {
            return &directives[i];
        }
    }
    return NULL;
}

static void set_seconds(struct cache_control *cc, const struct directive *directive, weir_str value)
{
    int64_t *seconds = (int64_t *)((char *)cc + directive->offset);
    int64_t parsed;

    if (*seconds >= 0) {
        return;
    }
    if (word_number(value, SECONDS_MAX, &parsed)) {
        *seconds = parsed;
    } else if (directive->kind == KIND_LIFETIME) {
        *seconds = 0;
        cc->flags |= CC_INVALID;
    }
}

static void set(struct cache_control *cc, const struct directive *directive, bool has_value,
                weir_str value)
{
    if (directive->kind == KIND_FLAG || (directive->kind != KIND_SECONDS &&
                                         directive->kind != KIND_LIFETIME && !has_value)) {
        cc->flags |= directive->flag;
    } else if (directive->kind == KIND_FIELDS) {
        weir_str *fields = (weir_str *)((char *)cc + directive->offset);

        if (value.n == 0) {
            cc->flags |= directive->flag; /* nothing is named: better all than none */
        } else if (fields->n) {
            cc->flags |= directive->flag; /* a second list: there is room for one */
        } else {
            *fields = value;
        }
    } else {
        set_seconds(cc, directive, value);
    }
}

void cache_control_add(struct cache_control *cc, weir_str value)
{
    weir_str member;

    while (list_next(&value, &member)) {
        const char *equals = memchr(member.p, '=', member.n);
        weir_str name = {member.p, equals ? (size_t)(equals - member.p) : member.n};
        weir_str argument = {equals ? equals + 1 : NULL, equals ? member.n - name.n - 1 : 0};
        /* "max-age =5" and "max-age= 5" are no directives of that name, yet somebody meant to
         * limit the lifetime: the spaces stay in the argument, and make it invalid. */
        weir_str trimmed = weir_trim(name);
        const struct directive *directive = find(trimmed, true);

        if (directive && trimmed.n != name.n && equals) {
            argument = name;
        }
        if (directive) {
            set(cc, directive, equals != NULL, word_unquote(argument));
        }
    }
}

/* ---- structured fields (RFC 8941) ---- */

enum sf_type {
    SF_TRUE, /* a boolean, true */
    SF_FALSE,
    SF_INTEGER,
    SF_STRING,
    SF_OTHER /* decimal, token, bytes, inner list */
};

struct sf {
    const char *p, *end;
};

static bool sf_at(const struct sf *sf, char c)
{
    return sf->p < sf->end && *sf->p == c;
}

static bool sf_take(struct sf *sf, char c)
{
    bool there = sf_at(sf, c);

    sf->p += there;
    return there;
}

static void sf_spaces(struct sf *sf, bool tabs)
{
    while (sf->p < sf->end && (*sf->p == ' ' || (tabs && *sf->p == '\t'))) {
        sf->p++;
    }
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return is_lower(word_lower(c));
}

static bool sf_key(struct sf *sf, weir_str *key)
{
    const char *start = sf->p;

    if (sf->p >= sf->end || !(is_lower(*sf->p) || *sf->p == '*')) {
        return false;
    }
    while (sf->p < sf->end && (is_lower(*sf->p) || is_digit(*sf->p) || strchr("_-.*", *sf->p)) &&
           *sf->p) {
        sf->p++;
    }
    *key = (weir_str){start, (size_t)(sf->p - start)};
    return true;
}

static bool sf_number(struct sf *sf, enum sf_type *type)
{
    size_t whole = 0, fraction = 0;

    sf_take(sf, '-');
    for (; sf->p < sf->end && is_digit(*sf->p); sf->p++) {
        whole++;
    }
    if (whole == 0 || !sf_take(sf, '.')) {
        *type = SF_INTEGER;
        return whole > 0 && whole <= 15;
    }
    for (; sf->p < sf->end && is_digit(*sf->p); sf->p++) {
        fraction++;
    }
    *type = SF_OTHER;
    return whole <= 12 && fraction > 0 && fraction <= 3;
}

static bool sf_string(struct sf *sf)
{
    sf->p++;
    while (sf->p < sf->end) {
        char c = *sf->p++;

        if (c == '"') {
            return true;
        }
        if (c == '\\' && !sf_take(sf, '"') && !sf_take(sf, '\\')) {
            return false;
        }
        if (c < ' ' || c == 0x7f) {
            return false;
        }
    }
    return false;
}

static bool sf_bytes(struct sf *sf)
{
    sf->p++;
    while (sf->p < sf->end) {
        char c = *sf->p++;

        if (c == ':') {
            return true;
        }
        if (!is_alpha(c) && !is_digit(c) && !strchr("+/=", c)) {
            return false;
        }
    }
    return false;
}

static bool sf_token(struct sf *sf)
{
    while (sf->p < sf->end && *sf->p &&
           (is_alpha(*sf->p) || is_digit(*sf->p) || strchr("!#$%&'*+-.^_`|~:/", *sf->p))) {
        sf->p++;
    }
    return true;
}

/* An item without its parameters. */
static bool sf_item(struct sf *sf, enum sf_type *type, weir_str *text)
{
    const char *start = sf->p;
    bool fine = false;

    *type = SF_OTHER;
    if (sf->p >= sf->end) {
        return false;
    }
    if (*sf->p == '-' || is_digit(*sf->p)) {
        fine = sf_number(sf, type);
    } else if (*sf->p == '"') {
        *type = SF_STRING;
        fine = sf_string(sf);
    } else if (*sf->p == ':') {
        fine = sf_bytes(sf);
    } else if (*sf->p == '?') {
        sf->p++;
        *type = sf_at(sf, '1') ? SF_TRUE : SF_FALSE;
        fine = sf_take(sf, '0') || sf_take(sf, '1');
    } else if (is_alpha(*sf->p) || *sf->p == '*') {
        fine = sf_token(sf);
    }
    *text = (weir_str){start, (size_t)(sf->p - start)};
    return fine;
}

static bool sf_parameters(struct sf *sf)
{
    while (sf_take(sf, ';')) {
        enum sf_type type;
        weir_str text;

        sf_spaces(sf, false);
        if (!sf_key(sf, &text) || (sf_take(sf, '=') && !sf_item(sf, &type, &text))) {
            return false;
        }
    }
    return true;
}

static bool sf_inner_list(struct sf *sf)
{
    sf->p++;
    for (;;) {
        enum sf_type type;
        weir_str text;

        sf_spaces(sf, false);
        if (sf_take(sf, ')')) {
            return true;
        }
        if (!sf_item(sf, &type, &text) || !sf_parameters(sf) ||
            !(sf_at(sf, ' ') || sf_at(sf, ')'))) {
            return false;
        }
    }
}

static bool sf_value(struct sf *sf, enum sf_type *type, weir_str *text)
{
    if (sf_at(sf, '(')) {
        *type = SF_OTHER;
        return sf_inner_list(sf);
    }
    return sf_item(sf, type, text);
}

/* A directive has the type that Cache-Control gives it; another type makes the field invalid, so
 * that a cache that cannot tell what was meant does not use half of it. */
static bool set_targeted(struct cache_control *cc, weir_str key, enum sf_type type, weir_str text)
{
    const struct directive *directive = find(key, false);

    if (!directive || type == SF_FALSE) {
        return true;
    }
    switch (directive->kind) {
    case KIND_FLAG:
        cc->flags |= directive->flag;
        return type == SF_TRUE;
    case KIND_FIELDS:
        set(cc, directive, type == SF_STRING, word_unquote(text));
        return type == SF_TRUE || type == SF_STRING;
    default:
        if (type != SF_INTEGER || text.p[0] == '-') {
            return false;
        }
        /* In a dictionary the last one of a key counts (RFC 8941, 3.2). */
        *(int64_t *)((char *)cc + directive->offset) = -1;
        set_seconds(cc, directive, text);
        return true;
    }
}

bool cache_control_targeted(struct cache_control *cc, weir_str value)
{
    struct sf sf = {value.p, value.p + value.n};
    struct cache_control parsed = *cc;
    size_t members = 0;

    sf_spaces(&sf, false);
    while (sf.p < sf.end) {
        enum sf_type type = SF_TRUE;
        weir_str key, text = {0};

        if (!sf_key(&sf, &key) || (sf_take(&sf, '=') && !sf_value(&sf, &type, &text)) ||
            !sf_parameters(&sf) || !set_targeted(&parsed, key, type, text)) {
            return false;
        }
        members++;
        sf_spaces(&sf, true);
        if (sf.p == sf.end) {
            break;
        }
        if (!sf_take(&sf, ',')) {
            return false;
        }
        sf_spaces(&sf, true);
        if (sf.p == sf.end) {
            return false; /* a comma with nothing behind it */
        }
    }
    if (members == 0) {
        return false;
    }
    *cc = parsed;
    return true;
}
