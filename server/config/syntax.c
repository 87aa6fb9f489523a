/* SPDX-License-Identifier: Apache-2.0 */
#include "config/syntax.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"

#define MAX_DEPTH 200

enum token_type {
    TOKEN_NAME,
    TOKEN_BOOL,
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_SIGN,    /* one of = : ; , { } [ ] ( ) */
    TOKEN_STRANGE, /* a character that begins nothing */
    TOKEN_COMMENT, /* that does not end */
    TOKEN_END
};

struct token {
    enum token_type type;
    char sign;
    weir_str text;
    unsigned line, column;
    bool is_open;  /* STRING: no closing quote */
    bool is_long;  /* STRING: goes over a line's end */
    bool is_glued; /* no space before it */
};

struct name {
    weir_str text;
    unsigned line;
    struct name *next;
};

struct parser {
    struct arena arena;
    weir_str text;
    size_t at, line_start;
    unsigned line;
    struct token token, previous;
    struct token long_string; /* the first STRING that goes over a line's end; line 0: none */
    unsigned depth;
    unsigned joined_line;
    struct syntax_mistake *out;
};

/* ---- tokens ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct parser *p, size_t ahead)
{
    return p->at + ahead < p->text.n ? p->text.p[p->at + ahead] : '\0';
}

static void advance(struct parser *p)
{
    if (p->text.p[p->at++] == '\n') {
        p->line++;
        p->line_start = p->at;
    }
}

static void skip_line(struct parser *p)
{
    while (p->at < p->text.n && p->text.p[p->at] != '\n') {
        p->at++;
    }
}

/* False: a comment that does not end. */
static bool skip_block_comment(struct parser *p)
{
    p->at += 2;
    while (p->at + 1 < p->text.n) {
        if (peek(p, 0) == '*' && peek(p, 1) == '/') {
            p->at += 2;
            return true;
        }
        advance(p);
    }
    p->at = p->text.n;
    return false;
}

/* Spaces, comments and @include lines. */
static bool skip_space(struct parser *p)
{
    while (p->at < p->text.n) {
        char c = peek(p, 0);

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
            advance(p);
        } else if (c == '#' || (c == '/' && peek(p, 1) == '/')) {
            skip_line(p);
        } else if (c == '@' && str_starts_with((weir_str){p->text.p + p->at, p->text.n - p->at},
                                               STR("@include"))) {
            skip_line(p);
        } else if (c == '/' && peek(p, 1) == '*') {
            unsigned line = p->line;
            unsigned column = (unsigned)(p->at - p->line_start) + 1;

            if (!skip_block_comment(p)) {
                p->token.line = line;
                p->token.column = column;
                return false;
            }
        } else {
            break;
        }
    }
    return true;
}

static void read_string(struct parser *p)
{
    size_t start = ++p->at;

    while (p->at < p->text.n && peek(p, 0) != '"') {
        if (peek(p, 0) == '\n') {
            p->token.is_long = true;
        }
        if (peek(p, 0) == '\\' && p->at + 1 < p->text.n) {
            advance(p);
        }
        advance(p);
    }
    p->token.type = TOKEN_STRING;
    p->token.text = (weir_str){p->text.p + start, p->at - start};
    p->token.is_open = p->at >= p->text.n;
    if (!p->token.is_open) {
        p->at++;
    }
    if (p->token.is_long && p->long_string.line == 0) {
        p->long_string = p->token;
    }
}

static void read_number(struct parser *p)
{
    if (peek(p, 0) == '+' || peek(p, 0) == '-') {
        p->at++;
    }
    if (peek(p, 0) == '0' && (peek(p, 1) | 0x20) == 'x') {
        p->at += 2;
        while (is_digit(peek(p, 0)) || ((peek(p, 0) | 0x20) >= 'a' && (peek(p, 0) | 0x20) <= 'f')) {
            p->at++;
        }
    } else {
        while (is_digit(peek(p, 0)) || peek(p, 0) == '.') {
            p->at++;
        }
        size_t sign = peek(p, 1) == '-' || peek(p, 1) == '+';

        if ((peek(p, 0) | 0x20) == 'e' && is_digit(peek(p, 1 + sign))) {
            p->at += 1 + sign;
            while (is_digit(peek(p, 0))) {
                p->at++;
            }
        }
    }
    while (peek(p, 0) == 'L') {
        p->at++;
    }
    p->token.type = TOKEN_NUMBER;
}

static void read_name(struct parser *p)
{
    size_t start = p->at;

    while (is_letter(peek(p, 0)) || is_digit(peek(p, 0)) || peek(p, 0) == '-' ||
           peek(p, 0) == '_') {
        p->at++;
    }
    weir_str text = {p->text.p + start, p->at - start};
    p->token.type =
        str_ieq(text, STR("true")) || str_ieq(text, STR("false")) ? TOKEN_BOOL : TOKEN_NAME;
}

static void next_token(struct parser *p)
{
    size_t before = p->at;

    p->previous = p->token;
    p->token = (struct token){.type = TOKEN_END};
    if (!skip_space(p)) {
        p->token.type = TOKEN_COMMENT;
        return;
    }
    size_t start = p->at;
    char c = peek(p, 0);

    p->token.line = p->line;
    p->token.column = (unsigned)(start - p->line_start) + 1;
    p->token.is_glued = start == before && start > 0;
    if (start == p->text.n) {
        return;
    }
    if (c == '"') {
        read_string(p);
        return;
    }
    if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && is_digit(peek(p, 1)))) {
        read_number(p);
    } else if (is_letter(c)) {
        read_name(p);
    } else {
        p->token.type = c && strchr("=:;,{}[]()", c) ? TOKEN_SIGN : TOKEN_STRANGE;
        p->token.sign = c;
        p->at++;
    }
    p->token.text = (weir_str){p->text.p + start, p->at - start};
}

static bool at_sign(const struct parser *p, char sign)
{
    return p->token.type == TOKEN_SIGN && p->token.sign == sign;
}

static bool take_sign(struct parser *p, char sign)
{
    if (!at_sign(p, sign)) {
        return false;
    }
    next_token(p);
    return true;
}

/* ---- mistakes: each returns false, for its caller to return ---- */

__attribute__((format(printf, 4, 5))) static bool mistake(struct parser *p, const struct token *at,
                                                          const char *hint, const char *fmt, ...)
{
    va_list args;

    p->out->line = at->line;
    p->out->column = at->column;
    va_start(args, fmt);
    vsnprintf(p->out->text, sizeof(p->out->text), fmt, args);
    va_end(args);
    snprintf(p->out->hint, sizeof(p->out->hint), "%s", hint ? hint : "");
    return false;
}

/* The token at hand, for a message. */
static const char *found(const struct parser *p, char text[64])
{
    const struct token *t = &p->token;

    if (t->type == TOKEN_END) {
        return "the end of the file";
    }
    if (t->type == TOKEN_STRANGE && (t->sign < 0x20 || t->sign > 0x7e)) {
        snprintf(text, 64, "a byte \\x%02x", (unsigned char)t->sign);
    } else if (t->type == TOKEN_STRING) {
        snprintf(text, 64, "the text \"%.*s\"", (int)(t->text.n > 40 ? 40 : t->text.n), t->text.p);
    } else {
        snprintf(text, 64, "\"%.*s\"", (int)(t->text.n > 40 ? 40 : t->text.n), t->text.p);
    }
    return text;
}

/* From the token at hand to the end of its line, without comment and semicolon. */
static weir_str rest_of_line(const struct parser *p)
{
    size_t start = p->token.text.p ? (size_t)(p->token.text.p - p->text.p) : p->text.n;
    size_t end;

    if (p->token.type == TOKEN_STRING && start > 0) {
        start--;
    }
    for (end = start; end < p->text.n && !strchr("\r\n;#", p->text.p[end]); end++) {
    }
    return str_trim((weir_str){p->text.p + start, end - start});
}

static bool unquoted_value(struct parser *p, weir_str name)
{
    weir_str rest = rest_of_line(p);
    char hint[160];

    if (p->token.type == TOKEN_STRANGE && p->token.sign == '\'') {
        return mistake(p, &p->token, "Text is written in double quotes: \"like this\".",
                       "single quotes do not make a text");
    }
    static const weir_str yes[] = {{"on", 2}, {"yes", 3}, {"off", 3}, {"no", 2}};
    for (int i = 0; i < 4; i++) {
        if (str_ieq(p->token.text, yes[i])) {
            return mistake(p, &p->token, i < 2 ? "Write true." : "Write false.",
                           "\"%.*s\" is no value here", (int)p->token.text.n, p->token.text.p);
        }
    }
    while (rest.n && strchr("\"})], ", rest.p[rest.n - 1])) {
        rest.n--;
    }
    if (rest.n > 60) {
        rest.n = 60;
    }
    snprintf(hint, sizeof(hint), "Write %.*s%s\"%.*s\".", (int)name.n, name.p, name.n ? " = " : "",
             (int)rest.n, rest.p);
    return mistake(p, &p->token, hint, "text needs double quotes around it");
}

static bool bad_value(struct parser *p, weir_str name)
{
    char text[64];

    if (p->token.type == TOKEN_NAME || p->token.type == TOKEN_STRANGE) {
        return unquoted_value(p, name);
    }
    if (name.n) {
        return mistake(p, &p->token, NULL,
                       "\"%.*s\" has no value: expected one after \"=\", "
                       "found %s",
                       (int)name.n, name.p, found(p, text));
    }
    return mistake(p, &p->token, NULL, "expected a value, found %s", found(p, text));
}

/* After a value in a list: neither "," nor the closing sign. */
static bool bad_list_separator(struct parser *p, const struct token *open, char close)
{
    char text[64];

    if (at_sign(p, '{') || p->token.type == TOKEN_STRING || at_sign(p, '[') || at_sign(p, '(')) {
        return mistake(p, &p->previous, "Put a comma between two items of a list.",
                       "missing \",\" before %s", found(p, text));
    }
    if (p->previous.type == TOKEN_NUMBER && p->token.is_glued && p->token.type == TOKEN_NAME) {
        return mistake(p, &p->previous, "A number with a unit is written in quotes: \"10s\".",
                       "text needs double quotes around it");
    }
    if (p->token.type == TOKEN_NUMBER || p->token.type == TOKEN_BOOL) {
        return mistake(p, &p->previous, NULL, "missing \",\" before %s", found(p, text));
    }
    if (at_sign(p, ';') && open->line == p->token.line) {
        return mistake(p, &p->token, NULL,
                       "the items of a list are separated by \",\", or \"%c\" "
                       "is missing here",
                       close);
    }
    return mistake(p, &p->previous, NULL,
                   "missing \"%c\": the list that begins with \"%c\" in "
                   "line %u is not closed before %s",
                   close, open->sign, open->line, found(p, text));
}

static bool bad_number_unit(struct parser *p, const struct token *number, weir_str name)
{
    char hint[160];

    snprintf(hint, sizeof(hint), "Write %.*s%s\"%.*s%.*s\".", (int)(name.n > 60 ? 60 : name.n),
             name.p, name.n ? " = " : "", (int)(number->text.n > 20 ? 20 : number->text.n),
             number->text.p, (int)(p->token.text.n > 40 ? 40 : p->token.text.n), p->token.text.p);
    return mistake(p, number, hint, "a number with a unit needs double quotes around it");
}

/* A name is not followed by "=". */
static bool missing_equals(struct parser *p, const struct token *name)
{
    weir_str rest = rest_of_line(p);
    int n = (int)(name->text.n > 60 ? 60 : name->text.n);
    char hint[190], text[64];

    if (at_sign(p, '{') || at_sign(p, '(') || at_sign(p, '[')) {
        snprintf(hint, sizeof(hint), "Write %.*s = %c", n, name->text.p, p->token.sign);
        return mistake(p, &p->token, hint, "missing \"=\" between \"%.*s\" and \"%c\"", n,
                       name->text.p, p->token.sign);
    }
    if (p->token.type == TOKEN_END || p->token.type == TOKEN_SIGN || p->token.line != name->line) {
        return mistake(p, name, "Settings are written name = value;",
                       "\"%.*s\" has no value: missing \"=\" before %s", n, name->text.p,
                       found(p, text));
    }
    if (p->token.type == TOKEN_STRING || p->token.type == TOKEN_NUMBER ||
        p->token.type == TOKEN_BOOL) {
        snprintf(hint, sizeof(hint), "Write %.*s = %.*s;", n, name->text.p,
                 (int)(rest.n > 80 ? 80 : rest.n), rest.p);
    } else {
        snprintf(hint, sizeof(hint),
                 "This looks like a line for another server. "
                 "Settings are written name = \"value\";");
    }
    return mistake(p, &p->token, hint, "missing \"=\" after \"%.*s\"", n, name->text.p);
}

/* A setting was expected, and this is no name. */
static bool bad_name(struct parser *p, const struct token *open)
{
    char text[64];
    const struct token *t = &p->token;

    if (t->type == TOKEN_END && open) {
        return mistake(p, open, "Look for a missing \"}\" after this line.",
                       "the \"{\" in line %u is never closed", open->line);
    }
    if (t->type == TOKEN_SIGN && strchr("}])", t->sign)) {
        if (open) {
            return mistake(p, t, NULL,
                           "missing \"}\" before \"%c\": the group that begins in line "
                           "%u is still open",
                           t->sign, open->line);
        }
        return mistake(p, t, "Look for one too many, or for one that closed too early.",
                       "\"%c\" closes nothing", t->sign);
    }
    if (t->type == TOKEN_SIGN && (t->sign == ';' || t->sign == ',')) {
        return mistake(p, t, NULL, "one \"%c\" too many", t->sign);
    }
    if (t->type == TOKEN_SIGN && (t->sign == '=' || t->sign == ':')) {
        return mistake(p, t, NULL, "expected a name before \"%c\"", t->sign);
    }
    if (t->type == TOKEN_STRING && p->previous.type == TOKEN_SIGN && p->previous.sign == ',') {
        return mistake(p, t, "A list is written in brackets: [ \"one\", \"two\" ].",
                       "several values without brackets");
    }
    if (t->type == TOKEN_STRING) {
        return mistake(p, t, "Names of settings are written without quotes.",
                       "expected the name of a setting, found %s", found(p, text));
    }
    if (t->type == TOKEN_SIGN && t->sign == '{') {
        return mistake(p, t, "Several groups make a list in parentheses: ( { ... }, { ... } ).",
                       "a group without a name");
    }
    return mistake(p, t, "Names begin with a letter; letters, digits, \"-\" and \"_\" follow.",
                   "expected the name of a setting, found %s", found(p, text));
}

/* ---- the grammar ---- */

static bool parse_value(struct parser *p, weir_str name);

static bool parse_list(struct parser *p, char close)
{
    struct token open = p->token;

    next_token(p);
    if (take_sign(p, close)) {
        return true;
    }
    for (;;) {
        struct token comma = p->previous;

        if (comma.type == TOKEN_SIGN && comma.sign == ',' && at_sign(p, close)) {
            return mistake(p, &comma, "Remove the comma after the last item.",
                           "trailing comma before \"%c\"", close);
        }
        if (close == ']' && (at_sign(p, '{') || at_sign(p, '(') || at_sign(p, '['))) {
            return mistake(p, &open, "Groups and lists stand in parentheses: ( { ... }, { ... } ).",
                           "\"[ ]\" holds plain values only");
        }
        if (p->token.type == TOKEN_NAME) {
            struct parser ahead = *p;

            next_token(&ahead);
            if (at_sign(&ahead, '=')) {
                return mistake(p, &comma, NULL,
                               "missing \"%c\" or \"{\": \"%.*s = ...\" stands "
                               "directly in the list that begins in line %u",
                               close, (int)(p->token.text.n > 40 ? 40 : p->token.text.n),
                               p->token.text.p, open.line);
            }
        }
        if (p->token.type == TOKEN_END) {
            return mistake(p, &open, NULL, "the \"%c\" in line %u is never closed", open.sign,
                           open.line);
        }
        if (!parse_value(p, STR(""))) {
            return false;
        }
        if (take_sign(p, close)) {
            return true;
        }
        if (p->token.type == TOKEN_END) {
            return mistake(p, &open, NULL, "the \"%c\" in line %u is never closed", open.sign,
                           open.line);
        }
        if (!take_sign(p, ',')) {
            return bad_list_separator(p, &open, close);
        }
    }
}

/* libconfig refuses arrays of mixed types. */
static bool parse_array(struct parser *p)
{
    struct parser ahead = *p;
    enum token_type type = TOKEN_END;

    for (next_token(&ahead); ahead.token.type != TOKEN_END && ahead.token.type != TOKEN_COMMENT;
         next_token(&ahead)) {
        if (ahead.token.type == TOKEN_SIGN) {
            if (ahead.token.sign != ',') {
                break;
            }
            continue;
        }
        if (type != TOKEN_END && ahead.token.type != type && ahead.token.type <= TOKEN_STRING &&
            ahead.token.type != TOKEN_NAME && type != TOKEN_NAME &&
            ahead.previous.type == TOKEN_SIGN) {
            return mistake(p, &ahead.token, "A list of mixed values stands in parentheses: ( ).",
                           "the items of \"[ ]\" are of different types");
        }
        type = ahead.token.type;
    }
    return parse_list(p, ']');
}

static bool parse_settings(struct parser *p, const struct token *open);

static bool parse_group(struct parser *p)
{
    struct token open = p->token;

    next_token(p);
    if (!parse_settings(p, &open)) {
        return false;
    }
    next_token(p);
    return true;
}

static bool parse_string(struct parser *p, bool in_list)
{
    do {
        if (p->token.is_open) {
            return mistake(p, &p->token, NULL, "missing closing quote");
        }
        if (in_list && p->previous.type == TOKEN_STRING && p->joined_line == 0) {
            p->joined_line = p->token.line;
        }
        next_token(p);
    } while (p->token.type == TOKEN_STRING);
    return true;
}

static bool parse_nested(struct parser *p)
{
    bool ok;

    if (++p->depth > MAX_DEPTH) {
        return mistake(p, &p->token, NULL, "more than %d levels of brackets", MAX_DEPTH);
    }
    ok = at_sign(p, '{') ? parse_group(p) : at_sign(p, '[') ? parse_array(p) : parse_list(p, ')');
    p->depth--;
    return ok;
}

static bool parse_value(struct parser *p, weir_str name)
{
    if (at_sign(p, '{') || at_sign(p, '[') || at_sign(p, '(')) {
        return parse_nested(p);
    }
    if (p->token.type == TOKEN_STRING) {
        return parse_string(p, name.n == 0);
    }
    if (p->token.type == TOKEN_NUMBER) {
        struct token number = p->token;

        next_token(p);
        if (p->token.is_glued && (p->token.type == TOKEN_NAME || p->token.type == TOKEN_STRANGE)) {
            return bad_number_unit(p, &number, name);
        }
        return true;
    }
    if (p->token.type == TOKEN_BOOL) {
        next_token(p);
        return true;
    }
    return bad_value(p, name);
}

static bool parse_setting(struct parser *p, struct name **names)
{
    struct token name = p->token;

    for (const struct name *n = *names; n; n = n->next) {
        if (str_eq(n->text, name.text)) {
            return mistake(p, &name, NULL, "\"%.*s\" is set twice in this group, first in line %u",
                           (int)(name.text.n > 80 ? 80 : name.text.n), name.text.p, n->line);
        }
    }
    struct name *known = arena_alloc(&p->arena, sizeof(*known));
    *known = (struct name){name.text, name.line, *names};
    *names = known;
    next_token(p);
    if (p->token.type == TOKEN_STRANGE && p->token.is_glued) {
        return mistake(p, &p->token,
                       "Names begin with a letter; letters, digits, \"-\" and \"_\" "
                       "follow.",
                       "\"%c\" cannot be part of a name",
                       p->token.sign >= 0x20 ? p->token.sign : '?');
    }
    if (!take_sign(p, '=') && !take_sign(p, ':')) {
        return missing_equals(p, &name);
    }
    return parse_value(p, name.text);
}

/* Up to the "}" of `open`, or to the end of the file if that is NULL. */
static bool parse_settings(struct parser *p, const struct token *open)
{
    struct name *names = NULL;

    for (;;) {
        if (open ? at_sign(p, '}') : p->token.type == TOKEN_END) {
            return true;
        }
        if (p->token.type == TOKEN_COMMENT) {
            p->out->is_open_comment = true;
            return mistake(p, &p->token, NULL, "the comment that begins here is never closed");
        }
        if (p->token.type != TOKEN_NAME) {
            return bad_name(p, open);
        }
        if (!parse_setting(p, &names)) {
            return false;
        }
        if (!take_sign(p, ';')) {
            take_sign(p, ',');
        }
    }
}

bool syntax_find_mistake(weir_str text, struct syntax_mistake *out)
{
    struct parser p = {.text = text, .line = 1, .out = out};

    *out = (struct syntax_mistake){0};
    arena_init(&p.arena);
    next_token(&p);
    bool ok = parse_settings(&p, NULL);
    arena_fini(&p.arena);
    if (ok) {
        out->line = p.joined_line;
        return false;
    }
    /* A text may go over several lines, but hardly ever does: where there is a mistake, a quote
     * was forgotten and all that follows was read inside out. */
    const struct token *string = &p.long_string;
    if (string->line && (string->line < out->line ||
                         (string->line == out->line && string->column <= out->column))) {
        mistake(&p, string, "Without it the text goes on to the next quote in the file.",
                "missing closing quote");
    }
    return true;
}

weir_str syntax_line(weir_str text, unsigned line)
{
    weir_str rest = text, found_line = {0};

    for (unsigned i = 0; i < line && rest.p; i++) {
        found_line = str_cut(&rest, '\n');
    }
    if (found_line.n && found_line.p[found_line.n - 1] == '\r') {
        found_line.n--;
    }
    return found_line;
}
