/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and key sets: the first byte says which. A token that is good was signed by a key that is
 * known; what is not says why. A key set is read and freed. */
#include <stdlib.h>
#include <string.h>

#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char set[] =
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"b\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key *keys;
    const weir_str audience = {"shop", 4};
    const struct token_rules rules = {.algorithms = ~0u, .audience = &audience, .audience_n = 1};
    char error[200] = "";
    const char *why = NULL;
    json_t *claims;

    if (!keys && !(keys = keys_read(set, sizeof(set) - 1, error, sizeof(error)))) {
        abort();
    }
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    if (data[0] & 1) {
        keys_free(keys_read(text, size - 1, error, sizeof(error)));
        return 0;
    }
    if (token_check((weir_str){text, size - 1}, keys, &rules, 1, &claims, &why) == TOKEN_GOOD) {
        json_decref(claims);
    } else if (!why || claims) {
        abort();
    }
    return 0;
}
