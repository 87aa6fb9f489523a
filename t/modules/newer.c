/* SPDX-License-Identifier: Apache-2.0 */
/* newer.c - needs an ABI that no weir has yet; its constructor must never run. */
#include <stdio.h>
#include <weir/module.h>

__attribute__((constructor)) static void run(void)
{
    fputs("newer.so: its code ran\n", stderr);
}

static const weir_module module = {WEIR_MODULE_HEAD("newer", "1"), .doc = "Is never loaded.",
                                   .scopes = WEIR_S_SITE};

WEIR_MODULE(newer, 999, "", module)
