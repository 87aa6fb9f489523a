/* SPDX-License-Identifier: Apache-2.0 */
/* generate.c - a handler that makes its body bit by bit, and variables: how much it made. */
#include <string.h>
#include <weir/module.h>

struct conf {
    uint64_t size, fail_at;
    bool has_length;
};

struct state {
    uint64_t made;
    uint32_t pulls;
};

static const weir_opt options[] = {
    {.name = "size", .type = WEIR_T_SIZE, .offset = offsetof(struct conf, size), .dflt = "1m"},
    {.name = "fail_at", .type = WEIR_T_SIZE, .offset = offsetof(struct conf, fail_at)},
    {.name = "length", .type = WEIR_T_BOOL, .offset = offsetof(struct conf, has_length)},
};

static weir_rc start(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;

    weir_respond(req, 200, conf->has_length ? (int64_t)conf->size : -1);
    return WEIR_MORE;
}

static weir_rc pull(weir_req *req, const void *conf_, weir_chain *out, size_t room)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    const struct conf *conf = conf_;
    struct state *state = weir_ctx(req);

    state->pulls++;
    while (room > 0 && state->made < conf->size) {
        size_t n = 26 - state->made % 26;

        n = n < conf->size - state->made ? n : (size_t)(conf->size - state->made);
        n = n < room ? n : room;
        weir_chain_copy(out, letters + state->made % 26, n);
        state->made += n;
        room -= n;
        if (conf->fail_at && state->made >= conf->fail_at) {
            return WEIR_ERROR;
        }
    }
    return state->made < conf->size ? WEIR_MORE : WEIR_OK;
}

static weir_rc get_made(weir_req *req, weir_str suffix, weir_str *out)
{
    const struct state *state = weir_ctx(req);
    char *text = weir_alloc(req, 20);
    uint64_t n = suffix.n == 5 && memcmp(suffix.p, "pulls", 5) == 0 ? state->pulls : state->made;
    size_t at = 20;

    if (suffix.n == 0) {
        return WEIR_NOTFOUND;
    }
    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    *out = (weir_str){text + at, 20 - at};
    return WEIR_OK;
}

static const weir_var variables[] = {
    {.name = "generated_*", .from = WEIR_RES_START, .get = get_made, .doc = "bytes, pulls"}};
static const weir_handler_ops handler = {.size = sizeof(handler), .start = start, .pull = pull};

static const weir_module module = {
    WEIR_MODULE_HEAD("generate", "1"),
    .doc = "Makes letters.",
    .scopes = WEIR_S_ROUTE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .vars = variables,
    .var_n = WEIR_COUNT(variables),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .handler = &handler,
};

WEIR_MODULE(generate, 1, "handler var:generated_*", module)
