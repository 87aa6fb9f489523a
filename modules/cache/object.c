/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include "hash.h"
#include "words.h"

#define MAGIC UINT32_C(0x63726577)      /* "werc" */
#define TAIL_MAGIC UINT64_C(0x6c6961742d726577)

/* The texts follow in this order; then the packed fields. */
enum text {
    TEXT_KEY,
    TEXT_NAMES,
    TEXT_VALUES,
    TEXT_URL,
    TEXT_TAGS,
    TEXT_FIELDS,
    TEXT_COUNT
};

struct record {
    uint32_t magic;
    uint16_t version, status;
    uint32_t bytes;            /* all of it */
    uint32_t field_n;
    uint64_t check;            /* of all of it with this as 0 */
    uint64_t serial, body_n, body_check;
    struct freshness freshness;
    uint32_t text_n[TEXT_COUNT];
};

/* Before each packed field. */
struct packed {
    uint16_t id, name_n;
    uint32_t value_n;
};

struct tail {
    uint64_t magic;
    uint32_t record_n, inverse;
};

_Static_assert(sizeof(struct tail) == OBJECT_TAIL, "the tail's size is part of the format");

size_t object_pack(const weir_field *fields, size_t n, char *out, size_t size, uint32_t *packed)
{
    size_t at = 0;

    *packed = 0;
    for (size_t i = 0; i < n; i++) {
        const weir_field *field = &fields[i];
        size_t bytes = sizeof(struct packed) + field->name.n + field->value.n;

        if (field->name.n > UINT16_MAX || bytes > size - at) {
            return SIZE_MAX;
        }
        struct packed head = {(uint16_t)field->id, (uint16_t)field->name.n,
                              (uint32_t)field->value.n};
        memcpy(out + at, &head, sizeof(head));
        memcpy(out + at + sizeof(head), field->name.p, field->name.n);
        if (field->value.n) {
            memcpy(out + at + sizeof(head) + field->name.n, field->value.p, field->value.n);
        }
        at += bytes;
        (*packed)++;
    }
    return at;
}

bool object_field(const struct object *object, size_t *at, weir_field *field)
{
    struct packed head;

    if (object->fields.n - *at < sizeof(head)) {
        return false;
    }
    memcpy(&head, object->fields.p + *at, sizeof(head));
    *at += sizeof(head);
    if (object->fields.n - *at < (size_t)head.name_n + head.value_n) {
        return false;
    }
    *field = (weir_field){.name = {object->fields.p + *at, head.name_n},
                          .value = {object->fields.p + *at + head.name_n, head.value_n},
                          .id = head.id};
    *at += (size_t)head.name_n + head.value_n;
    return true;
}

static void list_texts(const struct object *object, weir_str texts[TEXT_COUNT])
{
    texts[TEXT_KEY] = object->key;
    texts[TEXT_NAMES] = object->names;
    texts[TEXT_VALUES] = object->values;
    texts[TEXT_URL] = object->url;
    texts[TEXT_TAGS] = object->tags;
    texts[TEXT_FIELDS] = object->fields;
}

size_t object_record_size(const struct object *object)
{
    weir_str texts[TEXT_COUNT];
    size_t bytes = sizeof(struct record);

    list_texts(object, texts);
    for (int i = 0; i < TEXT_COUNT; i++) {
        bytes += texts[i].n;
    }
    bytes = (bytes + 7) & ~(size_t)7;
    return bytes <= OBJECT_RECORD_MAX ? bytes : 0;
}

void object_encode(const struct object *object, char *out)
{
    size_t bytes = object_record_size(object);
    struct record record;
    weir_str texts[TEXT_COUNT];
    char *at = out + sizeof(record);

    memset(&record, 0, sizeof(record)); /* padding counts in the checksum */
    record.magic = MAGIC;
    record.version = OBJECT_VERSION;
    record.status = (uint16_t)object->status;
    record.bytes = (uint32_t)bytes;
    record.field_n = object->field_n;
    record.serial = object->serial;
    record.body_n = object->body_n;
    record.body_check = object->body_check;
    record.freshness.response_ms = object->freshness.response_ms;
    record.freshness.date_s = object->freshness.date_s;
    record.freshness.age_ms = object->freshness.age_ms;
    record.freshness.lifetime_s = object->freshness.lifetime_s;
    record.freshness.stale_while_revalidate_s = object->freshness.stale_while_revalidate_s;
    record.freshness.stale_if_error_s = object->freshness.stale_if_error_s;
    record.freshness.flags = object->freshness.flags;
    list_texts(object, texts);
    for (int i = 0; i < TEXT_COUNT; i++) {
        record.text_n[i] = (uint32_t)texts[i].n;
        if (texts[i].n) {
            memcpy(at, texts[i].p, texts[i].n);
        }
        at += texts[i].n;
    }
    memset(at, 0, (size_t)(out + bytes - at));
    memcpy(out, &record, sizeof(record));
    record.check = checksum_of(out, bytes);
    memcpy(out, &record, sizeof(record));
}

void object_tail(size_t n, char out[OBJECT_TAIL])
{
    struct tail tail = {TAIL_MAGIC, (uint32_t)n, ~(uint32_t)n};

    memcpy(out, &tail, sizeof(tail));
}

size_t object_tail_read(const char text[OBJECT_TAIL])
{
    struct tail tail;

    memcpy(&tail, text, sizeof(tail));
    if (tail.magic != TAIL_MAGIC || tail.inverse != ~tail.record_n ||
        tail.record_n > OBJECT_RECORD_MAX || tail.record_n < sizeof(struct record)) {
        return 0;
    }
    return tail.record_n;
}

void object_view(const char *text, struct object *object)
{
    struct record record;
    const char *at = text + sizeof(record);
    weir_str texts[TEXT_COUNT];

    memcpy(&record, text, sizeof(record));
    for (int i = 0; i < TEXT_COUNT; i++) {
        texts[i] = (weir_str){at, record.text_n[i]};
        at += record.text_n[i];
    }
    *object = (struct object){.status = record.status,
                              .serial = record.serial,
                              .body_n = record.body_n,
                              .body_check = record.body_check,
                              .freshness = record.freshness,
                              .key = texts[TEXT_KEY],
                              .names = texts[TEXT_NAMES],
                              .values = texts[TEXT_VALUES],
                              .url = texts[TEXT_URL],
                              .tags = texts[TEXT_TAGS],
                              .fields = texts[TEXT_FIELDS],
                              .field_n = record.field_n};
}

/* The checksum says that weir wrote it; that its parts fit together is still looked at, since
 * nothing else stands between a file and the process. */
static bool is_sound(const struct record *record, size_t n)
{
    size_t bytes = sizeof(*record);

    if (record->magic != MAGIC || record->version != OBJECT_VERSION || record->bytes != n ||
        record->status < 200 || record->status > 999) {
        return false;
    }
    for (int i = 0; i < TEXT_COUNT; i++) {
        if (record->text_n[i] > n - bytes) {
            return false;
        }
        bytes += record->text_n[i];
    }
    return true;
}

static bool has_all_fields(const struct object *object)
{
    weir_field field;
    size_t at = 0;
    uint32_t n = 0;

    while (object_field(object, &at, &field)) {
        n++;
    }
    return n == object->field_n && at == object->fields.n;
}

bool object_decode(const char *text, size_t n, struct object *object)
{
    static const uint64_t zero = 0;
    struct record record;
    struct checksum sum;

    if (n < sizeof(record)) {
        return false;
    }
    memcpy(&record, text, sizeof(record));
    if (!is_sound(&record, n)) {
        return false;
    }
    checksum_start(&sum);
    checksum_add(&sum, text, offsetof(struct record, check));
    checksum_add(&sum, &zero, sizeof(zero));
    checksum_add(&sum, text + offsetof(struct record, serial),
                 n - offsetof(struct record, serial));
    if (checksum_end(&sum) != record.check) {
        return false;
    }
    object_view(text, object);
    return has_all_fields(object);
}
