/* SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include "words.h"

/* The body stays, and with it what describes it byte by byte. */
static bool describes_body(const weir_field *field)
{
    return field->id == WEIR_F_CONTENT_LENGTH || field->id == WEIR_F_CONTENT_ENCODING ||
           field->id == WEIR_F_CONTENT_RANGE || field->id == WEIR_F_TRANSFER_ENCODING;
}

static bool has(const struct message *fresh, weir_str name)
{
    for (size_t i = 0; i < fresh->n; i++) {
        if (word_iis(fresh->fields[i].name, name)) {
            return true;
        }
    }
    return false;
}

size_t update_fields(const struct message *stored, const struct message *fresh, weir_field *out)
{
    size_t n = 0;

    for (size_t i = 0; i < stored->n; i++) {
        const weir_field *field = &stored->fields[i];

        if (describes_body(field) || !has(fresh, field->name)) {
            out[n++] = *field;
        }
    }
    for (size_t i = 0; i < fresh->n; i++) {
        if (!describes_body(&fresh->fields[i])) {
            out[n++] = fresh->fields[i];
        }
    }
    return n;
}
