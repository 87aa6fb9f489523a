/* SPDX-License-Identifier: Apache-2.0 */
/* NAME - a body filter: replaces one character by another in responses of one type. */
#include <weir/module.h>

#include <string.h>

struct conf {
    weir_str type, from, to;
};

static const weir_opt options[] = {
    {.name = "type",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, type),
     .dflt = "text/plain",
     .doc = "What the Content-Type of such responses begins with."},
    {.name = "from",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, from),
     .dflt = "o",
     .doc = "The character that is replaced."},
    {.name = "to",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, to),
     .dflt = "0",
     .doc = "The one that takes its place."},
};

/* Reports what no single option can: the host adds file and line. */
static void check(weir_cfg *cfg, void *arg)
{
    const struct conf *conf = arg;

    if (conf->from.n != 1 || conf->to.n != 1) {
        weir_cfg_error(cfg, conf->from.n != 1 ? "from" : "to", "expected exactly one character");
    }
}

/* A response is about to come: does this filter take part? */
static weir_rc filter_open(weir_req *req, const void *arg, void **state)
{
    const struct conf *conf = arg;
    weir_str type;

    weir_field_get(req, WEIR_RESPONSE, WEIR_F_CONTENT_TYPE, &type);
    if (type.n < conf->type.n || memcmp(type.p, conf->type.p, conf->type.n) != 0) {
        return WEIR_NEXT;
    }
    *state = (void *)conf; /* it needs no state of its own */
    return WEIR_DONE;
}

/* Bytes come as they please: one at a time, or many. `out` has room for some of them. */
static weir_rc filter_run(weir_req *req, void *state, weir_chain *in, weir_chain *out,
                          uint32_t flags)
{
    const struct conf *conf = state;
    weir_str bytes;

    (void)req;
    (void)flags; /* nothing is held back, so there is nothing to flush and no end to mark */
    while (weir_chain_first(in, &bytes)) {
        size_t got;
        char *to = weir_chain_reserve(out, bytes.n, &got);

        if (got == 0) {
            return WEIR_MORE;
        }
        size_t n = got < bytes.n ? got : bytes.n;
        for (size_t i = 0; i < n; i++) {
            to[i] = bytes.p[i] == conf->from.p[0] ? conf->to.p[0] : bytes.p[i];
        }
        weir_chain_commit(out, n);
        weir_chain_drop(in, n);
    }
    return WEIR_OK;
}

static const weir_filter_ops filter_ops = {
    .size = sizeof(filter_ops),
    .stage = WEIR_FILTER_TRANSFORM,
    .props = WEIR_FILTER_BYTES | WEIR_FILTER_NO_RANGE, /* and WEIR_FILTER_LENGTH if it changes */
    .name = "NAME",
    .side = WEIR_RESPONSE,
    .open = filter_open,
    .run = filter_run,
};
static const weir_filter_ops *const filters[] = {&filter_ops, NULL};

static const weir_module module = {
    WEIR_MODULE_HEAD("NAME", "0.1"),
    .doc = "Replaces one character by another in responses of one type.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .check = check,
    .filters = filters,
};

WEIR_MODULE(NAME, 3, "", module)
