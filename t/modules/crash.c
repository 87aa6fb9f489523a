/* SPDX-License-Identifier: Apache-2.0 */
/* crash.c - what a faulty module may do to its worker: the option says which. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <weir/module.h>

enum mode {
    MODE_NULL,
    MODE_ABORT,
    MODE_EXIT,
    MODE_SPIN,
    MODE_STACK,
    MODE_NONSENSE,
    MODE_LEAK,
    MODE_LOCK, /* dies with the lock */
    MODE_UNLOCK, /* takes it and gives it back */
    MODE_SLOW    /* holds the loop for 20 ms */
};
static const char *const modes[] = {"null",     "abort", "exit", "spin",   "stack",
                                    "nonsense", "leak",  "lock", "unlock", "slow", NULL};

struct conf {
    uint32_t mode;
    weir_zone *zone;
};

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    conf->zone = weir_cfg_zone(cfg, "crash", 4096, 1, 1);
}

/* A little more with each request, all of it used, until there is none. */
static void leak(void)
{
    enum { PIECE = 8 * 1024 * 1024 };
    volatile char *piece = malloc(PIECE);

    for (size_t i = 0; i < PIECE; i += 4096) {
        piece[i] = 1;
    }
}

static weir_rc use_lock(const struct conf *conf)
{
    if (weir_zone_lock(conf->zone, 0) == WEIR_GONE) {
        weir_log(WEIR_LOG_WARN, NULL, "the lock's owner had died: repaired");
    }
    if (conf->mode == MODE_LOCK) {
        raise(SIGKILL);
    }
    weir_zone_unlock(conf->zone, 0);
    return WEIR_NEXT;
}

static const weir_opt options[] = {
    {.name = "mode", .type = WEIR_T_ENUM, .names = modes, .offset = offsetof(struct conf, mode)},
};

/* Deeper and deeper; the compiler must not see through it. */
static int overflow(volatile int *n)
{
    volatile int room[4096];

    room[0] = *n + 1;
    return overflow(room) + room[1];
}

static weir_rc on_request(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    volatile int *volatile nowhere = NULL;
    volatile int n = 0;

    (void)req;
    switch (conf->mode) {
    case MODE_NULL:
        *nowhere = 1;
        break;
    case MODE_ABORT:
        abort();
    case MODE_EXIT:
        exit(0);
    case MODE_SPIN:
        for (;;) {
            n++;
        }
    case MODE_STACK:
        return overflow(&n);
    case MODE_LEAK:
        leak();
        break;
    case MODE_LOCK:
    case MODE_UNLOCK:
        return use_lock(conf);
    case MODE_SLOW:
        poll(NULL, 0, 20);
        break;
    default:
        return 999;
    }
    return WEIR_NEXT;
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_PREPARE, .fn = on_request}};

static const weir_module module = {
    WEIR_MODULE_HEAD("crash", "1"),
    .doc = "Fails.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .commit = commit,
};

WEIR_MODULE(crash, 3, "", module)
