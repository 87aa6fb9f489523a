/* SPDX-License-Identifier: Apache-2.0 */
#include "vary.h"

#include "words.h"

#define MEMBERS_MAX 64

/* Text that grows to a limit and remembers that it did not fit. */
struct text {
    char *p;
    size_t n, max;
    bool full;
};

static void put(struct text *t, char c)
{
    if (t->n == t->max) {
        t->full = true;
        return;
    }
    t->p[t->n++] = c;
}

static int compare(weir_str a, weir_str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static void sort(weir_str *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        weir_str one = list[i];
        size_t k = i;

        for (; k > 0 && compare(list[k - 1], one) > 0; k--) {
            list[k] = list[k - 1];
        }
        list[k] = one;
    }
}

/* ---- names ---- */

/* Copies the members of all Vary lines in lower case. False: "*", or too many. */
static bool collect_names(const struct message *response, struct text *copy, weir_str *list,
                          size_t *n)
{
    for (size_t i = 0; i < response->n; i++) {
        weir_str rest = response->fields[i].value, member;

        while (response->fields[i].id == WEIR_F_VARY && list_next(&rest, &member)) {
            if (*n == MEMBERS_MAX || word_is(member, WEIR_STR("*"))) {
                return false;
            }
            list[(*n)++] = (weir_str){copy->p + copy->n, member.n};
            for (size_t k = 0; k < member.n; k++) {
                put(copy, word_lower(member.p[k]));
            }
        }
    }
    return !copy->full;
}

bool vary_names(const struct message *response, char out[VARY_NAMES_MAX], weir_str *names)
{
    char space[VARY_NAMES_MAX];
    struct text copy = {space, 0, sizeof(space), false};
    struct text t = {out, 0, VARY_NAMES_MAX, false};
    weir_str list[MEMBERS_MAX];
    size_t n = 0;

    if (!collect_names(response, &copy, list, &n)) {
        return false;
    }
    sort(list, n);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && word_is(list[i], list[i - 1])) {
            continue;
        }
        if (t.n) {
            put(&t, ',');
        }
        for (size_t k = 0; k < list[i].n; k++) {
            put(&t, list[i].p[k]);
        }
    }
    *names = (weir_str){out, t.n};
    return !t.full;
}

/* ---- values ---- */

/* Lists of preferences: neither case nor order means anything, weights do. */
static bool is_preference(weir_str name)
{
    return word_is(name, WEIR_STR("accept")) || word_is(name, WEIR_STR("accept-encoding")) ||
           word_is(name, WEIR_STR("accept-language")) || word_is(name, WEIR_STR("accept-charset"));
}

static void put_member(struct text *t, weir_str member, bool loose)
{
    for (size_t i = 0; i < member.n; i++) {
        char c = member.p[i];

        if (loose && (c == ' ' || c == '\t')) {
            continue;
        }
        put(t, loose ? word_lower(c) : c);
    }
}

/* Sorts the members that were written from `start` on. */
static bool sort_members(struct text *t, size_t start)
{
    weir_str rest = {t->p + start, t->n - start}, list[MEMBERS_MAX], member;
    char copy[VARY_VALUES_MAX];
    size_t n = 0, at = 0;

    while (list_next(&rest, &member)) {
        if (n == MEMBERS_MAX) {
            return false;
        }
        list[n++] = member;
    }
    sort(list, n);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            copy[at++] = ',';
        }
        memcpy(copy + at, list[i].p, list[i].n);
        at += list[i].n;
    }
    memcpy(t->p + start, copy, at);
    t->n = start + at;
    return true;
}

static bool put_field(struct text *t, weir_str name, const struct message *request)
{
    bool loose = is_preference(name), seen = false;
    size_t start = 0;

    for (size_t i = 0; i < request->n; i++) {
        weir_str rest = request->fields[i].value, member;

        if (!word_iis(request->fields[i].name, name)) {
            continue;
        }
        if (!seen) {
            put(t, ':');
            start = t->n;
            seen = true;
        }
        while (list_next(&rest, &member)) {
            if (t->n > start) {
                put(t, ',');
            }
            put_member(t, member, loose);
        }
    }
    return !t->full && (!loose || !seen || sort_members(t, start));
}

bool vary_values(weir_str names, const struct message *request, char out[VARY_VALUES_MAX],
                 weir_str *values)
{
    struct text t = {out, 0, VARY_VALUES_MAX, false};
    weir_str name;

    while (list_next(&names, &name)) {
        put_member(&t, name, false);
        if (!put_field(&t, name, request)) {
            return false;
        }
        put(&t, '\n');
    }
    *values = (weir_str){out, t.n};
    return !t.full;
}
