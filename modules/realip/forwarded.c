/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarded.h"

#include <string.h>
#include <strings.h>

static void add(struct hops *hops, struct hop hop)
{
    if (hops->n == HOPS_MAX) {
        memmove(&hops->list[0], &hops->list[1], (HOPS_MAX - 1) * sizeof(hops->list[0]));
        hops->n--;
    }
    hops->list[hops->n++] = hop;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static weir_str trim(weir_str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

void hops_add_x_forwarded_for(struct hops *hops, weir_str line)
{
    size_t begin = 0;

    for (size_t i = 0; i <= line.n; i++) {
        if (i < line.n && line.p[i] != ',') {
            continue;
        }
        weir_str addr = trim((weir_str){line.p + begin, i - begin});
        if (addr.n) {
            add(hops, (struct hop){.addr = addr});
        }
        begin = i + 1;
    }
}

/* ---- RFC 7239, 4: elements of pairs, values that may be quoted ---- */

struct reader {
    const char *p, *end;
};

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && is_blank(*r->p)) {
        r->p++;
    }
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->p == r->end || *r->p != c) {
        return false;
    }
    r->p++;
    return true;
}

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool read_token(struct reader *r, weir_str *out)
{
    out->p = r->p;
    while (r->p < r->end && is_token_char(*r->p)) {
        r->p++;
    }
    out->n = (size_t)(r->p - out->p);
    return out->n > 0;
}

/* Between the quotes; with an escape in it it is nothing that we look for. */
static bool read_quoted(struct reader *r, weir_str *out)
{
    bool is_escaped = false;

    out->p = ++r->p;
    for (; r->p < r->end && *r->p != '"'; r->p++) {
        if (*r->p == '\\') {
            is_escaped = true;
            r->p++;
        }
    }
    if (r->p >= r->end) {
        return false;
    }
    out->n = is_escaped ? 0 : (size_t)(r->p - out->p);
    r->p++;
    return true;
}

static bool is_named(weir_str name, const char *text)
{
    return name.n == strlen(text) && strncasecmp(name.p, text, name.n) == 0;
}

/* A name stands once in an element (RFC 7239, 4). */
static bool set_once(weir_str *member, weir_str value)
{
    bool is_first = member->p == NULL;

    *member = value;
    return is_first;
}

/* "name=value"; *hop gets what is of use. */
static bool read_pair(struct reader *r, struct hop *hop)
{
    weir_str name, value;

    skip_blanks(r);
    if (!read_token(r, &name) || r->p == r->end || *r->p++ != '=') {
        return false;
    }
    if (!(r->p < r->end && *r->p == '"' ? read_quoted(r, &value) : read_token(r, &value))) {
        return false;
    }
    if (is_named(name, "for")) {
        return set_once(&hop->addr, value);
    }
    return !is_named(name, "proto") || set_once(&hop->proto, value);
}

static bool read_element(struct reader *r, struct hop *hop)
{
    *hop = (struct hop){0};
    do {
        if (!read_pair(r, hop)) {
            return false;
        }
    } while (take(r, ';'));
    if (!is_named(hop->proto, "http") && !is_named(hop->proto, "https")) {
        hop->proto = (weir_str){0};
    }
    return true;
}

void hops_add_forwarded(struct hops *hops, weir_str line)
{
    struct reader r = {line.p, line.p + line.n};
    struct hop hop;

    do {
        while (take(&r, ',')) {
            ; /* empty elements of a list are allowed (RFC 9110, 5.6.1.2) */
        }
        skip_blanks(&r);
        if (r.p == r.end) {
            return;
        }
        if (!read_element(&r, &hop)) {
            hops->n = 0;
            return;
        }
        add(hops, hop);
    } while (take(&r, ','));
    skip_blanks(&r);
    if (r.p != r.end) {
        hops->n = 0;
    }
}
