/* SPDX-License-Identifier: Apache-2.0 */
/* limit/siphash.h - SipHash-2-4: a hash with a secret, so that nobody can choose keys that share a
 * place in a table. */
#ifndef LIMIT_SIPHASH_H
#define LIMIT_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const unsigned char key[16], const void *p, size_t n);

#endif
