/* SPDX-License-Identifier: Apache-2.0 */
/* ask.c - a command: `weir ask [WORD...]` says how many requests the workers had, and its words;
 * "crash" and "fail" do that. */
#include <unistd.h>
#include <string.h>

#include <weir/module.h>

static weir_zone *zone;

static void commit(weir_cfg *cfg, void *conf)
{
    (void)conf;
    zone = weir_cfg_zone(cfg, "count", 4096, 1, 1);
}

static weir_rc on_request(weir_req *req, const void *conf)
{
    uint64_t *count = weir_zone_at(zone);

    (void)req;
    (void)conf;
    __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
    return WEIR_NEXT;
}

static int is(weir_str word, const char *text)
{
    return word.n == strlen(text) && memcmp(word.p, text, word.n) == 0;
}

static weir_rc on_ask(weir_answer *answer, const weir_str *words, uint32_t n)
{
    const uint64_t *count = weir_zone_at(zone);
    volatile int *volatile nowhere = NULL;

    weir_say(answer, "%llu requests, user %d\n", (unsigned long long)*count, (int)geteuid());
    for (uint32_t i = 1; i < n; i++) {
        weir_say(answer, "<%.*s>\n", (int)words[i].n, words[i].p);
    }
    if (n > 1 && is(words[1], "crash")) {
        *nowhere = 1;
    }
    for (int i = 0; n > 1 && is(words[1], "much") && i < 100000; i++) {
        weir_say(answer, "line %d\n", i);
    }
    return n > 1 && is(words[1], "fail") ? WEIR_ERROR : WEIR_OK;
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_PREPARE, .fn = on_request}};
static const weir_command ask = {.size = sizeof(ask), .name = "ask", .run = on_ask};
static const weir_command *const commands[] = {&ask, NULL};

static const weir_module module = {
    WEIR_MODULE_HEAD("ask", "1"),
    .doc = "Answers on the control socket.",
    .scopes = WEIR_S_SITE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .commit = commit,
    .commands = commands,
};

WEIR_MODULE(ask, 3, "command:ask", module)
