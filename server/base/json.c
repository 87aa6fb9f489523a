/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <inttypes.h>

#include "base/str.h"

/* Bytes of the well-formed UTF-8 sequence at `s` (RFC 3629, 4); 0: there is none. */
static size_t utf8_length(weir_str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

    if (n > s.n) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    unsigned char second = n > 1 ? (unsigned char)s.p[1] : 0;
    bool is_bad = (c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
                  (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f);
    return is_bad ? 0 : n;
}

static void put_string(FILE *out, weir_str s)
{
    fputc('"', out);
    while (s.n) {
        size_t n = utf8_length(s);
        unsigned char c = (unsigned char)s.p[0];

        if (n == 0) {
            fputs("\\ufffd", out);
            n = 1;
        } else if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\u%04x", c);
        } else {
            fwrite(s.p, 1, n, out);
        }
        s = (weir_str){s.p + n, s.n - n};
    }
    fputc('"', out);
}

static void begin(struct json *json, const char *key)
{
    if (json->needs_comma) {
        fputc(',', json->out);
    }
    json->needs_comma = true;
    if (key) {
        put_string(json->out, str_from(key));
        fputc(':', json->out);
    }
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin(json, key);
    fputc(bracket, json->out);
    json->needs_comma = false;
}

void json_close(struct json *json, char bracket)
{
    fputc(bracket, json->out);
    json->needs_comma = true;
}

void json_str(struct json *json, const char *key, weir_str value)
{
    begin(json, key);
    put_string(json->out, value);
}

void json_text(struct json *json, const char *key, const char *value)
{
    if (value) {
        json_str(json, key, str_from(value));
        return;
    }
    begin(json, key);
    fputs("null", json->out);
}

void json_int(struct json *json, const char *key, int64_t value)
{
    begin(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
    begin(json, key);
    fputs(value ? "true" : "false", json->out);
}
