/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of an htpasswd file: those that are taken can be checked, without end or fault. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "password.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Some are slow on purpose: those are not tried. */
static bool is_fast(const char *hash)
{
    return strncmp(hash, "{SHA}", 5) == 0 || strncmp(hash, "$apr1$", 6) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *hash = malloc(size + 1);

    if (!hash) {
        return 0;
    }
    memcpy(hash, data, size);
    hash[size] = '\0';
    if (!password_hash_fault(hash) && is_fast(hash)) {
        password_matches(hash, "password");
    }
    free(hash);
    return 0;
}
