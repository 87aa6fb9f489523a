/* SPDX-License-Identifier: Apache-2.0 */
/* module/account.h - what modules cost: calls, errors, and their own time, estimated from one call in 64.
 * While a call is timed, those into other modules, and back into the host, are timed as well and taken
 * off; so a figure tells what leaving that module out would save. */
#ifndef MODULE_ACCOUNT_H
#define MODULE_ACCOUNT_H

#include <stdint.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/running.h"

#define ACCOUNT_SAMPLED 64 /* one call in so many is timed */

/* The numbers of metrics; 0: it is not counted. */
struct account {
    uint32_t calls, errors, usec, suspended_ms;
};

/* What a module is called for, hooks aside; their accounts are the plans'. */
enum account_kind {
    ACCOUNT_BODY,      /* pull(): more of a body that it makes */
    ACCOUNT_TRANSPORT, /* handshakes, records */
    ACCOUNT_CODEC,     /* frames */
    ACCOUNT_BALANCER,
    ACCOUNT_VARIABLE,
    ACCOUNT_CALLBACK,  /* timers, descriptors, fetches, work off the loop that is done */
    ACCOUNT_COUNT
};

struct account_call {
    const struct module *outer;
    const struct account *account;
    uint64_t since_us;     /* 0: it is not timed */
    uint64_t elsewhere_us; /* of the call around it */
    bool is_sample;
};

extern uint32_t account_timed;         /* calls that are being timed, each within the one before */
extern uint64_t account_elsewhere_us;  /* of the innermost: spent in what it called */

/* From here on `module` runs; NULL: the host, called back by one. `account` is where that is counted;
 * NULL: nowhere. What it returns goes to account_leave(). */
static inline struct account_call account_enter(const struct module *module,
                                                const struct account *account)
{
    struct account_call call = {.outer = module_running, .account = account};

    module_running = module;
    if (account) {
        call.is_sample = account->calls && metric_cells[account->calls] % ACCOUNT_SAMPLED == 0;
        metric_count(account->calls, 1);
    }
    if (call.is_sample || account_timed) {
        account_timed++;
        call.elsewhere_us = account_elsewhere_us;
        account_elsewhere_us = 0;
        call.since_us = clock_us();
    }
    return call;
}

static inline void account_leave(const struct account_call *call)
{
    module_running = call->outer;
    if (call->since_us == 0) {
        return;
    }
    uint64_t took_us = clock_us() - call->since_us;

    if (call->is_sample && took_us > account_elsewhere_us) {
        metric_count(call->account->usec, (int64_t)(took_us - account_elsewhere_us) * ACCOUNT_SAMPLED);
    }
    account_elsewhere_us = call->elsewhere_us + took_us;
    account_timed--;
}

#endif
