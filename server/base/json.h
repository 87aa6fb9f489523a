/* SPDX-License-Identifier: Apache-2.0 */
/* base/json.h - writes JSON (RFC 8259) to a stream, on one line: commas and escapes are its
 * business, well-nested calls are the caller's. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdio.h>

#include <weir/types.h>

struct json {
    FILE *out;
    bool needs_comma;
};

/* `key` is a member's name in an object; NULL in an array and for the whole. */
void json_open(struct json *json, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *json, char bracket);                 /* '}' or ']' */
/* Bytes that are not UTF-8 become U+FFFD. */
void json_str(struct json *json, const char *key, weir_str value);
void json_text(struct json *json, const char *key, const char *value); /* NULL: null */
void json_int(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, bool value);

#endif
