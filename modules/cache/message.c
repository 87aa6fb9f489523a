/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include "words.h"

bool message_get(const struct message *m, uint32_t id, weir_str *value)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->fields[i].id == id) {
            *value = m->fields[i].value;
            return true;
        }
    }
    *value = (weir_str){NULL, 0};
    return false;
}

bool message_named(const struct message *m, weir_str name, weir_str *value)
{
    for (size_t i = 0; i < m->n; i++) {
        if (word_iis(m->fields[i].name, name)) {
            *value = m->fields[i].value;
            return true;
        }
    }
    *value = (weir_str){NULL, 0};
    return false;
}

size_t message_count(const struct message *m, uint32_t id)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++) {
        n += m->fields[i].id == id;
    }
    return n;
}

bool message_joined(const struct message *m, weir_str name, char *out, size_t size, weir_str *value)
{
    size_t at = 0, lines = 0;

    *value = (weir_str){NULL, 0};
    for (size_t i = 0; i < m->n; i++) {
        weir_str line = m->fields[i].value;

        if (!word_iis(m->fields[i].name, name)) {
            continue;
        }
        if (lines++ == 0) {
            *value = line;
            continue;
        }
        if (lines == 2) { /* only now the first one has to be copied */
            if (value->n > size) {
                return false;
            }
            memcpy(out, value->p, value->n);
            at = value->n;
        }
        if (line.n + 2 > size - at) {
            return false;
        }
        memcpy(out + at, ", ", 2);
        memcpy(out + at + 2, line.p, line.n);
        at += line.n + 2;
        *value = (weir_str){out, at};
    }
    return lines > 0;
}
