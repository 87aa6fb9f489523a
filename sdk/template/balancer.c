/* SPDX-License-Identifier: Apache-2.0 */
/* NAME - a balancer: peers one after another. */
#include <weir/module.h>

#include <stdlib.h>

struct turns {
    uint32_t n, next;
};

static void *turns_open(weir_peer *const *peers, uint32_t n)
{
    struct turns *turns = malloc(sizeof(*turns));

    (void)peers; /* weir_peer_info() tells their weight and load */
    if (turns) {
        *turns = (struct turns){.n = n, .next = 0};
    }
    return turns;
}

static void turns_close(void *state)
{
    free(state);
}

static weir_rc turns_pick(void *state, weir_req *req, const uint64_t *usable, uint32_t *index)
{
    struct turns *turns = state;

    (void)req;
    for (uint32_t i = 0; i < turns->n; i++) {
        uint32_t at = (turns->next + i) % turns->n;

        if (usable[at / 64] >> (at % 64) & 1) {
            turns->next = at + 1;
            *index = at;
            return WEIR_OK;
        }
    }
    return WEIR_NEXT;
}

static const weir_balancer_ops turns_ops = {
    .size = sizeof(turns_ops),
    .name = "NAME",
    .open = turns_open,
    .close = turns_close,
    .pick = turns_pick,
};

static const weir_balancer_ops *const balancers[] = {&turns_ops, NULL};

static const weir_module module = {
    WEIR_MODULE_HEAD("NAME", "0.1"),
    .doc = "A balancer: peers one after another.",
    .balancers = balancers,
};

WEIR_MODULE(NAME, 1, "balancer:NAME", module)
