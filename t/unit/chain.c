/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include "base/chain.h"

static int unrefs;

static void count_unref(void *arg)
{
    (void)arg;
    unrefs++;
}

int main(void)
{
    struct weir_chain a = {0}, b = {0};
    struct buf *buf = buf_create();
    char out[32];

    memcpy(buf->data, "abcdefgh", 8);
    buf->used = 8;
    chain_add_buf(&a, buf, buf->data, 4);
    chain_add_buf(&a, buf, buf->data + 4, 4);
    ok(a.bytes == 8 && a.first == a.last, "adjacent slices are one link");
    chain_add_ref(&a, "XYZ", 3, count_unref, NULL);
    ok(chain_move(&b, &a, 5) == 5 && a.bytes == 6 && b.bytes == 5, "a move may split a slice");
    ok(chain_peek(&b, out, 32) == 5 && memcmp(out, "abcde", 5) == 0, "what was moved");
    ok(chain_peek(&a, out, 32) == 6 && memcmp(out, "fghXYZ", 6) == 0, "what was left");
    chain_drop(&a, 4);
    ok(unrefs == 0 && a.bytes == 2, "a dropped part keeps its reference");
    chain_drop(&a, 2);
    ok(unrefs == 1 && chain_is_empty(&a) && !a.first, "the last byte gives it back");
    chain_add_copy(&a, "one", 3);
    chain_add_copy(&a, "two", 3);
    ok(chain_peek(&a, out, 32) == 6 && memcmp(out, "onetwo", 6) == 0, "copies");
    chain_add_ref(&a, "", 0, count_unref, NULL);
    ok(unrefs == 2 && a.bytes == 6, "nothing is appended as nothing");
    chain_clear(&a);
    chain_clear(&b);
    ok(buf->refs == 1, "the buffer is only ours again");
    buf_release(buf);
    return done_testing();
}
