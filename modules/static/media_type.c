/* SPDX-License-Identifier: Apache-2.0 */
/* media_type.c - from a file's name to its type: /etc/mime.types, and a table for what is common
 * where that is missing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "file_cache.h"

#define SLOTS 4096

struct entry {
    struct entry *next;
    const char *extension;
    weir_str type;
};

static struct entry *slots[SLOTS];

static unsigned slot_of(const char *extension, size_t n)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ ((unsigned char)extension[i] | 0x20)) * 16777619u;
    }
    return hash % SLOTS;
}

static const struct entry *find(const char *extension, size_t n)
{
    for (const struct entry *e = slots[slot_of(extension, n)]; e; e = e->next) {
        if (strlen(e->extension) == n && strncasecmp(e->extension, extension, n) == 0) {
            return e;
        }
    }
    return NULL;
}

static void add(const char *extension, const char *type)
{
    unsigned slot = slot_of(extension, strlen(extension));
    struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry || find(extension, strlen(extension))) {
        free(entry);
        return;
    }
    entry->extension = strdup(extension);
    entry->type = (weir_str){type, strlen(type)};
    entry->next = slots[slot];
    slots[slot] = entry;
}

/* These come first: what browsers expect, whatever the system's file says. */
static void add_common(void)
{
    static const char *const common[][2] = {
        {"html", "text/html"},        {"htm", "text/html"},
        {"css", "text/css"},          {"js", "text/javascript"},
        {"mjs", "text/javascript"},   {"json", "application/json"},
        {"map", "application/json"},  {"xml", "application/xml"},
        {"txt", "text/plain"},        {"md", "text/markdown"},
        {"svg", "image/svg+xml"},     {"png", "image/png"},
        {"jpg", "image/jpeg"},        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},         {"webp", "image/webp"},
        {"avif", "image/avif"},       {"ico", "image/vnd.microsoft.icon"},
        {"woff", "font/woff"},        {"woff2", "font/woff2"},
        {"ttf", "font/ttf"},          {"otf", "font/otf"},
        {"pdf", "application/pdf"},   {"wasm", "application/wasm"},
        {"mp4", "video/mp4"},         {"webm", "video/webm"},
        {"mp3", "audio/mpeg"},        {"gz", "application/gzip"},
        {"zip", "application/zip"},   {"webmanifest", "application/manifest+json"},
    };

    for (size_t i = 0; i < WEIR_COUNT(common); i++) {
        add(common[i][0], common[i][1]);
    }
}

/* Lines of "type extension extension ...". */
static void add_system(void)
{
    FILE *file = fopen("/etc/mime.types", "re");
    char line[1024];

    while (file && fgets(line, sizeof(line), file)) {
        char *rest = NULL;
        char *type = strtok_r(line, " \t\r\n", &rest);
        char *extension;

        if (!type || type[0] == '#') {
            continue;
        }
        type = strdup(type);
        while (type && (extension = strtok_r(NULL, " \t\r\n", &rest))) {
            add(extension, type);
        }
    }
    if (file) {
        fclose(file);
    }
}

weir_str media_type(weir_str path)
{
    static bool filled;
    size_t at = path.n;

    if (!filled) {
        filled = true;
        add_common();
        add_system();
    }
    while (at > 0 && path.p[at - 1] != '.' && path.p[at - 1] != '/') {
        at--;
    }
    const struct entry *entry = at > 0 && path.p[at - 1] == '.' ? find(path.p + at, path.n - at)
                                                                 : NULL;
    return entry ? entry->type : WEIR_STR("application/octet-stream");
}
