/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to checks, by HTTP and by gRPC, as they come bit by bit: whatever a peer sends is judged
 * without reading behind it, and what was judged bad has a reason. */
#include <stdlib.h>
#include <string.h>

#include "health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t expect[] = {UINT64_MAX, UINT64_MAX >> 1, 0, 0, 0, 0, 0, 0};
    weir_health_check about = {
        .size = sizeof(about), .host = WEIR_STR("a"), .path = WEIR_STR("/"), .expect = expect};
    struct check check = {.about = &about};
    enum verdict verdict = VERDICT_MORE;

    if (size < 2) {
        return 0;
    }
    bool is_grpc = data[0] & 1;
    size_t step = (size_t)(data[0] >> 1) + 1, n = size - 1;
    about.body = data[0] & 2 ? WEIR_STR("well") : WEIR_STR("");
    bool asked = is_grpc ? grpc_ask(&check) : http_ask(&check);
    for (size_t at = 0; asked && verdict == VERDICT_MORE && at < n;) {
        at = at + step < n ? at + step : n;
        check.in = malloc(at); /* exact, so that a read behind the end is seen */
        memcpy(check.in, data + 1, at);
        check.in_n = at;
        check.ended = at == n;
        verdict = is_grpc ? grpc_judge(&check) : http_judge(&check);
        free(check.in);
    }
    if (verdict == VERDICT_BAD && check.why[0] == '\0') {
        abort();
    }
    free(check.out);
    return 0;
}
