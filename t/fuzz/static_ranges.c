/* SPDX-License-Identifier: Apache-2.0 */
/* Range fields and quality values: what comes out lies within the file, and is not more than it. */
#include <stdlib.h>

#include <weir/accept.h>

#include "ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {0, 1, 10, 4096, UINT64_MAX >> 1};
    weir_str field = {(const char *)data, size};
    struct range ranges[RANGES_MAX];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int n = ranges_parse(field, sizes[i], ranges);
        uint64_t total = 0;

        if (n > RANGES_MAX || n < RANGES_BAD) {
            abort();
        }
        for (int k = 0; k < n; k++) {
            if (ranges[k].first > ranges[k].last || ranges[k].last >= sizes[i]) {
                abort();
            }
            total += ranges[k].last - ranges[k].first + 1;
        }
        if (n > 0 && total > sizes[i]) {
            abort();
        }
    }
    int q = weir_quality_of(field, "gzip");
    if (q < -1 || q > 1000) {
        abort();
    }
    return 0;
}
