/* SPDX-License-Identifier: Apache-2.0 */
/* What proxies say of clients: every slice lies in what went in, and PROXY takes no more than came. */
#include <stdlib.h>
#include <string.h>

#include "forwarded.h"
#include "proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct hops *hops, weir_str all)
{
    if (hops->n > HOPS_MAX) {
        abort();
    }
    for (size_t i = 0; i < hops->n; i++) {
        const weir_str *addr = &hops->list[i].addr, *proto = &hops->list[i].proto;

        if (addr->n && (addr->p < all.p || addr->p + addr->n > all.p + all.n)) {
            abort();
        }
        if (proto->n && (proto->p < all.p || proto->p + proto->n > all.p + all.n)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str all = {(const char *)data, size};
    struct proxy_header header;
    struct hops hops = {0};
    size_t half = size / 2;

    hops_add_x_forwarded_for(&hops, all);
    check(&hops, all);
    hops_add_forwarded(&hops, (weir_str){all.p, half});
    hops_add_forwarded(&hops, (weir_str){all.p + half, size - half});
    check(&hops, all);
    switch (proxy_header_parse(all, &header)) {
    case PROXY_HEADER_ADDR:
        if (header.addr_n == 0 || header.addr_n >= sizeof(header.addr) ||
            strlen(header.addr) != header.addr_n) {
            abort();
        }
        /* fall through */
    case PROXY_HEADER_OWN:
        if (header.used == 0 || header.used > size) {
            abort();
        }
        break;
    default:
        break;
    }
    return 0;
}
