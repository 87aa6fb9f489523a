/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies cut at every place, for every coding, by the target that is fuzzed: it aborts when a
 * decoder makes something else of it. */
#include <stddef.h>
#include <stdint.h>

#include "tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(void)
{
    static const char *const names[] = {"gzip", "br", "zstd"};
    uint8_t input[3 + 250];

    for (unsigned coding = 0; coding < 6; coding++) {
        for (size_t i = 0; i < sizeof(input) - 3; i++) {
            input[3 + i] = (uint8_t)("abcabcabd"[i % 9] + (i % 37 == 0 ? (int)i : 0));
        }
        for (unsigned piece = 1; piece < 252; piece++) {
            input[0] = (uint8_t)(coding < 3 ? coding : 0x81 + coding % 3); /* 0x81 % 3 is 0 */
            input[1] = (uint8_t)piece;
            input[2] = (uint8_t)(piece % 7 + 1);
            LLVMFuzzerTestOneInput(input, sizeof(input));
        }
        ok(true, "%s, cut into pieces of 1 to 251 bytes%s", names[coding % 3],
           coding < 3 ? "" : ", each flushed");
    }
    return done_testing();
}
