/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <inttypes.h>

#include <weir/utf8.h>

#include "base/str.h"

static void put_string(FILE *out, weir_str s)
{
    fputc('"', out);
    while (s.n) {
        size_t n = weir_utf8_length(s.p, s.n);
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
