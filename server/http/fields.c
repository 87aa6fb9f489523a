/* SPDX-License-Identifier: Apache-2.0 */
#include "http/fields.h"

#include <string.h>

#include "base/str.h"

static const weir_str names[WEIR_F_COUNT] = {
#define FIELD_NAME(id, text) [WEIR_F_##id] = {text, sizeof(text) - 1},
    WEIR_KNOWN_FIELDS(FIELD_NAME)
#undef FIELD_NAME
};

/* Numbers by a small hash of the name; open addressing, filled at start. */
#define SLOTS 256
static uint8_t slots[SLOTS];

static unsigned slot_of(weir_str name)
{
    unsigned char first = (unsigned char)(name.p[0] | 0x20);
    unsigned char last = (unsigned char)(name.p[name.n - 1] | 0x20);
    unsigned char middle = (unsigned char)(name.p[name.n / 2] | 0x20);

    return ((unsigned)name.n * 7 + first * 31 + last * 13 + middle * 3) % SLOTS;
}

__attribute__((constructor)) static void fill_slots(void)
{
    for (uint32_t id = 1; id < WEIR_F_COUNT; id++) {
        unsigned slot = slot_of(names[id]);

        while (slots[slot]) {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = (uint8_t)id;
    }
}

uint32_t field_id(weir_str name)
{
    if (name.n < 2 || name.n > 32) {
        return 0;
    }
    for (unsigned slot = slot_of(name); slots[slot]; slot = (slot + 1) % SLOTS) {
        if (str_ieq(names[slots[slot]], name)) {
            return slots[slot];
        }
    }
    return 0;
}

weir_str field_name(uint32_t id)
{
    return names[id];
}

void fields_init(struct fields *fields, struct arena *arena)
{
    *fields = (struct fields){.arena = arena};
}

void fields_clear(struct fields *fields)
{
    fields->n = 0;
    memset(fields->first, 0, sizeof(fields->first));
}

static void note_first(struct fields *fields, uint32_t index)
{
    uint32_t id = fields->list[index].id;

    if (id && fields->first[id] == 0 && index < 254) {
        fields->first[id] = (uint8_t)(index + 1);
    }
}

static void index_again(struct fields *fields)
{
    memset(fields->first, 0, sizeof(fields->first));
    for (uint32_t i = 0; i < fields->n; i++) {
        note_first(fields, i);
    }
}

static void grow(struct fields *fields)
{
    uint32_t cap = fields->cap ? fields->cap * 2 : 24;
    weir_field *list = arena_alloc(fields->arena, cap * sizeof(*list));

    if (fields->n) {
        memcpy(list, fields->list, fields->n * sizeof(*list));
    }
    fields->list = list;
    fields->cap = cap;
}

void fields_add(struct fields *fields, uint32_t id, weir_str name, weir_str value, uint32_t flags)
{
    if (fields->n == fields->cap) {
        grow(fields);
    }
    fields->list[fields->n] =
        (weir_field){.name = name, .value = value, .id = id, .flags = flags};
    note_first(fields, fields->n++);
}

static bool is_named(const weir_field *field, uint32_t id, weir_str name)
{
    return id ? field->id == id : field->id == 0 && str_ieq(field->name, name);
}

static weir_field *find_from(const struct fields *fields, uint32_t from, uint32_t id,
                             weir_str name)
{
    for (uint32_t i = from; i < fields->n; i++) {
        if (is_named(&fields->list[i], id, name)) {
            return &fields->list[i];
        }
    }
    return NULL;
}

weir_field *fields_get(const struct fields *fields, uint32_t id)
{
    uint8_t first = fields->first[id];

    if (first) {
        return &fields->list[first - 1];
    }
    return fields->n > 254 ? find_from(fields, 254, id, (weir_str){0}) : NULL;
}

weir_field *fields_get_named(const struct fields *fields, weir_str name)
{
    uint32_t id = field_id(name);

    return id ? fields_get(fields, id) : find_from(fields, 0, 0, name);
}

weir_field *fields_next(const struct fields *fields, const weir_field *field)
{
    return find_from(fields, (uint32_t)(field - fields->list) + 1, field->id, field->name);
}

void fields_set(struct fields *fields, uint32_t id, weir_str name, weir_str value, uint32_t flags)
{
    weir_field *field = id ? fields_get(fields, id) : find_from(fields, 0, 0, name);

    if (!field) {
        fields_add(fields, id, name, value, flags);
        return;
    }
    while (fields_next(fields, field)) {
        weir_field *extra = fields_next(fields, field);
        uint32_t at = (uint32_t)(extra - fields->list);

        memmove(extra, extra + 1, (fields->n - at - 1) * sizeof(*extra));
        fields->n--;
        index_again(fields);
    }
    *field = (weir_field){.name = name, .value = value, .id = id, .flags = flags};
}

weir_field field_dup(struct arena *arena, const weir_field *field)
{
    weir_field copy = *field;

    copy.name = field->id ? field_name(field->id) : arena_dup(arena, field->name);
    copy.value = arena_dup(arena, field->value);
    return copy;
}

uint32_t fields_remove(struct fields *fields, uint32_t id, weir_str name)
{
    uint32_t kept = 0, n = fields->n;

    for (uint32_t i = 0; i < n; i++) {
        if (!is_named(&fields->list[i], id, name)) {
            if (kept != i) {
                fields->list[kept] = fields->list[i];
            }
            kept++;
        }
    }
    fields->n = kept;
    if (kept != n) {
        index_again(fields);
    }
    return n - kept;
}

bool field_is_hop_by_hop(uint32_t id)
{
    switch (id) {
    case WEIR_F_CONNECTION:
    case WEIR_F_KEEP_ALIVE:
    case WEIR_F_PROXY_CONNECTION:
    case WEIR_F_TRANSFER_ENCODING:
    case WEIR_F_TE:
    case WEIR_F_TRAILER:
    case WEIR_F_UPGRADE:
    case WEIR_F_PROXY_AUTHORIZATION:
    case WEIR_F_PROXY_AUTHENTICATE:
        return true;
    default:
        return false;
    }
}

bool field_name_is_valid(weir_str name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              (c && strchr(others, c)))) {
            return false;
        }
    }
    return name.n > 0;
}

#define EACH_BYTE 0x0101010101010101ULL

/* May one of the eight bytes be a control character? TAB is one, and all right: look closer then. */
static bool may_have_control(uint64_t w)
{
    uint64_t del = w ^ EACH_BYTE * 0x7f;

    return (((w - EACH_BYTE * 0x20) & ~w) | ((del - EACH_BYTE) & ~del)) & EACH_BYTE * 0x80;
}

static uint64_t eight_at(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return w;
}

/* All of at most eight bytes in one word, some of them twice. */
static uint64_t few_at(const char *p, size_t n)
{
    uint32_t first, last;

    if (n >= 4) {
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        return (uint64_t)first << 32 | last;
    }
    return EACH_BYTE * (unsigned char)p[0] ^ (uint64_t)(unsigned char)(p[0] ^ p[n / 2]) << 8 ^
           (uint64_t)(unsigned char)(p[0] ^ p[n - 1]) << 16;
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool has_control(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_control((unsigned char)p[i])) {
            return true;
        }
    }
    return false;
}

bool field_value_is_valid(weir_str value)
{
    const char *p = value.p;
    size_t n = value.n;

    for (; n > 8; p += 8, n -= 8) {
        if (may_have_control(eight_at(p)) && has_control(p, 8)) {
            return false;
        }
    }
    return n == 0 || !may_have_control(n == 8 ? eight_at(p) : few_at(p, n)) || !has_control(p, n);
}

weir_str fields_cookie(const struct fields *fields, weir_str name)
{
    for (const weir_field *f = fields_get(fields, WEIR_F_COOKIE); f; f = fields_next(fields, f)) {
        weir_str rest = f->value;

        while (rest.p) {
            weir_str value = str_trim(str_cut(&rest, ';'));
            weir_str key = value.n ? str_cut(&value, '=') : value;

            if (value.p && str_eq(key, name)) {
                return value;
            }
        }
    }
    return (weir_str){0};
}
