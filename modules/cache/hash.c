/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"

#include <string.h>

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline uint64_t word_at(const unsigned char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return w;
}

/* ---- SipHash ---- */

struct sip {
    uint64_t v[4];
    uint64_t word; /* the bytes of a word that is not complete */
    uint64_t n;
};

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v[3] ^= word;
    sip_round(s->v);
    s->v[0] ^= word;
}

static void sip_add(struct sip *s, weir_str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t i = 0;

    for (; i < text.n && s->n % 8; i++) {
        s->word |= (uint64_t)p[i] << 8 * (s->n++ % 8);
        if (s->n % 8 == 0) {
            sip_word(s, s->word);
            s->word = 0;
        }
    }
    for (; text.n - i >= 8; i += 8) {
        sip_word(s, word_at(p + i));
        s->n += 8;
    }
    for (; i < text.n; i++) {
        s->word |= (uint64_t)p[i] << 8 * (s->n++ % 8);
    }
}

struct id id_of(weir_str key, weir_str values)
{
    const uint64_t k0 = UINT64_C(0x7765697220636163), k1 = UINT64_C(0x6865206b65792031);
    struct sip s = {.v = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                          k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)}};
    struct id id;

    sip_add(&s, key);
    if (values.n) {
        sip_add(&s, WEIR_STR("\n")); /* no key holds one */
        sip_add(&s, values);
    }
    sip_word(&s, s.word | s.n << 56);
    s.v[2] ^= 0xee;
    for (int i = 0; i < 3; i++) {
        sip_round(s.v);
    }
    id.w[0] = s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
    s.v[1] ^= 0xdd;
    for (int i = 0; i < 3; i++) {
        sip_round(s.v);
    }
    id.w[1] = s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
    return id;
}

void id_format(struct id id, char out[ID_TEXT])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < ID_TEXT; i++) {
        out[i] = digits[id.w[i / 16] >> (60 - i % 16 * 4) & 15];
    }
}

bool id_parse(weir_str text, struct id *id)
{
    *id = (struct id){{0, 0}};
    for (size_t i = 0; i < text.n && i < ID_TEXT; i++) {
        char c = text.p[i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;

        if (digit > 15) {
            return false;
        }
        id->w[i / 16] = id->w[i / 16] << 4 | digit;
    }
    return text.n == ID_TEXT;
}

/* ---- checksums: four lanes, each a chain of steps that can be undone, so that no change of a
 * single word gets lost ---- */

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t step(uint64_t lane, uint64_t word)
{
    return (rotate(lane, 29) ^ word) * MULTIPLIER;
}

static const unsigned char *stripes(struct checksum *c, const unsigned char *p, size_t n)
{
    uint64_t a = c->lane[0], b = c->lane[1], d = c->lane[2], e = c->lane[3];

    for (; n >= 32; n -= 32, p += 32) {
        a = step(a, word_at(p));
        b = step(b, word_at(p + 8));
        d = step(d, word_at(p + 16));
        e = step(e, word_at(p + 24));
    }
    c->lane[0] = a;
    c->lane[1] = b;
    c->lane[2] = d;
    c->lane[3] = e;
    return p;
}

void checksum_start(struct checksum *c)
{
    *c = (struct checksum){.lane = {MULTIPLIER, ~MULTIPLIER, MULTIPLIER << 1, MULTIPLIER >> 1}};
}

void checksum_add(struct checksum *c, const void *p_, size_t n)
{
    const unsigned char *p = p_, *end = p + n;
    size_t held = c->n % 32;

    if (n == 0) {
        return;
    }
    c->n += n;
    if (held) {
        size_t fill = n < 32 - held ? n : 32 - held;

        memcpy(c->rest + held, p, fill);
        p += fill;
        if (held + fill < 32) {
            return;
        }
        stripes(c, c->rest, 32);
    }
    p = stripes(c, p, (size_t)(end - p));
    memcpy(c->rest, p, (size_t)(end - p));
}

uint64_t checksum_end(const struct checksum *c)
{
    struct checksum last = *c;
    size_t held = c->n % 32;

    memset(last.rest + held, 0, 32 - held);
    stripes(&last, last.rest, 32);
    uint64_t sum = c->n;
    for (int i = 0; i < 4; i++) {
        sum = step(sum, last.lane[i]);
        sum ^= sum >> 32;
    }
    return sum;
}

uint64_t checksum_of(const void *p, size_t n)
{
    struct checksum c;

    checksum_start(&c);
    checksum_add(&c, p, n);
    return checksum_end(&c);
}
