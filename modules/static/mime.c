/* SPDX-License-Identifier: Apache-2.0 */
#include "mime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIME_FILE "/etc/mime.types"
#define EXTENSION_MAX 15

struct mime {
    char extension[EXTENSION_MAX + 1]; /* lower case */
    const char *type;
};

/* What the web needs, sorted; asked when the system's table does not know. */
static const struct mime builtin[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"br", "application/x-brotli"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"deb", "application/vnd.debian.binary-package"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar"},
    {"iso", "application/x-iso9660-image"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown"},
    {"mjs", "text/javascript"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/opus"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"svgz", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ts", "video/mp2t"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain"},
    {"vtt", "text/vtt"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

static struct mime *system_types; /* sorted */
static size_t system_type_n;
static bool is_loaded;

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct mime *)a)->extension, ((const struct mime *)b)->extension);
}

/* Copies in lower case. False: it is no extension that we know of. */
static bool take_extension(const char *p, size_t n, struct mime *out)
{
    if (n == 0 || n > EXTENSION_MAX) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        out->extension[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
    }
    out->extension[n] = '\0';
    return true;
}

static void add(const char *extension, const char *type)
{
    struct mime mime = {.type = type};

    if (!take_extension(extension, strlen(extension), &mime)) {
        return;
    }
    if (system_type_n % 256 == 0) {
        struct mime *grown = realloc(system_types, (system_type_n + 256) * sizeof(*grown));

        if (!grown) {
            return;
        }
        system_types = grown;
    }
    system_types[system_type_n++] = mime;
}

/* "type/subtype  ext ext ..." */
static void add_line(char *line)
{
    static const char blank[] = " \t\r\n";
    char *save = NULL;
    char *type = NULL;

    line[strcspn(line, "#")] = '\0';
    for (char *word = strtok_r(line, blank, &save); word; word = strtok_r(NULL, blank, &save)) {
        if (word == line || !type) {
            type = NULL;
            char *rest = save + strspn(save, blank);

            /* Types without extensions are most of the file: no memory for those. */
            if (*rest == '\0' || !(type = strdup(word))) {
                return;
            }
            continue;
        }
        add(word, type);
    }
}

void mime_load(void)
{
    if (is_loaded) {
        return;
    }
    is_loaded = true;
    FILE *file = fopen(MIME_FILE, "re");
    if (!file) {
        return;
    }
    char line[1024];
    while (fgets(line, sizeof(line), file)) {
        add_line(line);
    }
    fclose(file);
    if (system_type_n) {
        qsort(system_types, system_type_n, sizeof(*system_types), compare);
    }
}

weir_str mime_type(weir_str path)
{
    struct mime wanted;
    size_t dot = path.n;
    const struct mime *found = NULL;

    while (dot > 0 && path.p[dot - 1] != '.' && path.p[dot - 1] != '/') {
        dot--;
    }
    if (dot > 0 && path.p[dot - 1] == '.' && take_extension(path.p + dot, path.n - dot, &wanted)) {
        if (system_type_n) {
            found = bsearch(&wanted, system_types, system_type_n, sizeof(wanted), compare);
        }
        if (!found) {
            found = bsearch(&wanted, builtin, sizeof(builtin) / sizeof(builtin[0]), sizeof(wanted),
                            compare);
        }
    }
    if (!found) {
        return WEIR_STR("application/octet-stream");
    }
    return (weir_str){found->type, strlen(found->type)};
}
