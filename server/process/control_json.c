/* SPDX-License-Identifier: Apache-2.0 */
#include "process/control_json.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "process/command.h"
#include "process/ipc.h"

/* ---- requests ---- */

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* The character if it comes next, blanks aside. */
static bool take(const char **p, char c)
{
    *p = skip_blanks(*p);
    if (**p != c) {
        return false;
    }
    (*p)++;
    return true;
}

static bool read_hex(const char **p, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, (*p)++) {
        unsigned char c = (unsigned char)**p;

        if (!isxdigit(c)) {
            return false;
        }
        *out = *out * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
}

/* What follows a backslash. Words have no use for characters beyond ASCII by number, nor for ends of
 * lines: such are refused. */
static bool read_escape(const char **p, char *out)
{
    unsigned code = 0;

    switch (*(*p)++) {
    case '"':
    case '\\':
    case '/':
        *out = (*p)[-1];
        return true;
    case 't':
        *out = '\t';
        return true;
    case 'u':
        *out = read_hex(p, &code) ? (char)code : '\0';
        return code >= 0x20 && code < 0x7f;
    default:
        return false;
    }
}

/* A string into `word`, which has room for the whole line. */
static bool read_string(const char **p, char *word)
{
    if (!take(p, '"')) {
        return false;
    }
    while (**p != '"') {
        if ((unsigned char)**p < 0x20) {
            return false;
        }
        if (**p != '\\') {
            *word++ = *(*p)++;
            continue;
        }
        (*p)++;
        if (!read_escape(p, word++)) {
            return false;
        }
    }
    (*p)++;
    *word = '\0';
    return true;
}

bool control_json_read(const char *line, char *command, size_t size, const char **error)
{
    static char word[IPC_TEXT];
    const char *p = line;

    command[0] = '\0';
    *error = "expected {\"command\": [\"WORD\", ...]} on one line";
    if (strlen(line) >= sizeof(word) || !take(&p, '{') || !read_string(&p, word) ||
        strcmp(word, "command") != 0 || !take(&p, ':') || !take(&p, '[')) {
        return false;
    }
    do {
        if (!read_string(&p, word)) {
            return false;
        }
        if (!command_append(command, size, word)) {
            *error = "the command is too long";
            return false;
        }
    } while (take(&p, ','));
    return take(&p, ']') && take(&p, '}') && *skip_blanks(p) == '\0';
}

/* ---- answers ---- */

static void write_lines(FILE *out, const char *text, size_t n)
{
    const char *end = text + n, *sep = "";

    fputs(",\"data\":[", out);
    while (text < end) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((eol ? eol : end) - text);

        fprintf(out, "%s%.*s", length ? sep : "", (int)length, text);
        sep = ",";
        text += length + 1;
    }
    fputc(']', out);
}

void control_json_write(FILE *out, bool fine, const char *text, size_t n)
{
    struct json json = {.out = out};

    json_open(&json, NULL, '{');
    json_bool(&json, "ok", fine);
    if (fine && n > 0 && text[0] == '{') {
        write_lines(out, text, n);
    } else {
        json_str(&json, fine ? "text" : "error", (weir_str){text, n});
    }
    json_close(&json, '}');
    fputc('\n', out);
}
