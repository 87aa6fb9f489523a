/* SPDX-License-Identifier: Apache-2.0 */
/* Networks, one on a line: the flattened tree says what looking at each rule says. */
#include <stdlib.h>
#include <string.h>

#include "cidr.h"

#define RULES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[65536];
static size_t used;

static void *alloc(void *arg, size_t n)
{
    (void)arg;
    used = (used + 15) & ~(size_t)15;
    void *p = memory + used;
    used += n;
    if (used > sizeof(memory)) {
        abort();
    }
    return p;
}

/* The longest prefix around the address; of equal ones the larger word. */
static uint8_t look_at_each(const struct cidr_rule *rules, size_t n, const struct cidr *address)
{
    int longest = -1;
    uint8_t says = 0;

    for (size_t i = 0; i < n; i++) {
        const struct cidr *net = &rules[i].cidr;
        cidr_bits mask = net->length ? ~(cidr_bits)0 << (128 - net->length) : 0;

        if (net->is_v6 != address->is_v6 || (address->address & mask) != net->address) {
            continue;
        }
        if (net->length > longest || (net->length == longest && rules[i].says > says)) {
            longest = net->length;
            says = rules[i].says;
        }
    }
    return says;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cidr_rule rules[RULES_MAX], sorted[RULES_MAX];
    const char *p = (const char *)data, *end = p + size;
    struct cidr_set set;
    size_t n = 0;

    while (p < end && n < RULES_MAX) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t length = eol ? (size_t)(eol - p) : (size_t)(end - p);
        bool stray;

        if (cidr_parse((weir_str){p, length}, &rules[n].cidr, &stray)) {
            rules[n].says = (uint8_t)(1 + n % 2);
            n++;
        }
        p += length + 1;
    }
    used = 0;
    memcpy(sorted, rules, sizeof(rules));
    cidr_set_build(&set, sorted, n, alloc, NULL);
    for (size_t i = 0; i < n; i++) {
        struct cidr address = rules[i].cidr;
        cidr_bits last = address.length >= 128 ? 0 : ~(cidr_bits)0 >> address.length;
        const cidr_bits near[] = {address.address, address.address | last, address.address - 1,
                                  (address.address | last) + 1};

        for (size_t k = 0; k < sizeof(near) / sizeof(near[0]); k++) {
            address.address = address.is_v6 ? near[k] : near[k] >> 96 << 96;
            if (cidr_set_find(&set, &address) != look_at_each(rules, n, &address)) {
                abort();
            }
        }
    }
    return 0;
}
