/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../modules/access/cidr.h"

#define MANY 100000

static weir_str str(const char *text)
{
    return (weir_str){text, strlen(text)};
}

static void *alloc(void *arg, size_t size)
{
    (void)arg;
    return calloc(1, size ? size : 1);
}

static void fini(struct cidr_set *set)
{
    free(set->v4);
    free(set->v6);
    free(set->v4_says);
    free(set->v6_says);
}

static uint32_t random_u32(void)
{
    static uint64_t state = 42;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* The same by looking at each rule. */
static uint8_t find_slowly(const struct cidr_rule *rules, size_t n, const struct cidr *address)
{
    int best = -1;
    uint8_t says = 0;

    for (size_t i = 0; i < n; i++) {
        const struct cidr *c = &rules[i].cidr;
        bool covers = c->is_v6 == address->is_v6 &&
                      (c->length == 0 || (c->address ^ address->address) >> (128 - c->length) == 0);

        if (covers && (c->length > best || (c->length == best && rules[i].says > says))) {
            best = c->length;
            says = rules[i].says;
        }
    }
    return says;
}

static struct cidr random_cidr(bool is_v6, unsigned least)
{
    struct cidr cidr = {.is_v6 = is_v6};
    unsigned top = is_v6 ? 128 : 32;

    cidr.length = (uint8_t)(least + random_u32() % (top - least + 1));
    /* Few distinct upper bits, so that prefixes nest. */
    cidr.address = (cidr_bits)(random_u32() & 0xc7ffffff) << 96;
    if (is_v6) {
        cidr.address |= (cidr_bits)random_u32() << 64 | random_u32();
    }
    if (cidr.length < 128) {
        cidr.address &= cidr.length ? ~(~(cidr_bits)0 >> cidr.length) : 0;
    }
    return cidr;
}

static void test_texts(void)
{
    static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "::/0", "2001:db8::/32",
                                       "::1", "::ffff:192.0.2.0/120"};
    static const char *const bad[] = {"", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08",
                                      "10.0.0.1/8", "::1/64", "2001:db8::/129", "example.com",
                                      "10.0.0.0/8/8", "1.2.3.4 ", "010.0.0.1", "10.0.0.0/-1"};
    struct cidr cidr;
    bool stray;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(cidr_parse(str(good[i]), &cidr, NULL), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(!cidr_parse(str(bad[i]), &cidr, NULL), "not \"%s\"", bad[i]);
    }
    ok(!cidr_parse(str("10.0.0.1/8"), &cidr, &stray) && stray, "bits behind the prefix are said");
    ok(cidr_parse(str("::ffff:192.0.2.0/120"), &cidr, NULL) && !cidr.is_v6 && cidr.length == 24,
       "a mapped IPv4 network is one of IPv4");
    ok(!cidr_parse_address(str("10.0.0.0/8"), &cidr), "a network is no address");
}

static void test_random(void)
{
    struct cidr_rule rules[64], copy[64];
    struct cidr_set set;
    unsigned wrong = 0, found = 0;

    for (unsigned round = 0; round < 300; round++) {
        size_t n = round % 64;

        for (size_t i = 0; i < n; i++) {
            rules[i] = (struct cidr_rule){random_cidr(i % 2, 0), (uint8_t)(1 + random_u32() % 2)};
        }
        memcpy(copy, rules, sizeof(copy));
        cidr_set_build(&set, copy, n, alloc, NULL);
        for (unsigned i = 0; i < 200; i++) {
            struct cidr address = random_cidr(i % 2, i % 2 ? 128 : 32);

            if (i % 4 == 0 && n) { /* the edges of a prefix */
                address = rules[i % n].cidr;
                address.address |= i % 8 ? 0 : ~(cidr_bits)0 >> (address.length % 128);
            }
            uint8_t says = cidr_set_find(&set, &address);
            found += says != 0;
            wrong += says != find_slowly(rules, n, &address);
        }
        fini(&set);
    }
    ok(wrong == 0 && found > 1000, "the longest prefix, as when each is looked at (%u found)", found);
}

static void test_many(void)
{
    struct cidr_rule *rules = calloc(MANY, sizeof(*rules));
    struct cidr_set set;
    struct timespec a, b;
    unsigned sum = 0;

    for (size_t i = 0; i < MANY; i++) {
        rules[i] = (struct cidr_rule){random_cidr(false, 16), 1};
    }
    cidr_set_build(&set, rules, MANY, alloc, NULL);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (unsigned i = 0; i < 1000000; i++) {
        struct cidr address = {.address = (cidr_bits)random_u32() << 96, .length = 32};

        sum += cidr_set_find(&set, &address);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e6;
    ok(sum > 0 && ns < 5000, "%u networks: %.0f ns per look-up", MANY, ns);
    fini(&set);
    free(rules);
}

int main(void)
{
    test_texts();
    test_random();
    test_many();
    return done_testing();
}
