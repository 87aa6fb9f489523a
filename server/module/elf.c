/* SPDX-License-Identifier: Apache-2.0 */
#include "module/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DATA_HERE ELFDATA2LSB
#else
#define DATA_HERE ELFDATA2MSB
#endif

struct image {
    const unsigned char *bytes;
    size_t size;
};

static bool holds(const struct image *image, uint64_t off, uint64_t n)
{
    return off <= image->size && n <= image->size - off;
}

static bool read_section(const struct image *image, const Elf64_Ehdr *head, uint32_t index,
                         Elf64_Shdr *out)
{
    uint64_t off = head->e_shoff + (uint64_t)index * sizeof(*out);

    if (head->e_shoff > image->size || !holds(image, off, sizeof(*out))) {
        return false;
    }
    memcpy(out, image->bytes + off, sizeof(*out));
    return true;
}

static bool is_named(const struct image *image, const Elf64_Shdr *names, uint32_t at,
                     const char *name)
{
    size_t n = strlen(name) + 1;

    return at < names->sh_size && n <= names->sh_size - at &&
           holds(image, names->sh_offset, names->sh_size) &&
           memcmp(image->bytes + names->sh_offset + at, name, n) == 0;
}

static int find_text(const struct image *image, const char *name, char *out, size_t size)
{
    Elf64_Shdr names, section;
    Elf64_Ehdr head;

    if (!holds(image, 0, sizeof(head))) {
        return -1;
    }
    memcpy(&head, image->bytes, sizeof(head));
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_ident[EI_DATA] != DATA_HERE || head.e_shentsize != sizeof(section) ||
        !read_section(image, &head, head.e_shstrndx, &names)) {
        return -1;
    }
    for (uint32_t i = 0; i < head.e_shnum; i++) {
        if (!read_section(image, &head, i, &section) ||
            !is_named(image, &names, section.sh_name, name) || section.sh_type == SHT_NOBITS ||
            !holds(image, section.sh_offset, section.sh_size)) {
            continue;
        }
        size_t n = strnlen((const char *)image->bytes + section.sh_offset, section.sh_size);
        if (n >= size) {
            return -1;
        }
        memcpy(out, image->bytes + section.sh_offset, n);
        out[n] = '\0';
        return (int)n;
    }
    return -1;
}

int elf_section_text(const char *path, const char *name, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int n = -1;

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        struct image image = {.size = (size_t)st.st_size};
        void *bytes = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (bytes != MAP_FAILED) {
            image.bytes = bytes;
            n = find_text(&image, name, out, size);
            munmap(bytes, image.size);
        }
    }
    close(fd);
    return n;
}
