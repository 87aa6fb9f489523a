/* SPDX-License-Identifier: Apache-2.0 */
/* Stored records: damaged ones are refused, and nothing outside of one is read. The checksum would
 * stop nearly everything at the door, so each input is tried with a right one, too. */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK_AT 16 /* where the checksum is */

static void look(const char *record, size_t n)
{
    struct object object;
    weir_field field;
    size_t at = 0;
    uint32_t fields = 0;

    if (!object_decode(record, n, &object)) {
        return;
    }
    const weir_str texts[] = {object.key, object.names, object.values,
                              object.url, object.tags,  object.fields};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].p < record || texts[i].p + texts[i].n > record + n) {
            abort();
        }
    }
    while (object_field(&object, &at, &field)) {
        if (field.name.p < record || field.value.p + field.value.n > record + n) {
            abort();
        }
        fields++;
    }
    if (fields != object.field_n) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    if (size >= OBJECT_TAIL) {
        object_tail_read(text + size - OBJECT_TAIL);
    }
    look(text, size);
    if (size < CHECK_AT + 8) {
        return 0;
    }
    char *copy = malloc(size);
    memcpy(copy, data, size);
    memset(copy + CHECK_AT, 0, 8);
    uint64_t check = checksum_of(copy, size);
    memcpy(copy + CHECK_AT, &check, sizeof(check));
    look(copy, size);
    free(copy);
    return 0;
}
