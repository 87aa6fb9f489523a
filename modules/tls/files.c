/* SPDX-License-Identifier: Apache-2.0 */
/* files.c - a message is the number, and then for each file: length of its path, length of its
 * contents, the path, the contents. */
#include "files.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (16L << 20) /* bytes of one that are sent */

static const unsigned char *received; /* NULL: files are on disk */
static size_t received_n;

/* ---- a message ---- */

struct entry {
    uint32_t path_n, n;
};

static BIO *find_received(const char *path)
{
    const unsigned char *p = received, *end = received + received_n;
    struct entry entry;

    while ((size_t)(end - p) >= sizeof(entry)) {
        memcpy(&entry, p, sizeof(entry));
        p += sizeof(entry);
        if ((uint64_t)entry.path_n + entry.n > (uint64_t)(end - p)) {
            break;
        }
        if (entry.path_n == strlen(path) && memcmp(p, path, entry.path_n) == 0) {
            return BIO_new_mem_buf(p + entry.path_n, (int)entry.n);
        }
        p += entry.path_n + entry.n;
    }
    errno = ENOENT;
    return NULL;
}

BIO *files_open(const char *path)
{
    return received ? find_received(path) : BIO_new_file(path, "r");
}

bool files_receive(const void *bytes, size_t n, uint32_t *id)
{
    if (n < sizeof(*id)) {
        return false;
    }
    memcpy(id, bytes, sizeof(*id));
    received = (const unsigned char *)bytes + sizeof(*id);
    received_n = n - sizeof(*id);
    return true;
}

void files_forget(void)
{
    received = NULL;
}

static void add_file(BIO *message, weir_str path)
{
    BIO *file = BIO_new_file(path.p, "r");
    BIO *contents = BIO_new(BIO_s_secmem()); /* it may be a key: wiped when it is freed */
    char part[4096];
    int got;

    while (file && (got = BIO_read(file, part, sizeof(part))) > 0 &&
           BIO_pending(contents) < FILE_MAX) {
        BIO_write(contents, part, got);
    }
    char *p = NULL;
    long n = BIO_get_mem_data(contents, &p);
    const struct entry entry = {(uint32_t)path.n, (uint32_t)n};
    BIO_write(message, &entry, sizeof(entry));
    BIO_write(message, path.p, (int)path.n);
    BIO_write(message, p, (int)n);
    OPENSSL_cleanse(part, sizeof(part));
    BIO_free(contents);
    BIO_free(file);
}

void files_send(uint32_t id, const weir_str *paths, size_t n)
{
    BIO *message = BIO_new(BIO_s_secmem());
    char *p = NULL;

    BIO_write(message, &id, sizeof(id));
    for (size_t i = 0; i < n; i++) {
        if (paths[i].n) {
            add_file(message, paths[i]);
        }
    }
    long bytes = BIO_get_mem_data(message, &p);
    weir_tell_workers(p, (size_t)bytes);
    BIO_free(message);
}

/* ---- on disk ---- */

static uint64_t mix(uint64_t state, uint64_t value)
{
    return (state ^ value) * 0x9e3779b97f4a7c15u + (state >> 29);
}

uint64_t files_state(const weir_str *paths, size_t n)
{
    uint64_t state = 1;
    struct stat st;

    for (size_t i = 0; i < n; i++) {
        if (paths[i].n == 0 || stat(paths[i].p, &st) != 0) {
            state = mix(state, 0);
            continue;
        }
        state = mix(state, st.st_ino);
        state = mix(state, (uint64_t)st.st_size);
        state = mix(state, (uint64_t)st.st_mtim.tv_sec);
        state = mix(state, (uint64_t)st.st_mtim.tv_nsec);
        state = mix(state, (uint64_t)st.st_ctim.tv_nsec);
    }
    return state;
}
