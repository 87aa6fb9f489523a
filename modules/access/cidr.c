/* SPDX-License-Identifier: Apache-2.0 */
#include "cidr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define V4_SHIFT 96
#define MAPPED_PREFIX 96 /* ::ffff:0:0/96 */
#define DEPTH_MAX 130    /* prefixes around one address, and the empty one */

/* ---- texts ---- */

static cidr_bits bits_behind(uint8_t length)
{
    return length >= 128 ? 0 : ~(cidr_bits)0 >> length;
}

static bool parse_length(const char *text, uint8_t max, uint8_t *out)
{
    unsigned value = 0;

    if (text[0] == '\0' || strlen(text) > 3 || (text[0] == '0' && text[1])) {
        return false;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(*text - '0');
    }
    *out = (uint8_t)value;
    return value <= max;
}

static void unmap(struct cidr *cidr)
{
    if (cidr->length >= MAPPED_PREFIX && cidr->address >> 32 == 0xffff) {
        cidr->address <<= V4_SHIFT;
        cidr->length = (uint8_t)(cidr->length - MAPPED_PREFIX);
        cidr->is_v6 = false;
    }
}

bool cidr_parse(weir_str text, struct cidr *out, bool *stray)
{
    char buffer[INET6_ADDRSTRLEN + 4];
    unsigned char bytes[16];

    if (stray) {
        *stray = false;
    }
    if (text.n == 0 || text.n >= sizeof(buffer) || memchr(text.p, '\0', text.n)) {
        return false;
    }
    memcpy(buffer, text.p, text.n);
    buffer[text.n] = '\0';
    char *slash = strchr(buffer, '/');
    if (slash) {
        *slash = '\0';
    }
    *out = (struct cidr){.is_v6 = strchr(buffer, ':') != NULL};
    size_t size = out->is_v6 ? 16 : 4;
    out->length = (uint8_t)(8 * size);
    if (inet_pton(out->is_v6 ? AF_INET6 : AF_INET, buffer, bytes) != 1 ||
        (slash && !parse_length(slash + 1, out->length, &out->length))) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        out->address |= (cidr_bits)bytes[i] << (120 - 8 * i);
    }
    if (out->address & bits_behind(out->length)) {
        if (stray) {
            *stray = true;
        }
        return false;
    }
    unmap(out);
    return true;
}

bool cidr_parse_address(weir_str text, struct cidr *out)
{
    return !(text.n && memchr(text.p, '/', text.n)) && cidr_parse(text, out, NULL);
}

/* ---- the tree, flattened ---- */

/* By family, then so that a prefix comes before those within it; of equal ones the larger `says`
 * last. */
static int compare(const void *a_, const void *b_)
{
    const struct cidr_rule *a = a_, *b = b_;

    if (a->cidr.is_v6 != b->cidr.is_v6) {
        return a->cidr.is_v6 ? 1 : -1;
    }
    if (a->cidr.address != b->cidr.address) {
        return a->cidr.address < b->cidr.address ? -1 : 1;
    }
    if (a->cidr.length != b->cidr.length) {
        return a->cidr.length < b->cidr.length ? -1 : 1;
    }
    return (int)a->says - (int)b->says;
}

struct flattener {
    cidr_bits *starts;
    uint8_t *says;
    uint32_t n;
    struct {
        cidr_bits end;
        uint8_t says;
    } open[DEPTH_MAX]; /* prefixes that the sweep is within, the shortest first */
    unsigned depth;
};

/* From `start` on, `says` counts. */
static void begin_range(struct flattener *f, cidr_bits start, uint8_t says)
{
    if (f->n && f->starts[f->n - 1] == start) {
        f->n--;
    }
    if (f->n && f->says[f->n - 1] == says) {
        return;
    }
    f->starts[f->n] = start;
    f->says[f->n++] = says;
}

/* Leaves the prefixes that end before `start`; the last one of the address space ends with it. */
static void leave_before(struct flattener *f, cidr_bits start, bool all)
{
    while (f->depth > 1 && (all || f->open[f->depth - 1].end < start)) {
        cidr_bits end = f->open[--f->depth].end;

        if (end != ~(cidr_bits)0) {
            begin_range(f, end + 1, f->open[f->depth - 1].says);
        }
    }
}

static void flatten(struct flattener *f, const struct cidr_rule *rules, size_t n)
{
    f->n = 0;
    f->depth = 1;
    f->open[0].says = 0;
    begin_range(f, 0, 0);
    for (size_t i = 0; i < n; i++) {
        const struct cidr *cidr = &rules[i].cidr;

        leave_before(f, cidr->address, false);
        if (i && cidr->address == rules[i - 1].cidr.address &&
            cidr->length == rules[i - 1].cidr.length) {
            f->depth--; /* the same prefix once more */
        }
        f->open[f->depth].end = cidr->address | bits_behind(cidr->length);
        f->open[f->depth++].says = rules[i].says;
        begin_range(f, cidr->address, rules[i].says);
    }
    leave_before(f, 0, true);
}

void cidr_set_build(struct cidr_set *set, struct cidr_rule *rules, size_t n,
                    void *alloc(void *arg, size_t size), void *arg)
{
    struct flattener f;
    size_t v4_n = 0;

    *set = (struct cidr_set){0};
    if (n) {
        qsort(rules, n, sizeof(*rules), compare);
    }
    while (v4_n < n && !rules[v4_n].cidr.is_v6) {
        v4_n++;
    }
    size_t most = 2 * n + 2; /* each prefix begins a range and ends one */
    f.starts = calloc(most, sizeof(*f.starts));
    f.says = calloc(most, 1);
    if (!f.starts || !f.says) {
        abort(); /* as everywhere when the configuration does not fit into memory */
    }
    flatten(&f, rules, v4_n);
    set->v4_n = f.n;
    set->v4 = alloc(arg, f.n * sizeof(*set->v4));
    set->v4_says = alloc(arg, f.n);
    memcpy(set->v4_says, f.says, f.n);
    for (uint32_t i = 0; i < f.n; i++) {
        set->v4[i] = (uint32_t)(f.starts[i] >> V4_SHIFT);
    }
    flatten(&f, rules + v4_n, n - v4_n);
    set->v6_n = f.n;
    set->v6 = alloc(arg, f.n * sizeof(*set->v6));
    set->v6_says = alloc(arg, f.n);
    memcpy(set->v6_says, f.says, f.n);
    memcpy(set->v6, f.starts, f.n * sizeof(*set->v6));
    free(f.starts);
    free(f.says);
}

/* The index of the last range that begins at or before the address. */
#define LAST_AT_OR_BEFORE(starts, n, address)                                                      \
    ({                                                                                             \
        uint32_t low_ = 0, count_ = (n);                                                           \
        while (count_ > 1) {                                                                       \
            uint32_t half_ = count_ / 2;                                                           \
            low_ += (starts)[low_ + half_] <= (address) ? half_ : 0;                               \
            count_ -= half_;                                                                       \
        }                                                                                          \
        low_;                                                                                      \
    })

uint8_t cidr_set_find(const struct cidr_set *set, const struct cidr *address)
{
    if (address->is_v6) {
        return set->v6_says[LAST_AT_OR_BEFORE(set->v6, set->v6_n, address->address)];
    }
    uint32_t v4 = (uint32_t)(address->address >> V4_SHIFT);
    return set->v4_says[LAST_AT_OR_BEFORE(set->v4, set->v4_n, v4)];
}
