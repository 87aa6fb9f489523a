/* SPDX-License-Identifier: Apache-2.0 */
/* module/elf.h - reads one section of a shared object without running it. */
#ifndef MODULE_ELF_H
#define MODULE_ELF_H

#include <stddef.h>

/* Copies the text of section `name`, up to a NUL, into `out`. Returns its length, or -1 when the
 * file cannot be read, is no 64-bit ELF file of this byte order, or has no such section. Nothing
 * in the file is trusted. */
int elf_section_text(const char *path, const char *name, char *out, size_t size);

#endif
